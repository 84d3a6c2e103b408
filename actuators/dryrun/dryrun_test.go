package dryrun_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/dryrun"
	"pilotlight/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func fixture(levers ...string) actuatorstest.Fixture {
	return actuatorstest.Fixture{New: func(t *testing.T) actuatorstest.Platform {
		t.Helper()
		config := dryrun.DefaultConfig()
		config.Levers = levers
		a, err := dryrun.New("try", config)
		if err != nil {
			t.Fatal(err)
		}
		p := actuatorstest.Platform{
			Actuator: a, Writes: a.Changes, KnowsAll: true,
			Unknown: models.Target{ID: "never seen", Ref: "never-seen"},
		}
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			p.Targets = append(p.Targets, models.Target{ID: models.TargetID(name), Ref: "ref-" + name})
		}
		return p
	}}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, levers := range [][]string{{"warm"}, {"keep_alive"}, {"warm", "keep_alive", "max", "memory"}} {
		t.Run(strings.Join(levers, "+"), func(t *testing.T) {
			t.Parallel()
			actuatorstest.Run(t, fixture(levers...))
		})
	}
}

func TestInitialCapacity(t *testing.T) {
	t.Parallel()
	warm, keep, most := 2, models.Duration(10*time.Minute), 30
	for name, c := range map[string]struct {
		config dryrun.Config
		want   models.Capacity
		ready  int
	}{
		"default":  {dryrun.DefaultConfig(), models.Warm(0), 0},
		"unknown":  {dryrun.Config{Levers: []string{"warm"}}, models.Capacity{}, -1},
		"given":    {dryrun.Config{Levers: []string{"warm", "keep_alive"}, Warm: &warm, KeepAlive: &keep}, models.Warm(2).WithKeepAlive(10 * time.Minute), 2},
		"no lever": {dryrun.Config{Levers: []string{"warm"}, Warm: &warm, Max: &most}, models.Warm(2), 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := dryrun.New("try", c.config)
			if err != nil {
				t.Fatal(err)
			}
			obs, err := a.Observe(t.Context(), models.Target{ID: "x"})
			if err != nil || obs.Capacity != c.want || obs.Ready != c.ready || obs.Pending || obs.Note == "" {
				t.Errorf("Observe = %+v, %v; want %s with %d ready and a note", obs, err, c.want, c.ready)
			}
		})
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	minus, before := -1, models.Duration(-time.Second)
	for name, c := range map[string]struct {
		config dryrun.Config
		want   []string
	}{
		"empty":     {dryrun.Config{}, []string{"levers is empty"}},
		"unknown":   {dryrun.Config{Levers: []string{"warm", "cpu"}}, []string{`levers[1] "cpu"`}},
		"twice":     {dryrun.Config{Levers: []string{"max", "max"}}, []string{`levers[1] "max" is there twice`}},
		"negatives": {dryrun.Config{Levers: []string{"max"}, Warm: &minus, KeepAlive: &before, Max: &minus, MemoryMB: &minus}, []string{"warm -1", "keep_alive -1s", "max -1", "memory_mb -1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := dryrun.New("try", c.config)
			if !errors.Is(err, models.ErrInvalid) {
				t.Fatalf("New returned %v, want models.ErrInvalid in it", err)
			}
			for _, want := range append(c.want, `actuator "try"`) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}
