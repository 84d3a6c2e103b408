package published_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pilotlight/actuators"
	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/published"
	"pilotlight/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func target(name string) models.Target { return models.Target{ID: models.TargetID(name), Ref: name} }

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]func(*testing.T) string{
		"file":   func(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "sub", "floors.jsonl") },
		"memory": func(*testing.T) string { return "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			actuatorstest.Run(t, actuatorstest.Fixture{New: func(t *testing.T) actuatorstest.Platform {
				t.Helper()
				a := published.New("keda", path(t))
				p := actuatorstest.Platform{Actuator: a, Writes: a.Changes, KnowsAll: true, Unknown: target("never seen")}
				for _, name := range []string{"a", "prod/b", `c "x"`, "d", "e"} {
					p.Targets = append(p.Targets, target(name))
				}
				return p
			}})
		})
	}
}

func apply(t *testing.T, a *published.Actuator, name string, n int) error {
	t.Helper()
	return a.Apply(t.Context(), target(name), models.Action{ID: "1", Target: models.TargetID(name), To: models.Warm(n)})
}

func set(t *testing.T, a *published.Actuator, name string, n int) {
	t.Helper()
	if err := apply(t, a, name, n); err != nil {
		t.Fatal(err)
	}
}

func shows(t *testing.T, a *published.Actuator, name string, n int) {
	t.Helper()
	o, err := a.Observe(t.Context(), target(name))
	if err != nil || o.Capacity != models.Warm(n) || o.Ready != -1 || o.Pending {
		t.Errorf("%s: %+v, %v, want a floor of %d", name, o, err, n)
	}
}

// TestRestart checks that another process, and the actuator that takes over after a reload, show what was published.
func TestRestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "floors.jsonl")
	first := published.New("keda", path)
	next := published.New("keda", path) // built by a reload, not used yet
	set(t, first, "prod/shop", 3)
	set(t, first, "b", 1)
	set(t, first, "prod/shop", 7)
	set(t, first, "b", 0)
	shows(t, next, "prod/shop", 7)
	shows(t, next, "b", 0)
	set(t, next, "b", 2)
	shows(t, published.New("keda", path), "b", 2)
}

// TestCutShort checks a file whose last line a crash has cut short, and that what follows is kept.
func TestCutShort(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "floors.jsonl")
	text := `{"target":"a","warm":3}` + "\n" + `nothing` + "\n" + `{"target":"b","warm":-1}` + "\n" + `{"target":"a","warm":4}` + "\n" + `{"target":"a","wa`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a := published.New("keda", path)
	shows(t, a, "a", 4)
	shows(t, a, "b", 0)
	set(t, a, "b", 5)
	set(t, a, "c", 6)
	again := published.New("keda", path)
	for name, n := range map[string]int{"a": 4, "b": 5, "c": 6} {
		shows(t, again, name, n)
	}
	data, err := os.ReadFile(path) //nolint:gosec // a file of the test
	if want := `{"target":"a","warm":4}` + "\n" + `{"target":"b","warm":5}` + "\n" + `{"target":"c","warm":6}` + "\n"; err != nil || string(data) != want {
		t.Errorf("the file is %q, %v, want %q", data, err, want)
	}
}

// TestFileStaysSmall checks that a file is written anew when most of its lines are out of date.
func TestFileStaysSmall(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "floors.jsonl")
	a := published.New("keda", path)
	for i := range 2500 {
		set(t, a, "a", i+1)
	}
	data, err := os.ReadFile(path) //nolint:gosec // a file of the test
	if n := strings.Count(string(data), "\n"); err != nil || n > 1001 {
		t.Errorf("%d lines after 2500 changes of one target, %v", n, err)
	}
	shows(t, published.New("keda", path), "a", 2500)
}

// TestNoDisk checks that a floor which cannot be remembered is not published.
func TestNoDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "floors.jsonl")
	a := published.New("keda", path)
	set(t, a, "a", 1)
	if err := os.Rename(dir, dir+".gone"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := apply(t, a, "a", 2)
	if e, ok := errors.AsType[*actuators.Error](err); !ok || e.Kind != models.KindTransient {
		t.Errorf("error %v", err)
	}
	shows(t, a, "a", 1)
	if _, err := published.New("keda", filepath.Join(dir, "x")).Observe(t.Context(), target("a")); err == nil {
		t.Error("a file that cannot be read shows a floor")
	}
}

func BenchmarkApply(b *testing.B) {
	a := published.New("keda", filepath.Join(b.TempDir(), "floors.jsonl"))
	t := target("prod/shop")
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		if err := a.Apply(b.Context(), t, models.Action{To: models.Warm(n), Expires: time.Time{}}); err != nil {
			b.Fatal(err)
		}
	}
}
