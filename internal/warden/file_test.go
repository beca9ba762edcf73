//go:build unix

package warden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckFile(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	folder := func(path string, mode os.FileMode) string {
		path = filepath.Join(dir, path)
		must(os.Mkdir(path, 0o755))
		must(os.Chmod(path, mode))
		return path
	}
	file := func(path string, mode os.FileMode) string {
		must(os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700))
		must(os.Chmod(path, mode))
		return path
	}
	link := func(target, path string) string {
		must(os.Symlink(target, path))
		return path
	}
	own, open, shared, sticky := folder("own", 0o755), folder("open", 0o777), folder("shared", 0o775), folder("sticky", 0o777|os.ModeSticky)
	good := file(filepath.Join(own, "good"), 0o755)
	if os.Geteuid() == 0 {
		must(os.Chown(shared, 0, 12345))
	}
	stranger := file(filepath.Join(own, "stranger"), 0o755)
	for _, c := range []struct{ name, path, want string }{
		{"a program", good, ""},
		{"the shell", "/bin/sh", ""},
		{"a link to it", link("good", filepath.Join(own, "link")), ""},
		{"a link by the root", link(good, filepath.Join(own, "far")), ""},
		{"a link in a sticky folder", link(good, filepath.Join(sticky, "link")), ""},
		{"with dots", own + "/../own/./good", ""},
		{"in a sticky folder", file(filepath.Join(sticky, "good"), 0o755), ""},
		{"in an open folder", file(filepath.Join(open, "good"), 0o755), "others may write to " + open},
		{"in a shared folder", file(filepath.Join(shared, "good"), 0o755), "others may write to " + shared},
		{"a link into an open folder", link("../open/good", filepath.Join(own, "out")), "others may write to " + open},
		{"a link in an open folder", link("../own/good", filepath.Join(open, "link")), "others may write to " + open},
		{"through an open folder and back", open + "/../own/good", "others may write to " + open},
		{"a file that all may write", file(filepath.Join(own, "written"), 0o777), "others may write"},
		{"no program", file(filepath.Join(own, "text"), 0o644), "may not be run"},
		{"a folder", own, "is a folder"},
		{"a link to a folder", link(".", filepath.Join(own, "here")), "is a folder"},
		{"a link to the root", link("/", filepath.Join(own, "root")), "is a folder"},
		{"the root", "/", "is a folder"},
		{"a device", "/dev/null", ""},
		{"no file", filepath.Join(own, "nothing"), "no such file"},
		{"a link to nothing", link("nothing", filepath.Join(own, "dangling")), "no such file"},
		{"a link to itself", link("loop", filepath.Join(own, "loop")), "too many symbolic links"},
		{"below a file", good + "/x", "is no folder"},
		{"of somebody else", stranger, ""},
	} {
		if c.name == "of somebody else" {
			if os.Geteuid() != 0 {
				continue
			}
			must(os.Chown(stranger, 12345, 0))
			c.want = "belongs to the user 12345"
		}
		err := CheckFile(c.path)
		if c.name == "a device" {
			if err == nil {
				t.Errorf("%s may be run", c.path)
			}
			continue
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
