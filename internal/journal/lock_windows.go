package journal

import (
	"errors"
	"os"
	"syscall"
)

// errSharing is what Windows answers when somebody else has the file.
const errSharing = syscall.Errno(32)

// lockFile has nothing to do: the file was opened for this process alone.
func lockFile(*os.File) error { return nil }

// unlockFile has nothing to do either: closing the file is enough.
func unlockFile(*os.File) error { return nil }

// openLockFile opens the file for this process alone; Windows closes it when the process ends in whatever way.
func openLockFile(path string) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS,
		syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errSharing) {
		return nil, ErrInUse
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}
