package journal

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mountedAlone says what is wrong if a file is mounted without its folder, as containers can have it: what is beside
// it elsewhere is not here. Systems older than Linux 5.8 do not say so.
func mountedAlone(file string) error {
	var of [2]unix.Statx_t
	for i, path := range []string{file, filepath.Dir(file)} {
		if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_MNT_ID, &of[i]); err != nil || of[i].Mask&unix.STATX_MNT_ID == 0 {
			return nil
		}
	}
	if of[0].Mnt_id != of[1].Mnt_id {
		return errLinked
	}
	return nil
}
