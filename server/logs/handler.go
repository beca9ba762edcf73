package logs

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
)

// longest is how long a text in a line may be, in bytes: what a device answers may be a megabyte.
const longest = 2048

// A handler makes lines that fit, if there is room for them.
type handler struct {
	slog.Handler
	spool *spool
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if !h.spool.room(r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, fitting(r))
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs), h.spool}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.spool}
}

// fitting is a record whose texts are of bounded length.
func fitting(r slog.Record) slog.Record {
	fits := len(r.Message) <= longest
	r.Attrs(func(a slog.Attr) bool {
		fits = fits && (a.Value.Kind() != slog.KindAny && a.Value.Kind() != slog.KindLogValuer && a.Value.Kind() != slog.KindGroup) && fitsIn(a.Value)
		return fits
	})
	if fits {
		return r
	}
	short := slog.NewRecord(r.Time, r.Level, cut(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		short.AddAttrs(slog.Attr{Key: a.Key, Value: shortened(a.Value.Resolve())})
		return true
	})
	return short
}

func fitsIn(v slog.Value) bool { return v.Kind() != slog.KindString || len(v.String()) <= longest }

func shortened(v slog.Value) slog.Value {
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(cut(v.String()))
	case slog.KindAny:
		return shortenedAny(v)
	case slog.KindGroup:
		var members []slog.Attr
		for _, a := range v.Group() {
			members = append(members, slog.Attr{Key: a.Key, Value: shortened(a.Value.Resolve())})
		}
		return slog.GroupValue(members...)
	}
	return v
}

// shortenedAny leaves small values as they are; of large ones the beginning is seen.
func shortenedAny(v slog.Value) slog.Value {
	if err, ok := v.Any().(error); ok {
		return slog.StringValue(cut(err.Error()))
	}
	text, err := json.Marshal(v.Any())
	if err == nil && len(text) <= longest {
		return slog.AnyValue(document{v.Any(), text})
	}
	if err != nil {
		text = []byte(err.Error())
	}
	return slog.StringValue(cut(string(text)))
}

// A document is JSON, in lines of text too unless it is a list of words.
type document struct {
	value any
	text  []byte
}

func (d document) MarshalJSON() ([]byte, error) { return d.text, nil }

// MarshalText is for lines of text, in which a list of words needs no brackets.
func (d document) MarshalText() ([]byte, error) {
	if words, ok := d.value.([]string); ok {
		return []byte(strings.Join(words, ", ")), nil
	}
	return d.text, nil
}

// cut shortens a text.
func cut(text string) string {
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}
