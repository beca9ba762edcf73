package wire

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

// User names as SDKs and documentation write them.
func TestParseUsername(t *testing.T) {
	for _, c := range []struct {
		text string
		want Username
	}{
		{"h/dev-1/?api-version=2021-04-12&DeviceClientType=azure-iot-device%2F1.18.3", Username{"h", "dev-1", "2021-04-12", ""}},          // Node
		{"h/dev-1/?api-version=2019-10-01&DeviceClientType=azure-iot-device-iothub-py%2F2.12", Username{"h", "dev-1", "2019-10-01", ""}},  // Python
		{"h/d/m/?api-version=2020-09-30&DeviceClientType=iothubclient%2f1.3.9%20(native; Linux)", Username{"h", "d/m", "2020-09-30", ""}}, // C, a module
		{"h:8883/dev-1/api-version=2016-11-14", Username{"h:8883", "dev-1", "2016-11-14", ""}},                                            // Go
		{"h/dev-1/?api-version=2021-04-12&model-id=dtmi%3Acom%3Aa%3B1", Username{"h", "dev-1", "2021-04-12", "dtmi:com:a;1"}},
		{"h/dev-1", Username{"h", "dev-1", "", ""}},
		{"h/dev-1/", Username{"h", "dev-1", "", ""}},
		{"h/a?b&c=d/?api-version=2021-04-12", Username{"h", "a?b&c=d", "2021-04-12", ""}},
	} {
		if got, err := ParseUsername(c.text); err != nil || got != c.want {
			t.Errorf("%q = %+v, %v; want %+v", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{"", "h", "/dev-1", "h/", "h//?api-version=2021-04-12", "h/d///"} {
		if got, err := ParseUsername(text); err == nil {
			t.Errorf("%q = %+v, want an error", text, got)
		}
	}
	u := Username{"h", "a?b", "2021-04-12", "dtmi:x;1 +"}
	if got, err := ParseUsername(u.String()); err != nil || got != u {
		t.Errorf("%q = %+v, %v; want %+v", u.String(), got, err, u)
	}
}

func TestParseClientID(t *testing.T) {
	for text, want := range map[string]Identity{"a": {"a", ""}, "a/b": {"a", "b"}, "a:b@c=d$'": {"a:b@c=d$'", ""}} {
		if got, err := ParseClientID(text); err != nil || got != want {
			t.Errorf("%q = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "/", "a/", "/a", "a/b/c", "a b", "ä", strings.Repeat("x", 129)} {
		if got, err := ParseClientID(text); err == nil {
			t.Errorf("%q = %+v, want an error", text, got)
		}
	}
}

func TestConnectionString(t *testing.T) {
	key := base64.StdEncoding.EncodeToString([]byte("0123456789abcdef"))
	for _, c := range []struct{ text, resource, address string }{
		{"HostName=h.net;SharedAccessKeyName=service;SharedAccessKey=" + key, "h.net", "h.net:443"},
		{"HostName=127.0.0.1:1883;DeviceId=d;SharedAccessKey=" + key, "127.0.0.1:1883/devices/d", "127.0.0.1:1883"},
		{"HostName=h;DeviceId=d;ModuleId=m;SharedAccessKey=" + key + ";GatewayHostName=g", "h/devices/d/modules/m", "g:443"},
	} {
		got, err := ParseConnectionString(c.text)
		if err != nil || got.String() != c.text || got.Resource() != c.resource || got.Address("443") != c.address {
			t.Errorf("%q = %q %q %q %v", c.text, got, got.Resource(), got.Address("443"), err)
		}
		if at := got.At("x:1"); at.Host != "x:1" || at.Device != got.Device {
			t.Errorf("%q at x:1 = %q", c.text, at)
		}
	}
	for text, want := range map[string]string{
		"": "not Name=Value", "HostName=h": "SharedAccessKeyName (service) or DeviceId (device) is missing",
		"DeviceId=d;SharedAccessKey=" + key:                                  "HostName is missing",
		"HostName=h;DeviceId=d":                                              "SharedAccessKey is missing",
		"HostName=h;DeviceId=d;SharedAccessKey=?":                            "not base64",
		"HostName=h;HostName=i;DeviceId=d;SharedAccessKey=" + key:            "twice",
		"HostName=h;DeviceId=d;SharedAccessKeyName=p;SharedAccessKey=" + key: "both",
		"HostName=h;ModuleId=m;SharedAccessKeyName=p;SharedAccessKey=" + key: "ModuleId needs DeviceId",
		"HostName=h;DeviceId;SharedAccessKey=" + key:                         "not Name=Value",
	} {
		if _, err := ParseConnectionString(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), key) {
			t.Errorf("%q: %v, want %q and no key", text, err, want)
		}
	}
	if !SameHost("Hub.Net:8883", "hub.net") || !SameHost("[::1]:1", "::1") || SameHost("a", "b") {
		t.Error("SameHost is wrong about case or port")
	}
}

// The signature was made with openssl: HMAC-SHA256 over sr and se, as Azure's documentation says.
const witnessed = "SharedAccessSignature sr=localhost%2Fdevices%2Fdev-1&sig=Dh03%2FadsuPUrF4h3fIuv4qI6FXlw28zkMCUXfpAswls%3D&se=1767225600"

func TestToken(t *testing.T) {
	key := []byte("0123456789abcdef")
	expiry := time.Unix(1767225600, 0)
	if got := NewToken("localhost/devices/dev-1", "", key, expiry); got != witnessed {
		t.Errorf("token %q, want %q", got, witnessed)
	}
	for name, text := range map[string]string{
		"as we write it":  witnessed,
		"other order":     "SharedAccessSignature se=1767225600&sr=localhost%2Fdevices%2Fdev-1&sig=Dh03%2FadsuPUrF4h3fIuv4qI6FXlw28zkMCUXfpAswls%3D",
		"sig not escaped": "SharedAccessSignature sr=localhost%2Fdevices%2Fdev-1&sig=Dh03/adsuPUrF4h3fIuv4qI6FXlw28zkMCUXfpAswls=&se=1767225600",
	} {
		tok, err := ParseToken(text)
		if err != nil || !tok.SignedBy(nil, []byte("another"), key) || tok.SignedBy([]byte("another")) {
			t.Errorf("%s: %+v, %v", name, tok, err)
		}
		if tok.Resource != "localhost/devices/dev-1" || tok.Host() != "localhost" || tok.Path() != "devices/dev-1" {
			t.Errorf("%s: resource %q", name, tok.Resource)
		}
		if tok.Expired(expiry.Add(-time.Second)) || tok.Expired(expiry.Add(skew-1)) || !tok.Expired(expiry.Add(skew)) {
			t.Errorf("%s: expires at another time", name)
		}
	}
	lower, _ := ParseToken("SharedAccessSignature sr=localhost%2fdevices%2fdev-1&sig=Dh03%2FadsuPUrF4h3fIuv4qI6FXlw28zkMCUXfpAswls%3D&se=1767225600")
	if lower.SignedBy(key) {
		t.Error("the signature is over the resource as it was sent, not as it could be written")
	}
	bare, err := ParseToken(NewToken("host", "p q+r", key, expiry))
	if err != nil || bare.Policy != "p q+r" || bare.Path() != "" || !bare.SignedBy(key) {
		t.Errorf("hub token: %+v, %v", bare, err)
	}
}

// azure-iothub once writes milliseconds where seconds belong.
func TestTokenFarFuture(t *testing.T) {
	now := time.Unix(1767225600, 0)
	for _, se := range []int64{now.UnixMilli(), 1<<63 - 1} {
		tok := Token{Expiry: se}
		if tok.Expired(now) || tok.Left(now) != 365*24*time.Hour {
			t.Errorf("se %d: left %v", se, tok.Left(now))
		}
	}
	tok, err := ParseToken(strings.Replace(witnessed, "se=1767225600", "se=1"+strings.Repeat("0", 30), 1))
	if err != nil || tok.Left(now) != 365*24*time.Hour {
		t.Errorf("se 10^30: left %v, %v", tok.Left(now), err)
	}
	for _, se := range []int64{0, -1, -1 << 63} {
		if tok := (Token{Expiry: se}); !tok.Expired(now) {
			t.Errorf("se %d: left %v", se, tok.Left(now))
		}
	}
}

func TestParseTokenRefuses(t *testing.T) {
	for _, text := range []string{
		"", "Bearer x", "SharedAccessSignature ", "SharedAccessSignature sr=a&sig=a&se=1", "SharedAccessSignature sr=a&sr=b",
		strings.Replace(witnessed, "se=", "se=x", 1), strings.Replace(witnessed, "sr=localhost%2Fdevices%2Fdev-1", "sr=", 1),
	} {
		if tok, err := ParseToken(text); err == nil {
			t.Errorf("%q = %+v, want an error", text, tok)
		}
	}
}

func FuzzToken(f *testing.F) {
	f.Add(witnessed)
	f.Add("SharedAccessSignature sr=h&sig=%zz&se=-9223372036854775808&skn=p")
	f.Fuzz(func(t *testing.T, text string) {
		tok, err := ParseToken(text)
		if err != nil {
			return
		}
		now := time.Unix(1767225600, 0)
		if left := tok.Left(now); left > 366*24*time.Hour || tok.Expired(now) != (left <= 0) {
			t.Errorf("%q: left %v", text, left)
		}
		if text != witnessed && tok.SignedBy([]byte("0123456789abcdef")) && tok.signed != "localhost%2Fdevices%2Fdev-1\n1767225600" {
			t.Errorf("%q is signed", text)
		}
	})
}

// Whatever a user name, a client id or a connection string says, it is read or refused, and what was read is
// printed and read the same.
func FuzzNames(f *testing.F) {
	f.Add("h/d/m/?api-version=2020-09-30&DeviceClientType=iothubclient%2f1.3.9%20(native; Linux)")
	f.Add("h/a?b&c=d/api-version=2016-11-14&model-id=dtmi%3Aa%3B1")
	f.Add("HostName=h:1;DeviceId=d;ModuleId=m;SharedAccessKey=MDEyMzQ1Njc4OWFiY2RlZg==;GatewayHostName=[::1]")
	f.Add("a:b@c=d$'/x")
	f.Add("a:b@c=d////")
	f.Fuzz(func(t *testing.T, text string) {
		if u, err := ParseUsername(text); err == nil {
			again, err := ParseUsername(Username{u.Host, u.ClientID, "2021-04-12", u.ModelID}.String())
			if err != nil || again.Host != u.Host || again.ClientID != u.ClientID || again.ModelID != u.ModelID {
				t.Errorf("user name %q = %+v, printed and read %+v, %v", text, u, again, err)
			}
		}
		if id, err := ParseClientID(text); err == nil && id.String() != text {
			t.Errorf("client id %q = %v", text, id)
		}
		if c, err := ParseConnectionString(text); err == nil {
			again, err := ParseConnectionString(c.String())
			if err != nil || again.String() != c.String() || SameHost(c.Host, "") {
				t.Errorf("connection string %q = %q, printed and read %q, %v", text, c, again, err)
			}
			c.Address("1")
			c.Resource()
		}
	})
}
