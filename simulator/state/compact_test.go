package state

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// churn writes the same records over and over, some megabytes of them, and takes some away.
func churn(t testing.TB, s *Store, bytes int) contents {
	t.Helper()
	all := contents{}
	text := strings.Repeat("x", 1000)
	for i := 0; i < bytes/1000; i++ {
		key := fmt.Sprint(i % 100)
		if i%7 == 0 {
			mustWrite(t, s, Change{"k", key, nil})
			delete(all, "k "+key)
			continue
		}
		mustWrite(t, s, Change{"k", key, fmt.Sprint(i, text)})
		all["k "+key] = fmt.Sprintf("%q", fmt.Sprint(i, text))
	}
	return all
}

func logSize(t testing.TB, s *Store) int64 {
	t.Helper()
	info, err := os.Stat(s.path(logName))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestLogIsClearedUpAtOpen(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	s.pause = time.Hour
	all := churn(t, s, 3<<20)
	if logSize(t, s) < 2<<20 {
		t.Fatalf("the log has %d bytes, and should not be cleared up yet", logSize(t, s))
	}
	mustClose(t, s)
	s = mustOpen(t, s.Dir())
	if size := logSize(t, s); size > 200<<10 || size != s.size {
		t.Errorf("the log has %d bytes, %d by its own count", size, s.size)
	}
	want(t, s, all)
	mustWrite(t, s, Change{"k", "new", 1})
	mustClose(t, s)
	all["k new"] = "1"
	want(t, mustOpen(t, s.Dir()), all)
}

func TestLogIsClearedUpWhileOthersWrite(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	s.pause = 0
	stop, written := make(chan struct{}), make(chan int)
	var last atomic.Int64
	go func() {
		i := 0
		for ; ; i++ {
			select {
			case <-stop:
				written <- i - 1
				return
			default:
			}
			if err := s.Write(Change{"other", "a", i}, Change{"other", fmt.Sprint("gone", i), 1}, Change{"other", fmt.Sprint("gone", i), nil}); err != nil {
				t.Error(err)
			}
			last.Store(int64(i))
		}
	}()
	all := churn(t, s, 6<<20)
	close(stop)
	all["other a"] = fmt.Sprint(<-written)
	mustClose(t, s)
	if size := logSize(t, s); size > 4<<20 {
		t.Errorf("the log has %d bytes, as if it had never been cleared up", size)
	}
	want(t, mustOpen(t, s.Dir()), all)
}

func TestLogThatCannotBeClearedUpGoesOn(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	s.pause = time.Hour
	if err := os.Mkdir(filepath.Join(s.Dir(), tempName), 0o700); err != nil {
		t.Fatal(err)
	}
	all := churn(t, s, 3<<20)
	if err := s.compact(); err != nil {
		t.Fatal(err)
	}
	if s.wasteful() {
		t.Error("it would be tried again at once")
	}
	mustWrite(t, s, Change{"k", "new", 1})
	all["k new"] = "1"
	want(t, s, all)
	mustClose(t, s)
	want(t, mustOpen(t, s.Dir()), all) // which also takes away what a killed one left
	if _, err := os.Stat(s.path(tempName)); err == nil {
		t.Error("the unfinished log is still there")
	}
}
