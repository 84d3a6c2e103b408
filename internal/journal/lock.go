package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// dirLock keeps other processes out of a directory.
type dirLock struct{ file *os.File }

// lockDir creates the directory if needed and takes it for this process.
func lockDir(dir string) (*dirLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the directory, or choose another one: %w", err)
	}
	f, err := openLockFile(filepath.Join(dir, "lock"))
	if err == nil {
		err = lockFile(f)
	}
	if errors.Is(err, ErrInUse) {
		holder := ""
		if f != nil {
			holder = holderOf(f)
			err = errors.Join(err, f.Close())
		}
		return nil, fmt.Errorf("directory %s is held by another Pilotlight%s: stop it, or choose another directory: %w",
			dir, holder, err)
	}
	if err != nil {
		return nil, fmt.Errorf("make the directory %s writable, or choose another one: %w", dir, err)
	}
	// The number is only for people; the lock holds without it.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0)
	}
	return &dirLock{file: f}, nil
}

// holderOf names the process that wrote its number into the lock file, if that can be read.
func holderOf(f *os.File) string {
	text, err := io.ReadAll(io.LimitReader(f, 20))
	pid, perr := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || perr != nil {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}

// release gives the directory free. The file stays: removing it would let two processes hold two files of the same name.
func (l *dirLock) release() error {
	if err := errors.Join(unlockFile(l.file), l.file.Close()); err != nil {
		return fmt.Errorf("release the journal's directory: %w", err)
	}
	return nil
}
