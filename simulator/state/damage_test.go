package state

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// history writes a small log, and gives it with what was there after each write.
func history(t testing.TB) (log []byte, states []contents) {
	t.Helper()
	s := mustOpen(t, t.TempDir())
	states = append(states, read(t, s))
	for _, c := range []Change{
		{"twin", "dev-1", map[string]int{"v": 1}}, {"twin", "dev-2", "x"}, {"twin", "dev-1", map[string]int{"v": 2}},
		{"device", "dev-1", true}, {"device", "dev-1", nil}, {"twin", "dev-1", map[string]int{"v": 3}},
	} {
		mustWrite(t, s, c)
		states = append(states, read(t, s))
	}
	mustClose(t, s)
	log, err := os.ReadFile(filepath.Join(s.Dir(), logName))
	if err != nil {
		t.Fatal(err)
	}
	return log, states
}

// recordsOf are what a log's bytes hold; nil if it cannot be read.
func recordsOf(t testing.TB, log []byte) (contents, error) {
	t.Helper()
	p, err := play(bytes.NewReader(log))
	if err != nil {
		return nil, err
	}
	all := contents{}
	for _, places := range p.index.kinds {
		for _, at := range places {
			l, ok := parseLine(log[at.offset : at.offset+int64(at.length)-1])
			if !ok {
				t.Fatalf("the index points at a line that is none: %q", log[at.offset:])
			}
			all[string(l.kind)+" "+string(l.key)] = string(l.value)
		}
	}
	if p.size+p.torn != int64(len(log)) {
		t.Errorf("%d bytes are good and %d torn, of %d", p.size, p.torn, len(log))
	}
	return all, nil
}

// wantEarlier asks that a spoilt log is refused or is one that once was.
func wantEarlier(t testing.TB, log []byte, states []contents, how string, args ...any) {
	t.Helper()
	got, err := recordsOf(t, log)
	if err == nil && !slices.ContainsFunc(states, func(s contents) bool { return maps.Equal(s, got) }) {
		t.Errorf("%s: %v, which never was", fmt.Sprintf(how, args...), got)
	}
}

func TestCutLogIsAsItWas(t *testing.T) {
	log, states := history(t)
	n := 0
	for cut := len(header); cut <= len(log); cut++ {
		got, err := recordsOf(t, log[:cut])
		if log[cut-1] == '\n' && cut > len(header) {
			n++
		}
		if err != nil || !maps.Equal(got, states[n]) {
			t.Errorf("cut at %d: %v, %v; want %v", cut, got, err, states[n])
		}
	}
	if n != len(states)-1 {
		t.Errorf("%d lines, want %d", n, len(states)-1)
	}
}

func TestSpoiltByte(t *testing.T) {
	log, states := history(t)
	for at := range log {
		for _, b := range []byte{0, ' ', '\t', '\n', '0', '1', 'k', 0xff, log[at] ^ 1} {
			if b == log[at] {
				continue
			}
			spoilt := bytes.Clone(log)
			spoilt[at] = b
			wantEarlier(t, spoilt, states, "byte %d is %q", at, b)
			if _, err := recordsOf(t, spoilt); err == nil && at < len(log)-1 {
				t.Errorf("byte %d is %q, and nobody says so", at, b)
			}
		}
	}
}

func TestLinesThatAreMoved(t *testing.T) {
	log, states := history(t)
	lines := bytes.SplitAfter(log, []byte("\n"))
	for i := range len(lines) - 1 {
		wantEarlier(t, bytes.Join(slices.Delete(slices.Clone(lines), i, i+1), nil), states, "without line %d", i)
		wantEarlier(t, bytes.Join(slices.Insert(slices.Clone(lines), i, lines[i]), nil), states, "twice line %d", i)
		for j := range i {
			swapped := slices.Clone(lines)
			swapped[i], swapped[j] = swapped[j], swapped[i]
			wantEarlier(t, bytes.Join(swapped, nil), states, "lines %d and %d swapped", j, i)
		}
	}
}

func FuzzLog(f *testing.F) {
	log, _ := history(f)
	f.Add(log)
	f.Add(log[:len(log)-3])
	f.Add(append(bytes.Clone(log), make([]byte, 100)...))
	f.Add([]byte(header))
	f.Fuzz(func(t *testing.T, log []byte) {
		all, err := recordsOf(t, log)
		if err != nil {
			return
		}
		for name, value := range all {
			kind, key, _ := strings.Cut(name, " ")
			if !bytes.Contains(log, []byte("\t"+kind+"\t"+key+"\t"+value+"\n")) {
				t.Errorf("%s %s was not written", name, value)
			}
		}
	})
}

// spoil changes the log of a folder.
func spoil(t testing.TB, dir string, change func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, logName)
	log, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(log), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func closedStore(t testing.TB, changes ...Change) (dir string) {
	t.Helper()
	s := mustOpen(t, t.TempDir())
	for _, c := range changes {
		mustWrite(t, s, c)
	}
	mustClose(t, s)
	return s.Dir()
}

func TestTornEndIsDropped(t *testing.T) {
	for what, torn := range map[string][]byte{
		"half a line": []byte("0123abcd\t3\ttwin\tdev-"),
		"zeros":       make([]byte, 5000),
		"a long line": bytes.Repeat([]byte("x"), 200<<10),
	} {
		dir := closedStore(t, Change{"k", "a", 1}, Change{"k", "b", 2})
		spoil(t, dir, func(log []byte) []byte { return append(log, torn...) })
		for again := range 2 {
			s := mustOpen(t, dir)
			if want := int64(len(torn)); again == 0 && s.Torn() != want || again > 0 && s.Torn() != 0 {
				t.Errorf("%s: %d bytes were torn off, want %d", what, s.Torn(), want)
			}
			want(t, s, contents{"k a": "1", "k b": fmt.Sprint(2 + again)})
			mustWrite(t, s, Change{"k", "b", 3})
			mustClose(t, s)
		}
	}
}

func TestDamageIsToldAndLeft(t *testing.T) {
	for what, c := range map[string]struct {
		spoil func(log []byte) []byte
		says  []string
	}{
		"in the middle": {func(log []byte) []byte { log[len(header)+15] ^= 1; return log },
			[]string{fmt.Sprintf("records.log is damaged at byte %d: record 1", len(header)), "Nothing was changed", fmt.Sprintf("truncate -s %d", len(header))}},
		"at the end": {func(log []byte) []byte { return append(log, "01234567\t3\tk\tc\t3\n"...) }, []string{"record 3 is not as it was written"}},
		"a line is gone": {func(log []byte) []byte {
			return append([]byte(header), log[bytes.LastIndexByte(log[:len(log)-1], '\n')+1:]...)
		},
			[]string{"record 2 stands where record 1 was written"}},
		"much at the end": {func(log []byte) []byte { return append(log, make([]byte, maxLine+1)...) }, []string{"damaged at byte", "record 3"}},
		"no header":       {func(log []byte) []byte { return log[5:] }, []string{"damaged at byte 0", "does not begin with", "remove it to begin anew"}},
		"a newer format":  {func(log []byte) []byte { return append([]byte(headerText+"2\n"), log...) }, []string{"newer twinbook"}},
	} {
		t.Run(what, func(t *testing.T) {
			dir := closedStore(t, Change{"k", "a", 1}, Change{"k", "b", 2})
			spoil(t, dir, c.spoil)
			before, _ := os.ReadFile(filepath.Join(dir, logName))
			_, err := Open(dir)
			wantError(t, err, append(c.says, "state folder "+dir)...)
			if after, _ := os.ReadFile(filepath.Join(dir, logName)); !bytes.Equal(before, after) {
				t.Error("the log was changed")
			}
			_, err = Open(dir)
			wantError(t, err, c.says...) // and the lock was let go
		})
	}
}

func TestCuttingADamagedLogIsTheWayOut(t *testing.T) {
	dir := closedStore(t, Change{"k", "a", 1}, Change{"k", "b", 2}, Change{"k", "c", 3})
	var at int
	spoil(t, dir, func(log []byte) []byte {
		at = bytes.Index(log, []byte("\tb\t"))
		log[at] = ' '
		return log
	})
	_, err := Open(dir)
	if err == nil {
		t.Fatal("a damaged log was opened")
	}
	_, advice, _ := strings.Cut(err.Error(), "truncate -s ")
	var size int64
	if _, err := fmt.Sscan(advice, &size); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, logName), size); err != nil {
		t.Fatal(err)
	}
	want(t, mustOpen(t, dir), contents{"k a": "1"})
}
