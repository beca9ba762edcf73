package main

import (
	"bufio"
	"context"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What a newcomer reads fits on a screen and says what to do next.
func TestWelcome(t *testing.T) {
	state := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	out, in := io.Pipe()
	ended := make(chan int, 1)
	file := filepath.Join(root, "workflows/simulator.yaml")
	args := []string{"simulate", file, "--https", "127.0.0.1:0", "--mqtts", "127.0.0.1:0", "--http", "127.0.0.1:0", "--state", state, "--own", "myDevice"}
	go func() {
		ended <- run(ctx, args, strings.NewReader(""), in, t.Output(), func(string) (string, bool) { return "", false })
		in.Close()
	}()
	var text strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "Ctrl-C ends it."; {
		text.WriteString(lines.Text() + "\n")
	}
	cancel()
	go io.Copy(io.Discard, out)
	<-ended
	got := strings.ReplaceAll(text.String(), state, "STATE")
	got = regexp.MustCompile(`:\d+`).ReplaceAllString(got, ":PORT")
	got = regexp.MustCompile(`SharedAccessKey=\S{44}`).ReplaceAllString(got, "SharedAccessKey=KEY")
	const want = `simulator desk: 4 devices connected, 1 for you to connect

  for services  https://localhost:PORT, http://127.0.0.1:PORT
  for devices   mqtts://localhost:PORT, wss://localhost:PORT, ws://127.0.0.1:PORT
  CA to trust   STATE/ca.pem

In another terminal, in a folder without twinbook.yaml:

  export TWINBOOK_CA='STATE/ca.pem'
  export IOTHUB_CONNECTION_STRING='HostName=localhost:PORT;SharedAccessKeyName=service;SharedAccessKey=KEY'
  twinbook run reboot.yaml

Programs of your own trust the CA in their own way; for Node it is

  export NODE_EXTRA_CA_CERTS='STATE/ca.pem'

A device of your own takes a simulated one's place with --own ID and its connection string:

  HostName=localhost:PORT;DeviceId=myDevice;SharedAccessKey=KEY
  HostName=localhost:PORT;DeviceId=tutorialDevice;SharedAccessKey=KEY
  HostName=localhost:PORT;DeviceId=gateway-0;SharedAccessKey=KEY
  HostName=localhost:PORT;DeviceId=gateway-1;SharedAccessKey=KEY
  HostName=localhost:PORT;DeviceId=gateway-2;SharedAccessKey=KEY

`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
