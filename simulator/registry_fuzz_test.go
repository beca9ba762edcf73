package simulator

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/simulator/wire"
)

// FuzzRegistryBody sends anything to the calls that write identities. Each is answered in a form that clients
// can read, and the registry holds nothing that could not be made on purpose.
func FuzzRegistryBody(f *testing.F) {
	for _, body := range []string{
		`{"deviceId":"new","status":"disabled","statusReason":"x","authentication":{"type":"sas","symmetricKey":{"primaryKey":"","secondaryKey":"MDEyMzQ1Njc4OWFiY2RlZg=="}}}`,
		`{"deviceId":"new","authentication":{"x509Thumbprint":{"primaryThumbprint":"` + strings.Repeat("aB", 20) + `"}},"capabilities":{"iotEdge":true},"deviceScope":"s","parentScopes":["p"]}`,
		`{"deviceId":"dev-1","moduleId":"m","managedBy":"IotEdge"}`,
		`[{"id":"a","importMode":"create","tags":{"t":1},"properties":{"desired":{"d":{"e":[1,"x",null]}}}},{"id":"dev-1","moduleId":"m","importMode":"createOrUpdate"},{"id":"dev-2","importMode":"deleteIfMatchETag","eTag":"*"}]`,
		`[{"id":"dev-1","importMode":"updateTwinIfMatchETag","twinETag":"AAAAAAAAAAE=","tags":{}},{"id":"dev-1","importMode":"delete"},{"id":"b"}]`,
		`[5,null,{}]`, `{"deviceId":"new","DEVICEID":"other"}`, ``, `[`,
	} {
		f.Add(body, "")
		f.Add(body, `"*"`)
	}
	f.Fuzz(func(t *testing.T, body, ifMatch string) {
		h := newHub(t, Config{})
		owner, err := h.ConnectionString("iothubowner")
		if err != nil {
			t.Fatal(err)
		}
		token := wire.NewToken("localhost", "iothubowner", owner.Key, h.clock.Now().Add(time.Hour))
		for _, call := range []string{"PUT /devices/new", "PUT /devices/dev-1", "PUT /devices/dev-1/modules/m", "POST /devices"} {
			method, path, _ := strings.Cut(call, " ")
			r := httptest.NewRequest(method, path+"?api-version=2021-04-12", strings.NewReader(body))
			r.Header.Set("Authorization", token)
			r.Header.Set("If-Match", ifMatch)
			w := httptest.NewRecorder()
			h.Handler().ServeHTTP(w, r)
			checkRegistryAnswer(t, call, w)
		}
		for d := range h.devices.all(append(h.devices.list(), h.devices.listModules()...)) {
			if _, err := wire.ParseClientID(d.id); err != nil {
				t.Errorf("%q was made: %v", d.id, err)
			}
			if err := d.identity.check(); err != nil {
				t.Errorf("%s has credentials that cannot be: %v", d.id, err)
			}
		}
	})
}

func checkRegistryAnswer(t *testing.T, call string, w *httptest.ResponseRecorder) {
	t.Helper()
	var doc struct {
		Message      string
		DeviceID     string
		IsSuccessful *bool
	}
	err := json.Unmarshal(w.Body.Bytes(), &doc)
	named := strings.HasPrefix(doc.Message, "ErrorCode:"+w.Header().Get("iothub-errorcode")+";") && strings.Count(doc.Message, ";") == 1
	bulk := doc.IsSuccessful != nil && *doc.IsSuccessful == (w.Code == 200)
	switch {
	case err != nil:
		t.Errorf("%s: %d %s is no JSON: %v", call, w.Code, w.Body, err)
	case w.Code == 200 && doc.DeviceID == "" && !bulk:
		t.Errorf("%s: 200 %s", call, w.Body)
	case w.Code != 200 && (w.Code < 400 || w.Code >= 500 || !named && !bulk):
		t.Errorf("%s: %d %s", call, w.Code, w.Body)
	}
}
