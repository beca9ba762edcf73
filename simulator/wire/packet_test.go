package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

func read(b []byte, limit int) (packets.ControlPacket, error) {
	return ReadPacket(bufio.NewReader(bytes.NewReader(b)), limit)
}

// samples are packets that a device sends.
func samples() [][]byte {
	connect := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	connect.ProtocolName, connect.ProtocolVersion, connect.ClientIdentifier = "MQTT", 4, "dev-1"
	connect.UsernameFlag, connect.Username, connect.PasswordFlag, connect.Password = true, "h/dev-1", true, []byte("secret")
	publish := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	publish.Qos, publish.MessageID, publish.TopicName, publish.Payload = 1, 7, "devices/dev-1/messages/events/", []byte("x")
	subscribe := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	subscribe.MessageID, subscribe.Topics, subscribe.Qoss = 8, []string{"$iothub/methods/POST/#", "a"}, []byte{0, 1}
	unsubscribe := packets.NewControlPacket(packets.Unsubscribe).(*packets.UnsubscribePacket)
	unsubscribe.MessageID, unsubscribe.Topics = 9, []string{"a", "bc"}
	var all [][]byte
	for _, p := range []packets.ControlPacket{connect, publish, subscribe, unsubscribe, packets.NewControlPacket(packets.Pingreq), packets.NewControlPacket(packets.Disconnect)} {
		all = append(all, AppendPacket(nil, p))
	}
	return all
}

func TestReadPacket(t *testing.T) {
	for _, b := range samples() {
		p, err := read(b, 1000)
		if err != nil {
			t.Errorf("% x: %v", b, err)
			continue
		}
		if again := AppendPacket(nil, p); !bytes.Equal(again, b) {
			t.Errorf("% x came back as % x", b, again)
		}
	}
}

// A packet cut short anywhere is an error, both when the stream ends and when its length says so.
func TestReadPacketCut(t *testing.T) {
	for _, b := range samples() {
		for n := 1; n < len(b); n++ {
			if p, err := read(b[:n], 1000); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("% x: %v, %v, want an unexpected end", b[:n], p, err)
			}
		}
		for n := 0; n < len(b)-2; n++ {
			short := append([]byte{b[0], byte(n)}, b[2:2+n]...)
			p, err := read(short, 1000)
			if err == nil && !bytes.Equal(AppendPacket(nil, p), short) {
				t.Errorf("% x was read as %v", short, p)
			}
		}
	}
}

func TestReadPacketRefuses(t *testing.T) {
	for name, b := range map[string]string{
		"a length of five bytes":       "\x30\xff\xff\xff\xff\x01",
		"over the limit":               "\x30\xe9\x07",
		"type 0":                       "\x00\x00",
		"type 15":                      "\xf0\x00",
		"publish at QoS 3":             "\x36\x05\x00\x01a\x00\x01",
		"publish with packet id 0":     "\x32\x05\x00\x01a\x00\x00",
		"publish to a wildcard":        "\x30\x03\x00\x01#",
		"publish to nothing":           "\x30\x02\x00\x00",
		"publish to bad UTF-8":         "\x30\x03\x00\x01\xff",
		"subscribe with wrong flags":   "\x80\x06\x00\x01\x00\x01a\x00",
		"subscribe without filters":    "\x82\x02\x00\x01",
		"subscribe with packet id 0":   "\x82\x06\x00\x00\x00\x01a\x00",
		"subscribe at QoS 3":           "\x82\x06\x00\x01\x00\x01a\x03",
		"unsubscribe from nothing":     "\xa2\x04\x00\x01\x00\x00",
		"unsubscribe with a cut topic": "\xa2\x07\x00\x01\x00\x01a\x00\x05",
		"ping with a body":             "\xc0\x01x",
	} {
		if p, err := read([]byte(b), 1000); err == nil {
			t.Errorf("%s: read as %v", name, p)
		}
	}
	if _, err := read([]byte("\x30\xe9\x07"), 1000); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("a packet over the limit: %v", err)
	}
	if _, err := read(nil, 1000); err != io.EOF {
		t.Errorf("the end between packets: %v, want EOF", err)
	}
}

func FuzzReadPacket(f *testing.F) {
	for _, b := range samples() {
		f.Add(b)
	}
	f.Add([]byte("\x30\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bufio.NewReader(bytes.NewReader(b))
		for {
			p, err := ReadPacket(r, 4096)
			if err != nil {
				return
			}
			if size := len(AppendPacket(nil, p)); size > 5+4096 {
				t.Fatalf("%v has %d bytes, over the limit", p, size)
			}
			again, err := read(AppendPacket(nil, p), 8192)
			if err != nil || again.String() != p.String() {
				t.Fatalf("%v was written and read as %v, %v", p, again, err)
			}
		}
	})
}

func TestCheckEscapes(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"a":"\ud83d\ude00 \u00e4 \\ud83d \n"}`: true, `"\uD83D\uDE00"`: true, `"\\"`: true, `[]`: true, `"\ufffd"`: true,
		`"\ud83d"`: false, `"\ud83d "`: false, `"\ude00\ud83d"`: false, `"\ud83d\ud83d\ude00"`: false, `"\ud83d\\ude00"`: false, `"\\\udE00"`: false,
	} {
		if err := CheckEscapes([]byte(text)); (err == nil) != ok {
			t.Errorf("CheckEscapes(%s) = %v", text, err)
		}
	}
}

func TestCheckJSON(t *testing.T) {
	for _, c := range []struct {
		text  string
		depth int
		ok    bool
	}{
		{`{"a":[1,{"b":"]}{[\"{"}]}`, 3, true},
		{`{"a":[1,{"b":2}]}`, 2, false},
		{`null`, 0, true}, {`"x"`, 0, true}, {`[]`, 0, false},
		{``, 9, false}, {`{`, 9, false}, {`1 2`, 9, false}, {"\"\xff\"", 9, false}, {`]]]`, 9, false},
		{strings.Repeat("[", 10000) + strings.Repeat("]", 10000), 64, false},
		{strings.Repeat("[", 5<<20), 64, false},
	} {
		if err := CheckJSON([]byte(c.text), c.depth); (err == nil) != c.ok {
			t.Errorf("CheckJSON(%.40q, %d) = %v", c.text, c.depth, err)
		}
	}
}
