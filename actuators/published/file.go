package published

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"pilotlight/models"
)

// line is one entry of the file, in JSON.
type line struct {
	Target models.TargetID `json:"target"`
	Warm   int             `json:"warm"`
}

// spareLines is by how many lines the file may outgrow the targets before it is written anew.
const spareLines = 1000

// file remembers floors in a file to which every change is appended. The last line of a target counts. A line that was cut short
// by a crash is dropped.
type file struct {
	path string

	mu      sync.Mutex
	loaded  bool
	floors  map[models.TargetID]int
	lines   int
	changes int
}

func newFile(path string) *file { return &file{path: path, floors: map[models.TargetID]int{}} }

// floor returns the floor of a target, 0 if none was set.
func (f *file) floor(id models.TargetID) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.load(); err != nil {
		return 0, err
	}
	return f.floors[id], nil
}

// set changes the floor of a target.
func (f *file) set(id models.TargetID, n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.load(); err != nil {
		return err
	}
	if f.floors[id] == n {
		return nil
	}
	if f.path != "" {
		if err := f.append(line{id, n}); err != nil {
			return fmt.Errorf("remember the floor: %w", err)
		}
	}
	f.floors[id] = n
	f.changes++
	return nil
}

// changed returns how often something was changed.
func (f *file) changed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changes
}

// load reads the file once.
func (f *file) load() error {
	if f.loaded || f.path == "" {
		return nil
	}
	data, err := os.ReadFile(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the published floors: %w", err)
	}
	floors, lines := parse(data)
	f.floors, f.lines, f.loaded = floors, lines, true
	if len(data) > 0 && data[len(data)-1] != '\n' {
		// What comes next must not continue a line that was cut short.
		f.lines = len(f.floors) + spareLines
	}
	return nil
}

// parse reads the lines that are whole.
func parse(data []byte) (floors map[models.TargetID]int, lines int) {
	floors = map[models.TargetID]int{}
	for text := range bytes.Lines(data) {
		lines++
		var l line
		if json.Unmarshal(text, &l) == nil && l.Target.Validate() == nil && l.Warm >= 0 {
			floors[l.Target] = l.Warm
		}
	}
	return floors, lines
}

// append adds a line, or writes the file anew when most of its lines are out of date.
func (f *file) append(l line) error {
	if f.lines >= len(f.floors)+spareLines {
		return f.rewrite(l)
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o750); err != nil {
		return err
	}
	out, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	text, err := json.Marshal(l)
	if err == nil {
		_, err = out.Write(append(text, '\n'))
	}
	f.lines++
	if err = errors.Join(err, out.Close()); err != nil {
		// Part of a line may be there: the next change writes the file anew.
		f.lines = len(f.floors) + spareLines
	}
	return err
}

// rewrite replaces the file by one with a line for each target.
func (f *file) rewrite(last line) error {
	out, err := os.CreateTemp(filepath.Dir(f.path), filepath.Base(f.path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(out.Name()) }() // it has been renamed, or is of no use
	lines := []line{last}
	for id, n := range f.floors {
		if id != last.Target {
			lines = append(lines, line{id, n})
		}
	}
	slices.SortFunc(lines, func(a, b line) int { return strings.Compare(string(a.Target), string(b.Target)) })
	buffered := bufio.NewWriter(out)
	encoder := json.NewEncoder(buffered)
	for _, l := range lines {
		if err = encoder.Encode(l); err != nil {
			break
		}
	}
	if err = errors.Join(err, buffered.Flush(), out.Sync(), out.Close()); err != nil {
		return err
	}
	if err := os.Rename(out.Name(), f.path); err != nil {
		return err
	}
	f.lines = len(lines)
	return nil
}
