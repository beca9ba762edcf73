package warden

// A head keeps the first bytes that are written to it.
type head struct {
	most int
	Output
}

func (h *head) Write(p []byte) (int, error) {
	room := h.most - len(h.Text)
	h.Cut = h.Cut || len(p) > room
	h.Text = append(h.Text, p[:min(room, len(p))]...)
	return len(p), nil
}

// A tail keeps the last bytes that are written to it.
type tail struct {
	most int
	Output
}

func (t *tail) Write(p []byte) (int, error) {
	t.Text = append(t.Text, p[max(0, len(p)-2*t.most):]...)
	if len(t.Text) > 2*t.most { // so that each byte is moved once, and not with each write
		t.trim()
	}
	t.Cut = t.Cut || len(p) > 2*t.most
	return len(p), nil
}

func (t *tail) trim() {
	if over := len(t.Text) - t.most; over > 0 {
		t.Text = append(t.Text[:0], t.Text[over:]...)
		t.Cut = true
	}
}
