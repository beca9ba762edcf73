package access

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// A Refusal is why a request is not let in.
type Refusal struct {
	Status     int           // of the answer: 400, 401, 403, 429 or 503
	Detail     string        // what is wrong and what to do, for whoever sent it; it holds nothing secret
	RetryAfter time.Duration // when another attempt makes sense; 0: it does not
	Err        error         // what else there is to know, for our own log; mostly nil
}

func (f *Refusal) Error() string { return f.Detail }

func (f *Refusal) Unwrap() error { return f.Err }

func refuse(status int, detail string) *Refusal { return &Refusal{Status: status, Detail: detail} }

// header sets what HTTP wants beside the body of the answer.
func (f *Refusal) header(h http.Header) {
	h.Set("Cache-Control", "no-store")
	if f.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="twinbook"`)
	}
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((f.RetryAfter+time.Second-1)/time.Second)))
	}
	if f.Status == http.StatusTooManyRequests {
		h.Set("Connection", "close")
	}
}

// writeProblem answers with problem+json (RFC 9457).
func writeProblem(w http.ResponseWriter, _ *http.Request, f *Refusal) {
	body, err := json.Marshal(struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(f.Status), f.Status, f.Detail})
	if err != nil {
		panic(err) // two texts and a number
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(f.Status)
	w.Write(body)
}
