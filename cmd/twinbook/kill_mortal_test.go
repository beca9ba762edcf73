package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// deathVariable tells a mortal twinbook when it is to die, as "KIND N":
//
//	write N       before the Nth write to the journal's files
//	database N    before the Nth write to its main file, which is being made, or filled from the log (a checkpoint)
//	sync N        after the Nth sync of its files, and before anybody hears of it: the Nth commit is on disk
//	next N        before the first write after that: all has been done that may be done before the next commit
//	time N        N microseconds after its beginning
const deathVariable = "TWINBOOK_TEST_DEATH"

// mortalName is the command that runs the program so that it can die.
const mortalName = "twinbook-mortal"

// mortal is the program as it is shipped, and with it a death by kill -9 at an exact place. SQLite's own files are
// where that is found, so nothing of the program knows of it.
func mortal() {
	if when := os.Getenv(deathVariable); when != "" {
		if err := awaitDeath(when); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(exitUsage)
		}
	}
	os.Exit(Main())
}

func awaitDeath(when string) error {
	kind, number, _ := strings.Cut(when, " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		return fmt.Errorf("%s=%s: %w", deathVariable, when, err)
	}
	if kind == "time" {
		time.AfterFunc(time.Duration(n)*time.Microsecond, die)
		return nil
	}
	fate.kind, fate.left = kind, n
	return fate.seize()
}

// die is kill -9; nothing follows it.
func die() {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		self.Kill()
	}
	select {}
}

// A file system is the one that SQLite uses, with functions of ours before its own.
type fileSystem struct {
	open uintptr // its own function

	mu      sync.Mutex                              // guards what follows
	methods map[uintptr]sqlite3.Tsqlite3_io_methods // those of its own that were replaced
	mains   map[uintptr]bool                        // open files that are no logs
	kind    string
	left    int // until it happens
}

// fate is of this process, since SQLite calls functions and not methods.
var fate = fileSystem{methods: map[uintptr]sqlite3.Tsqlite3_io_methods{}, mains: map[uintptr]bool{}}

func (s *fileSystem) seize() error {
	tls := libc.NewTLS()
	defer tls.Close()
	if rc := sqlite3.Xsqlite3_initialize(tls); rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("SQLite does not begin: %d", rc)
	}
	vfs := (*sqlite3.Tsqlite3_vfs)(pointee(sqlite3.Xsqlite3_vfs_find(tls, 0)))
	s.open = vfs.FxOpen
	vfs.FxOpen = pointer(openFile)
	return nil
}

// count says whether it is time to die.
func (s *fileSystem) count(kind string) bool {
	if s.kind != kind {
		return false
	}
	s.left--
	return s.left == 0
}

func openFile(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32 {
	type function = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32
	rc := call[function](fate.open)(tls, vfs, name, file, flags, out)
	if rc == sqlite3.SQLITE_OK {
		fate.mu.Lock()
		defer fate.mu.Unlock()
		fate.mains[file] = flags&sqlite3.SQLITE_OPEN_MAIN_DB != 0
		table := (*sqlite3.Tsqlite3_file)(pointee(file)).FpMethods
		if _, known := fate.methods[table]; !known {
			methods := (*sqlite3.Tsqlite3_io_methods)(pointee(table))
			fate.methods[table] = *methods
			methods.FxWrite, methods.FxSync = pointer(writeFile), pointer(syncFile)
		}
	}
	return rc
}

// own are the functions of a file before they were replaced.
func (s *fileSystem) own(file uintptr) sqlite3.Tsqlite3_io_methods {
	return s.methods[(*sqlite3.Tsqlite3_file)(pointee(file)).FpMethods]
}

func writeFile(tls *libc.TLS, file, data uintptr, n int32, offset int64) int32 {
	fate.mu.Lock()
	if fate.count("write") || fate.mains[file] && fate.count("database") || fate.kind == "now" {
		die()
	}
	own := fate.own(file).FxWrite
	fate.mu.Unlock()
	type function = func(tls *libc.TLS, file, data uintptr, n int32, offset int64) int32
	return call[function](own)(tls, file, data, n, offset)
}

func syncFile(tls *libc.TLS, file uintptr, flags int32) int32 {
	fate.mu.Lock()
	own := fate.own(file).FxSync
	fate.mu.Unlock()
	type function = func(tls *libc.TLS, file uintptr, flags int32) int32
	rc := call[function](own)(tls, file, flags)
	fate.mu.Lock()
	defer fate.mu.Unlock()
	if fate.count("sync") {
		die()
	}
	if fate.count("next") {
		fate.kind = "now"
	}
	return rc
}

// SQLite is C made into Go: its pointers are numbers, those to functions as well.

func pointee(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

// pointer is a function, one with a name, as SQLite calls it.
func pointer(f any) uintptr { return (*[2]uintptr)(unsafe.Pointer(&f))[1] }

// call is a function of SQLite's.
func call[F any](function uintptr) F {
	return *(*F)(unsafe.Pointer(&function))
}
