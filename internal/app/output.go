package app

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// output is a result file that appears as a whole or not at all: it is written beside its place and then renamed, so that a
// reader never sees half of it, and an earlier result stays until the new one is complete.
type output struct {
	path string
	file *os.File
	// direct says that the path is a pipe or a device, which is written to and never replaced.
	direct bool
}

// createOutput opens a result file. It is called before the work, so that a place that cannot be written to is said at once.
func createOutput(path string) (*output, error) {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("write %s: it is a folder; name a file", path)
	case err == nil && !info.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // the user names the file to write
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", path, err)
		}
		return &output{path: path, file: f, direct: true}, nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, fmt.Errorf("write %s: %w; name a file in a folder that exists and may be written to", path, errors.Unwrap(err))
	}
	return &output{path: path, file: f}, nil
}

// finish writes the content, compressed with gzip if the name ends in .gz, and puts the file into its place.
func (o *output) finish(write func(io.Writer) error) error {
	err := o.fill(write)
	if o.direct {
		err = errors.Join(err, o.file.Close())
	} else {
		err = errors.Join(err, o.file.Chmod(0o644), o.file.Close())
		if err == nil {
			err = os.Rename(o.file.Name(), o.path)
		}
		if err != nil {
			err = errors.Join(err, os.Remove(o.file.Name()))
		}
	}
	o.file = nil
	if err != nil {
		return fmt.Errorf("write %s: %w", o.path, err)
	}
	return nil
}

// fill writes the content. The same content gives the same bytes: the header of gzip has no time and no name.
func (o *output) fill(write func(io.Writer) error) error {
	if !strings.HasSuffix(o.path, ".gz") {
		return write(o.file)
	}
	zip := gzip.NewWriter(o.file)
	return errors.Join(write(zip), zip.Close())
}

// abandon removes what was written unless it was finished.
func (o *output) abandon() {
	if o.file == nil {
		return
	}
	_ = o.file.Close() // nobody will read it
	if !o.direct {
		_ = os.Remove(o.file.Name()) // it is a hidden file at worst
	}
	o.file = nil
}
