package azure

import (
	"fmt"
	"strings"
	"testing"
)

func TestConnectionStringMistakes(t *testing.T) {
	const key = "SharedAccessKey=" + testKey
	for _, test := range []struct{ text, want string }{
		{"", "it is empty"},
		{`"HostName=h;SharedAccessKeyName=p;` + key + `"`, "in quotes"},
		{"HostName=h.azure-devices.net;SharedAccessKeyName=p", "SharedAccessKey is missing or empty"},
		{"HostName=h.azure-devices.net;SharedAccessKeyName=;" + key, "SharedAccessKeyName is missing or empty"},
		{"SharedAccessKeyName=p;" + key, "HostName is missing or empty"},
		{"HostName=h;HostName=h;SharedAccessKeyName=p;" + key, "part 2 names a thing for the second time"},
		{"HostName=h;DeviceId=d;" + key, "that of a device"},
		{"Endpoint=sb://x/;SharedAccessKeyName=p;" + key, "Event Hubs"},
		{"HostName=h;SharedAccessKeyName=p;" + testKey, "part 3 is not one of"},
		{"HostName=h;SharedAccessKeyName=p;SharedAccessKey=" + testKey[:26], "not base64"},
		{"HostName=https://h.azure-devices.net;SharedAccessKeyName=p;" + key, "not a bare name"},
		{"HostName=h.azure-devices.net/x;SharedAccessKeyName=p;" + key, "not a bare name"},
		{"HostName=127.0.0.1:http;SharedAccessKeyName=p;" + key, "a port that is none"},
		{"HostName=127.0.0.1:70000;SharedAccessKeyName=p;" + key, "a port that is none"},
		{"HostName=::1;SharedAccessKeyName=p;" + key, "brackets"},
		{"HostName=h\x1b[31m;SharedAccessKeyName=p;" + key, "cannot be a host"},
	} {
		_, err := Open(test.text, Options{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: error %v, want one with %q", test.text, err, test.want)
		}
		if err != nil && (strings.Contains(err.Error(), testKey[:10]) || strings.Contains(err.Error(), "\x1b")) {
			t.Errorf("%q: the error shows the key or a control character: %v", test.text, err)
		}
	}
}

func TestOnlyLoopbackWithPortIsPlain(t *testing.T) {
	for host, want := range map[string]string{
		"Plant.Azure-Devices.Net":     "https://plant.azure-devices.net",
		"plant.azure-devices.net:443": "https://plant.azure-devices.net:443",
		"127.0.0.1:8080":              "http://127.0.0.1:8080",
		"127.0.0.1":                   "https://127.0.0.1",
		"localhost:8080":              "http://localhost:8080",
		"localhost":                   "https://localhost",
		"[::1]:8080":                  "http://[::1]:8080",
		"192.168.1.7:8080":            "https://192.168.1.7:8080",
		"localhost.evil.example:8080": "https://localhost.evil.example:8080",
	} {
		c, err := parseConnection(" hostname = " + host + " ;SharedAccessKeyName=p;SharedAccessKey=" + testKey + "; ")
		if err != nil || c.base() != want {
			t.Errorf("%s: %s, %v; want %s", host, c.base(), err, want)
		}
	}
}

func TestPrintingAClientDoesNotShowTheKey(t *testing.T) {
	c := open(t, "127.0.0.1:1", Options{})
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		text := fmt.Sprintf(format, c) + fmt.Sprintf(format, c.tokens)
		if strings.Contains(text, "secret-secret") || strings.Contains(text, testKey) || strings.Contains(text, fmt.Sprint([]byte("secret-secret"))[1:20]) {
			t.Errorf("%s shows the key: %s", format, text)
		}
	}
}

func TestCAFileMustHoldACertificate(t *testing.T) {
	_, err := Open("HostName=h;SharedAccessKeyName=p;SharedAccessKey="+testKey, Options{CA: []byte("no pem")})
	if err == nil || !strings.Contains(err.Error(), "BEGIN CERTIFICATE") {
		t.Errorf("error = %v", err)
	}
}

func FuzzParseConnection(f *testing.F) {
	f.Add("HostName=127.0.0.1:8080;SharedAccessKeyName=p;SharedAccessKey=" + testKey)
	f.Add("HostName=[::1%25eth0]:1;;=;")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseConnection(text)
		if err == nil && (c.host == "" || c.policy == "" || len(c.key) == 0) {
			t.Errorf("%q is accepted as %+v", text, c)
		}
	})
}
