package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"pilotlight/models"
)

// The files of a trace folder.
const (
	infoFile        = "trace.json"
	functionsFile   = "functions.csv"
	invocationsFile = "invocations.csv.gz"
)

// maxInfoBytes bounds trace.json.
const maxInfoBytes = 1 << 20

// Read reads a trace folder. Errors name the file and line and say what to do; those about the content wrap models.ErrInvalid.
func Read(dir string) (*Trace, error) { return ReadFS(os.DirFS(dir), dir) }

// ReadFS reads the trace in a file system; dir is what errors call it.
func ReadFS(fsys fs.FS, dir string) (*Trace, error) {
	var info Info
	var functions []Function
	var trace *Trace
	for _, part := range []struct {
		file string
		read func(r io.Reader) error
	}{
		{infoFile, func(r io.Reader) (err error) { info, err = readInfo(r); return err }},
		{functionsFile, func(r io.Reader) (err error) { functions, err = readFunctions(r); return err }},
		{invocationsFile, func(r io.Reader) (err error) { trace, err = readInvocations(r, info, functions); return err }},
	} {
		if err := readFile(fsys, part.file, part.read); err != nil {
			if at, ok := errors.AsType[*lineError](err); ok {
				return nil, fmt.Errorf("%s:%d: %w", filepath.Join(dir, part.file), at.line, at.err)
			}
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, part.file), err)
		}
	}
	return trace, nil
}

func readFile(fsys fs.FS, name string, read func(io.Reader) error) error {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the file is missing; a trace folder holds %s, %s and %s: %w", infoFile, functionsFile, invocationsFile, err)
	}
	if err != nil {
		return err
	}
	err = read(f)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// lineError is an error in a line of a file.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }

func (e *lineError) Unwrap() error { return e.err }

func readInfo(r io.Reader) (Info, error) {
	var info Info
	data, err := io.ReadAll(io.LimitReader(r, maxInfoBytes+1))
	if err != nil {
		return info, err
	}
	if len(data) > maxInfoBytes {
		return info, fmt.Errorf("more than %d bytes: %w", maxInfoBytes, models.ErrInvalid)
	}
	if err := json.Unmarshal(data, &info); err != nil {
		return info, &lineError{jsonLine(data, err), fmt.Errorf("not the JSON of a trace: %w: %w", err, models.ErrInvalid)}
	}
	return info, info.validate()
}

// jsonLine returns the line of an error of encoding/json.
func jsonLine(data []byte, err error) int {
	offset := int64(len(data))
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
	} else if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = kind.Offset
	}
	return 1 + bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n"))
}
