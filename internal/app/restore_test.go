package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pilotlight/internal/journal"
	"pilotlight/models"
)

// restoreConfig is a configuration whose collector answers nothing, with an imagined platform on which every target has 5 warm
// instances.
const restoreConfig = `
server: {open: true}
storage: {dir: data}
engine: {mode: auto}
collectors: [{name: prod, type: prometheus, config: {url: "http://127.0.0.1:9", preset: generic}}]
actuators: [{name: mem, type: dry_run, config: {warm: 5}}]
targets: [{match: "*", collector: prod, actuator: mem, memory_mb: 512, cold_start: 1s, limits: {max_warm: 10}}]
`

// touchedJournal writes a journal of a daemon that raised targets to 5.
func touchedJournal(t *testing.T, dir string, targets map[models.TargetID]models.Marks) {
	t.Helper()
	j, err := journal.Open(t.Context(), journal.Options{Dir: dir, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	at := now().Add(-time.Hour)
	for id, marks := range targets {
		action := models.Action{ID: "a-" + string(id), Decision: "d", Target: id, To: models.Warm(5), Issued: at, Expires: at.Add(time.Minute)}
		outcome := models.Outcome{Action: action.ID, Decision: "d", Target: id, At: at, Status: models.OutcomeApplied, Marks: marks}
		if err := j.Append(t.Context(), models.NewActionEvent(action), models.NewOutcomeEvent(outcome)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRestoreCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := write(t, dir, "pilotlight.yaml", restoreConfig)
	run := func(o RestoreOptions) (string, bool, error) {
		var out, errs bytes.Buffer
		o.Config = config
		if o.Output == "" {
			o.Output = "table"
		}
		due, err := Restore(t.Context(), IO{Out: &out, Err: &errs, Env: func(string) (string, bool) { return "", false }}, o)
		return out.String(), due, err
	}
	if _, _, err := run(RestoreOptions{}); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("without a journal: %v", err)
	}
	touched := func(original models.Capacity, actuator string) models.Marks {
		return models.Marks{Set: models.Warm(5), Original: original, Actuator: actuator, Ref: "fn"}
	}
	touchedJournal(t, filepath.Join(dir, "data"), map[models.TargetID]models.Marks{
		"a": touched(models.Warm(0), "mem"), "b\x41": touched(models.Warm(3), "mem"), "gone": touched(models.Warm(1), "removed"),
		"never": {},
	})
	out, due, err := run(RestoreOptions{Targets: []string{"a"}})
	if err != nil || !due || !strings.Contains(out, `"a"`) || !strings.Contains(out, "warm 0") || !strings.Contains(out, "1 of 1 targets would be restored") {
		t.Errorf("%v %v\n%s", due, err, out)
	}
	out, due, err = run(RestoreOptions{Yes: true, Note: "leaving"})
	if err == nil || due || !strings.Contains(err.Error(), "1 of 3 targets") || !strings.Contains(out, `no actuator \"removed\"`) ||
		!strings.Contains(out, "2 restored, 0 unchanged, 0 left to somebody else, 1 failed") {
		t.Errorf("%v %v\n%s", due, err, out)
	}
	// What is done already is not done again; what failed is still there.
	out, due, err = run(RestoreOptions{Output: "json"})
	var list []restoredJSON
	if jsonErr := json.Unmarshal([]byte(out), &list); jsonErr != nil || err == nil || due || len(list) != 1 || list[0].Target != "gone" {
		t.Errorf("%v %v %v\n%s", due, err, jsonErr, out)
	}
	verifyPaused(t, filepath.Join(dir, "data"))
	// While the journal is held, a daemon runs.
	j, err := journal.Open(t.Context(), journal.Options{Dir: filepath.Join(dir, "data"), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	if _, _, err := run(RestoreOptions{}); !errors.Is(err, journal.ErrInUse) || !strings.Contains(err.Error(), "POST /api/v1/restore") {
		t.Errorf("while a daemon runs: %v", err)
	}
	for _, o := range []RestoreOptions{{DryRun: true, Yes: true}, {Output: "xml"}, {Targets: []string{" a"}}} {
		if _, _, err := run(o); !errors.Is(err, ErrUsage) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// verifyPaused checks that the next daemon starts paused, and what the journal says about the targets.
func verifyPaused(t *testing.T, dir string) {
	t.Helper()
	j, err := journal.Open(t.Context(), journal.Options{Dir: dir, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	paused, restored := false, map[models.TargetID]models.Capacity{}
	err = j.Latest(t.Context(), func(e models.Event) error {
		switch {
		case e.Control != nil:
			paused = e.Control.Paused && strings.Contains(e.Control.Note, "leaving")
		case e.Outcome != nil && !e.Outcome.Marks.Touched() && e.Outcome.Status == models.OutcomeApplied && e.Target != "never":
			restored[e.Target] = e.Outcome.Observed
		}
		return nil
	})
	if err != nil || !paused || len(restored) != 2 || restored["a"] != models.Warm(0) || restored["bA"] != models.Warm(3) {
		t.Errorf("%v, paused %v, restored %v", err, paused, restored)
	}
}
