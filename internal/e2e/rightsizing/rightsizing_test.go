package rightsizing_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"pilotlight/actuators"
	"pilotlight/actuators/awslambda"
	"pilotlight/actuators/awslambda/awslambdatest"
	"pilotlight/collectors"
	"pilotlight/internal/engine"
	"pilotlight/models"
	"pilotlight/policy"
	"pilotlight/predictor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// steady is a function with 60 invocations a minute of 2 s, whose instances use 150 MB at most.
type steady struct{}

func (steady) Collect(_ context.Context, req collectors.Request) (collectors.Result, error) {
	data := collectors.TargetData{ID: "checkout"}
	for signal, value := range map[models.Signal]float64{
		models.SignalInvocations: 60, models.SignalDuration: 2, models.SignalMemory: 150,
	} {
		var samples []models.Sample
		for at := req.Start; at.Before(req.End); at = at.Add(req.Step) {
			samples = append(samples, models.Sample{Time: at, Value: value})
		}
		series, err := models.NewSeries(req.Step, samples)
		if err != nil {
			return collectors.Result{}, err
		}
		data.Series[signal] = series
	}
	return collectors.Result{Targets: []collectors.TargetData{data}}, nil
}

// journal keeps events as they are on disk, in JSON, over restarts.
type journal struct {
	engine.Forgetful
	mu    sync.Mutex
	lines [][]byte
}

func (j *journal) Append(_ context.Context, events ...models.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		j.lines = append(j.lines, line)
	}
	return nil
}

// all returns all events in order.
func (j *journal) all() (events []models.Event, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, line := range j.lines {
		var e models.Event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, err
		}
		e.Seq = uint64(i + 1)
		events = append(events, e)
	}
	return events, nil
}

func (j *journal) Latest(_ context.Context, fn func(models.Event) error) error {
	events, err := j.all()
	if err != nil {
		return err
	}
	seen := map[models.EventType]bool{}
	for _, e := range slices.Backward(events) {
		if !seen[e.Type] {
			seen[e.Type] = true
			if err := fn(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// one takes the one target.
type one struct{ policy *policy.Policy }

func (r one) Resolve(source string, found *collectors.TargetData) (engine.Assignment, bool, error) {
	return engine.Assignment{Policy: r.policy, Target: models.Target{
		ID: found.ID, Collector: source, Actuator: "aws", Ref: "fn:live", MemoryMB: 512, ColdStart: time.Second, Lead: 3 * time.Minute,
		Concurrency: 1, Limits: models.Limits{MaxWarm: 10, MinMemoryMB: 128, MaxMemoryMB: 1024},
	}}, true, nil
}

// rig is an engine over the fake of AWS, whose clock is the only one.
type rig struct {
	*engine.Engine
	*awslambdatest.Server
	journal *journal
	gate    *engine.Gate
	parts   engine.Parts
}

func newRig(t *testing.T) *rig {
	t.Helper()
	server := awslambdatest.New(t, awslambdatest.Config{})
	server.AddFunction(t, "fn", 9)
	server.PutAlias(t, "fn", "live", "9", nil)
	// Who waits for an update lets the clock go on.
	server.BeforeAnswer(func(op string) {
		if op == "GetFunctionConfiguration" {
			server.Advance(time.Second)
		}
	})
	r := &rig{Server: server, journal: &journal{}, gate: &engine.Gate{}}
	r.parts = engine.Parts{
		Settings: engine.Settings{
			Mode: models.ModeAuto, Interval: time.Minute, Step: time.Minute, Lookback: 48 * time.Hour, StaleAfter: 5 * time.Minute,
			ActionTTL: 50 * time.Second, OutOfBandBackoff: 30 * time.Minute, Recent: time.Hour, Workers: 1, ConfigHash: "test",
		},
		Sources:   []engine.Source{{Name: "cloudwatch", Collector: steady{}}},
		Actuators: map[string]actuators.Actuator{"aws": r.lambda(t)},
		Predictor: predictor.DefaultConfig(),
	}
	r.policy(t, func(*models.RightSizing) {})
	r.boot(t)
	return r
}

// lambda returns the actuator as the program uses it, with the lever memory.
func (r *rig) lambda(t *testing.T) actuators.Actuator {
	t.Helper()
	dir := t.TempDir()
	//nolint:gosec // these are credentials of nobody
	const credentials = "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = not-a-secret\n"
	path := filepath.Join(dir, "credentials")
	if err := os.WriteFile(path, []byte(credentials), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := awslambda.DefaultConfig()
	cfg.Region, cfg.Endpoint, cfg.AutoScalingEndpoint = awslambdatest.Region, r.URL(), r.URL()
	cfg.CredentialsFiles, cfg.Requests.PerSecond = []string{path}, 0
	cfg.ApplyMemory, cfg.MemoryWait = true, models.Duration(20*time.Millisecond)
	a, err := awslambda.New(t.Context(), "aws", cfg, awslambda.Deps{Now: r.Now, Shared: awslambda.NewShared()})
	if err != nil {
		t.Fatal(err)
	}
	limits := actuators.DefaultConfig()
	limits.RateLimit.PerSecond = 0
	decorated, err := actuators.Decorate(a, "aws", limits, actuators.Deps{Permit: r.gate.Permit, Now: r.Now})
	if err != nil {
		t.Fatal(err)
	}
	return decorated
}

// policy puts another policy into the parts.
func (r *rig) policy(t *testing.T, change func(*models.RightSizing)) {
	t.Helper()
	cfg := policy.DefaultConfig()
	cfg.Selection, cfg.Reactive, cfg.PlatformKeepAlive = policy.SelectMax, policy.ReactiveNeed, 0
	cfg.RightSizing.MinHistory = models.Duration(24 * time.Hour)
	change(&cfg.RightSizing)
	p, err := policy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.parts.Resolver = one{p}
}

// boot starts the engine as a new process does.
func (r *rig) boot(t *testing.T) {
	t.Helper()
	e, err := engine.New(r.parts, engine.Deps{
		Journal: r.journal, State: engine.Forgetful{}, Gate: r.gate, Clock: r.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.Engine = e
}

// steps goes on for so many minutes.
func (r *rig) steps(t *testing.T, n int) {
	t.Helper()
	for range n {
		r.Advance(time.Minute)
		if err := r.Step(t.Context(), r.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

// want checks the capacity that AWS shows, whose floor must be there as a whole, and the version behind the alias.
func (r *rig) want(t *testing.T, memory int, floor bool, version string) {
	t.Helper()
	s, err := r.Target("checkout")
	if err != nil {
		t.Fatal(err)
	}
	o := s.Observation
	mb, _ := o.Capacity.Memory()
	warm, _ := o.Capacity.Warm()
	if mb != memory || o.Ready != warm || (warm > 0) != floor || r.AliasVersion(t, "fn", "live") != version {
		t.Errorf("%d of %s are ready, version %s; want %d MB, a floor %v, version %s", o.Ready, o.Capacity, r.AliasVersion(t, "fn", "live"),
			memory, floor, version)
	}
}

// deployed returns the requests that deploy memory, in order.
func (r *rig) deployed() (ops []string) {
	for _, c := range r.Calls() {
		if slices.Contains([]string{"UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"}, c.Op) {
			ops = append(ops, c.Op)
		}
	}
	return ops
}

// TestMemoryFromSamplesToAlias recommends by default; on request it publishes a version, moves the alias and lets AWS allocate the floor
// anew, with an intent before and an outcome after; it waits a day, also over a restart, and gives back what was there.
func TestMemoryFromSamplesToAlias(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.steps(t, 15)
	s, err := r.Target("checkout")
	if err != nil || s.Sizing == nil {
		t.Fatalf("no advice: %v", err)
	}
	if a := s.Sizing; a.Verdict != models.SizeLower || a.RecommendedMB != 192 || !a.Risky || a.SavedUSD <= 0 {
		t.Errorf("%s, saves %v, risky %v", a, a.SavedUSD, a.Risky)
	}
	r.want(t, 512, true, "9")
	r.policy(t, func(c *models.RightSizing) { c.Apply = true })
	if err := r.Reload(r.parts); err != nil {
		t.Fatal(err)
	}
	r.steps(t, 5)
	if ops := r.deployed(); len(ops) > 0 {
		t.Fatalf("a lowering that takes processor time away was carried out unasked: %v", ops)
	}
	r.policy(t, func(c *models.RightSizing) { c.Apply, c.LessCPU = true, models.LessCPUApply })
	if err := r.Reload(r.parts); err != nil {
		t.Fatal(err)
	}
	r.steps(t, 15)
	deployment := []string{"UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"}
	if diff := cmp.Diff(deployment, r.deployed()); diff != "" {
		t.Fatalf("requests (-want +got):\n%s", diff)
	}
	r.want(t, 192, true, "10")
	r.recorded(t)
	r.boot(t)
	r.steps(t, 30)
	r.want(t, 192, true, "10")
	if diff := cmp.Diff(deployment, r.deployed()); diff != "" {
		t.Errorf("requests after a restart (-want +got):\n%s", diff)
	}
	r.back(t)
}

// TestRestoreInTwo gives back a floor, which AWS takes a while to lower, and then the memory: neither looks like somebody else's doing.
func TestRestoreInTwo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	err := r.parts.Actuators["aws"].Apply(t.Context(), models.Target{ID: "checkout", Ref: "fn:live"}, models.Action{
		ID: "before", Target: "checkout", To: models.Warm(1), Issued: r.Now(), Expires: r.Now().Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Advance(10 * time.Minute)
	r.policy(t, func(c *models.RightSizing) { c.Apply, c.LessCPU = true, models.LessCPUApply })
	if err := r.Reload(r.parts); err != nil {
		t.Fatal(err)
	}
	r.steps(t, 30)
	r.want(t, 192, true, "10")
	order := models.RestoreOrder{By: "test"}
	results, err := r.PutBack(t.Context(), order, nil)
	if err != nil || len(results) != 1 || results[0].Status != models.RestoreFailed || !strings.Contains(results[0].Why, "the memory follows") {
		t.Fatalf("first: %+v, %v", results, err)
	}
	r.Advance(5 * time.Minute)
	if results, err = r.PutBack(t.Context(), order, nil); err != nil || len(results) != 1 || results[0].Status != models.RestoreDone {
		t.Fatalf("second: %+v, %v", results, err)
	}
	r.steps(t, 10)
	r.want(t, 512, true, "11")
	if s, err := r.Target("checkout"); err != nil || s.Observation.Ready != 1 {
		t.Errorf("%+v, %v", s.Observation, err)
	}
}

// recorded checks that the decision was about memory alone, and recorded before and after.
func (r *rig) recorded(t *testing.T) {
	t.Helper()
	events, err := r.journal.all()
	if err != nil {
		t.Fatal(err)
	}
	var kinds []models.EventType
	var action string
	for _, e := range events {
		switch {
		case e.Type == models.EventDecision && e.Decision.Desired == (models.Capacity{}).WithMemory(192):
		case e.Type == models.EventAction && e.Action.To == (models.Capacity{}).WithMemory(192):
			action = e.Action.ID
		case e.Type == models.EventOutcome && e.Outcome.Action == action:
			if mb, _ := e.Outcome.Observed.Memory(); mb != 192 || e.Outcome.Status != models.OutcomeApplied || e.Outcome.Marks.LastMemory == 0 {
				t.Errorf("outcome %+v", e.Outcome)
			}
		default:
			continue
		}
		kinds = append(kinds, e.Type)
	}
	if diff := cmp.Diff([]models.EventType{models.EventDecision, models.EventAction, models.EventOutcome}, kinds); diff != "" {
		t.Errorf("events about memory (-want +got):\n%s", diff)
	}
}

// back puts the target back to what it was before Pilotlight.
func (r *rig) back(t *testing.T) {
	t.Helper()
	results, err := r.PutBack(t.Context(), models.RestoreOrder{By: "test"}, nil)
	if err != nil || len(results) != 1 || results[0].Status != models.RestoreDone {
		t.Fatalf("restore: %+v, %v", results, err)
	}
	r.steps(t, 5)
	r.want(t, 512, false, "11")
	if again, err := r.PutBack(t.Context(), models.RestoreOrder{By: "test"}, nil); err != nil || len(again) != 0 {
		t.Errorf("once more: %+v, %v", again, err)
	}
	if s, err := r.Target("checkout"); err != nil || slices.ContainsFunc(s.Latest.Decision.Reasons, func(why models.Reason) bool {
		return why.Code == models.ReasonOutOfBand
	}) {
		t.Errorf("after the restore: %v, %v", s.Latest.Decision.Reasons, err)
	}
}
