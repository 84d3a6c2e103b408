package app

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hello writes a text, or half of it and an error.
func hello(err error) func(io.Writer) error {
	return func(w io.Writer) error {
		if _, e := io.WriteString(w, "hello"); e != nil {
			return e
		}
		return err
	}
}

func TestOutput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain := filepath.Join(dir, "out.csv")
	o, err := createOutput(plain)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(plain); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there before it is complete: %v", err)
	}
	if err := o.finish(hello(nil)); err != nil {
		t.Fatal(err)
	}
	o.abandon() // after the end it has no effect
	if got := read(t, plain); got != "hello" {
		t.Errorf("the file holds %q", got)
	}
	if info, err := os.Stat(plain); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the file is not for others to read: %v, %v", info, err)
	}
	// What fails or is given up leaves the earlier result, and nothing else.
	disk := errors.New("disk full")
	if o, err = createOutput(plain); err == nil {
		err = o.finish(hello(disk))
	}
	if !errors.Is(err, disk) || !strings.Contains(err.Error(), "write "+plain) {
		t.Errorf("error %v", err)
	}
	if o, err = createOutput(plain); err != nil {
		t.Fatal(err)
	}
	o.abandon()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || read(t, plain) != "hello" {
		t.Errorf("the folder holds %v, %v, and the file %q", entries, err, read(t, plain))
	}
}

func TestOutputGzip(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var all []string
	for _, name := range []string{"a.csv.gz", "b.csv.gz"} {
		o, err := createOutput(filepath.Join(dir, name))
		if err == nil {
			err = o.finish(hello(nil))
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, read(t, filepath.Join(dir, name)))
	}
	if all[0] != all[1] {
		t.Error("the same content gives other bytes")
	}
	zip, err := gzip.NewReader(strings.NewReader(all[0]))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(zip); err != nil || string(got) != "hello" {
		t.Errorf("the file holds %q, %v", got, err)
	}
}

// TestOutputPlaces checks where a result may go: a link is followed, a device is written to and not replaced.
func TestOutputPlaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, link := write(t, dir, "target.csv", "old"), filepath.Join(dir, "link.csv")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, os.DevNull} {
		o, err := createOutput(path)
		if err == nil {
			err = o.finish(hello(nil))
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != os.ModeSymlink || read(t, target) != "hello" {
		t.Errorf("the link became %v, %v, its target holds %q", info, err, read(t, target))
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Fatalf("the device was replaced: %v, %v", info, err)
	}
	for path, want := range map[string]string{
		dir:                                    "it is a folder; name a file",
		filepath.Join(dir, "no", "d.csv"):      "in a folder that exists",
		filepath.Join(dir, "target.csv", "no"): "in a folder that exists",
	} {
		if _, err := createOutput(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", path, err, want)
		}
	}
}

func TestPlotNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plot", "plot.pdf", ".svgz"} {
		if _, err := createPlot(filepath.Join(t.TempDir(), name)); !errors.Is(err, ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
