package azure

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
)

func bareHub(b *testing.B) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		io.WriteString(w, `{"status":200,"payload":{"Response":"ok"}}`)
	}))
	b.Cleanup(s.Close)
	return s
}

// BenchmarkInvoke is a method call through the client, one and 64 at a time.
func BenchmarkInvoke(b *testing.B) {
	c := open(b, bareHub(b).Listener.Addr().String(), Options{})
	call := hub.Call{Target: hub.Target{Device: "dev-1"}, Method: "reboot", Payload: map[string]any{"n": 1}, Response: 5 * time.Second}
	both(b, func() error {
		_, err := c.Invoke(b.Context(), call)
		return err
	})
}

// BenchmarkBareHTTP is the floor: the same bytes through http.Client, decoded.
func BenchmarkBareHTTP(b *testing.B) {
	url := bareHub(b).URL + "/twins/dev-1/methods?api-version=" + apiVersion
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128}}
	b.Cleanup(client.CloseIdleConnections)
	body := []byte(`{"methodName":"reboot","payload":{"n":1},"responseTimeoutInSeconds":5,"connectTimeoutInSeconds":0}`)
	both(b, func() error {
		resp, err := client.Post(url, "application/json; charset=utf-8", bytes.NewReader(body))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		var reply struct {
			Status  int
			Payload any
		}
		return json.NewDecoder(resp.Body).Decode(&reply)
	})
}

func both(b *testing.B, f func() error) {
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := f(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("64", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(32) // times GOMAXPROCS, 2 on the machine it was written for
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := f(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}
