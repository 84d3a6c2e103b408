//go:build crash

package e2e

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pilotlight/actuators/awslambda/awslambdatest"
	"pilotlight/internal/journal"
	"pilotlight/internal/sim/promstore"
	"pilotlight/models"
)

const (
	crashRounds  = 50
	crashSeed    = 20261124
	crashTargets = 4
	// crashHold is how long after its start the daemon must not lower any capacity.
	crashHold = 600 * time.Millisecond
)

// write is a change of capacity that the platform carried out.
type change struct {
	at    time.Time
	round int
	warm  int
}

// crashRig is a daemon under test with the Prometheus it reads and the platform it changes.
type crashRig struct {
	t      *testing.T
	lambda *awslambdatest.Server
	api    string
	config string
	dir    string
	round  atomic.Int32

	mu      sync.Mutex
	changes map[string][]change
	// first is when the daemon of the round first spoke to the platform.
	first time.Time
	// killAt counts down the writes until the kill; 0 is none.
	killAt int
	kill   func()

	seen map[string]bool // ids of events that the API has shown
}

// TestKill kills the daemon with SIGKILL in the middle of its ticks, at seeded moments, half of them while a write is under way.
// No event that was ever shown may be lost, no action may be carried out twice, and no start may lower what was running.
func TestKill(t *testing.T) {
	r := newCrashRig(t)
	rng := rand.New(rand.NewPCG(crashSeed, 1)) //nolint:gosec // repeatable on purpose
	for round := range crashRounds {
		r.play(round, rng)
	}
	r.verify()
	for _, violation := range r.lambda.TakeViolations() {
		if !strings.Contains(violation, "unexpected EOF") { // half a request is what a kill leaves
			t.Errorf("against the API model of AWS Lambda: %s", violation)
		}
	}
}

// newCrashRig starts what surrounds the daemon.
func newCrashRig(t *testing.T) *crashRig {
	r := &crashRig{
		t: t, dir: t.TempDir(), changes: map[string][]change{}, seen: map[string]bool{},
		lambda: awslambdatest.New(t, awslambdatest.Config{AccountLimit: 100_000, Delay: time.Millisecond, LowerDelay: time.Millisecond}),
	}
	for i := range crashTargets {
		name := "fn" + strconv.Itoa(i)
		r.lambda.AddFunction(t, name, 1)
		r.lambda.PutAlias(t, name, "live", "1", nil)
	}
	r.lambda.BeforeAnswer(r.heard)
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				r.lambda.Advance(time.Minute)
			}
		}
	})
	t.Cleanup(func() { close(stop); running.Wait() })
	address := freePort(t)
	r.api = "http://" + address
	r.config = write(t, r.dir, "pilotlight.yaml", fmt.Sprintf(`
server: {listen: %s, open: true}
storage: {dir: %s}
engine: {mode: auto, interval: 1s, step: 1s, ingestion_delay: 0s, lookback: 30s, stale_after: 1m, restart_hold: %s,
  checkpoint_every: 1s, action_ttl: 30s, observe_every: 0s}
predictor: {periods: [1m], history: 5m, min_history: 20s, horizon: 10s}
policy: {selection: max, reactive: need, reactive_window: 1s, stabilisation: 0s, hold: 1s, platform_keep_alive: 0s, hysteresis: 0}
collectors: [{name: prod, type: prometheus, config: {url: "%s", preset: generic, target_id: "${function}", timeout: 5s}}]
actuators:
  - name: lambda
    type: aws_lambda
    config: {region: %s, endpoint: "%s", auto_scaling_endpoint: "%s", requests: {per_second: 0}}
    limits: {rate: 1000, burst: 1000, timeout: 5s, retries: 0}
targets:
  - {match: "*", collector: prod, actuator: lambda, ref: "${function}:live", memory_mb: 512, cold_start: 1s, lead: 0s,
     limits: {min_warm: 1, max_warm: 200}}
`, address, filepath.Join(r.dir, "data"), crashHold, r.prometheus(), awslambdatest.Region, r.lambda.URL(), r.lambda.URL()))
	return r
}

// prometheus serves a load that changes all the time, from a minute ago until the test is certainly over.
func (r *crashRig) prometheus() string {
	store, err := promstore.Open(filepath.Join(r.dir, "prometheus"), promstore.Options{Now: time.Now})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = store.Close() })
	rng := rand.New(rand.NewPCG(crashSeed, 2)) //nolint:gosec // repeatable on purpose
	start := time.Now().Truncate(time.Second).Add(-time.Minute)
	calls, durations := make([]*promstore.Series, crashTargets), make([][2]*promstore.Series, crashTargets)
	series := func(metric string, i int) *promstore.Series {
		s, err := promstore.NewSeries(metric, promstore.Label{Name: "function", Value: "fn" + strconv.Itoa(i)})
		if err != nil {
			r.t.Fatal(err)
		}
		return s
	}
	totals := make([]float64, crashTargets)
	for i := range crashTargets {
		calls[i] = series("function_invocations_total", i)
		durations[i] = [2]*promstore.Series{series("function_duration_seconds_sum", i), series("function_duration_seconds_count", i)}
	}
	var batch []promstore.Sample
	for second := range 20 * 60 {
		at := start.Add(time.Duration(second) * time.Second)
		for i := range crashTargets {
			totals[i] += float64(5 + rng.IntN(60))
			batch = append(batch, promstore.Sample{Series: calls[i], Time: at, Value: totals[i]},
				promstore.Sample{Series: durations[i][0], Time: at, Value: totals[i]},
				promstore.Sample{Series: durations[i][1], Time: at, Value: totals[i]})
		}
	}
	if err := store.Append(r.t.Context(), batch); err != nil {
		r.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	srv := &http.Server{Handler: store.Handler(), ReadHeaderTimeout: time.Second}
	go func() { _ = srv.Serve(l) }() // it ends when it is closed
	r.t.Cleanup(func() { _ = srv.Close() })
	return "http://" + l.Addr().String()
}

// heard is called before the platform carries a request out.
func (r *crashRig) heard(op string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.first.IsZero() {
		r.first = time.Now()
	}
	if op != "PutProvisionedConcurrencyConfig" || r.killAt == 0 {
		return
	}
	if r.killAt--; r.killAt == 0 && r.kill != nil {
		r.kill()
	}
}

// play runs the daemon until it is killed, watching what the API shows.
func (r *crashRig) play(round int, rng *rand.Rand) {
	r.t.Helper()
	r.round.Store(int32(round)) //nolint:gosec // 50 rounds
	running := r.running()
	calls := len(r.lambda.Calls())
	p := start(r.t, []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true"},
		binary, "run", "--config", r.config)
	r.mu.Lock()
	r.first, r.kill, r.killAt = time.Time{}, func() { _ = p.cmd.Process.Kill() }, 0
	if round%2 == 0 {
		r.killAt = 1 + rng.IntN(6)
	}
	r.mu.Unlock()
	// The longest wait ends a round in which too few writes come.
	deadline := time.After(time.Duration(300+rng.IntN(1700)) * time.Millisecond)
	if round%2 == 0 {
		deadline = time.After(4 * time.Second)
	}
	watch := time.NewTicker(40 * time.Millisecond)
	defer watch.Stop()
	for done := false; !done; {
		select {
		case <-p.done:
			done = true
		case <-deadline:
			p.kill()
			done = true
		case <-watch.C:
			r.note()
		}
	}
	r.mu.Lock()
	r.kill = nil
	first := r.first
	r.mu.Unlock()
	if out := p.tail(5); strings.Contains(out, "level=ERROR") || strings.Contains(out, "panic") {
		r.t.Errorf("round %d: %s", round, out)
	}
	r.collect(round, calls, first, running)
}

// note remembers every event that the API shows: it must never be lost.
func (r *crashRig) note() {
	var page struct{ Items []struct{ ID string } }
	if _, err := get(r.api+"/api/v1/decisions?limit=200", &page); err != nil {
		return // it may be starting, or dead
	}
	for _, e := range page.Items {
		r.seen[e.ID] = true
	}
}

// running returns the capacity of each target.
func (r *crashRig) running() map[string]int {
	now := map[string]int{}
	for name, all := range r.changes {
		now[name] = all[len(all)-1].warm
	}
	return now
}

// collect takes down the writes of a round, and checks that none of the first ones lowered what was running.
func (r *crashRig) collect(round, calls int, first time.Time, running map[string]int) {
	for _, c := range r.lambda.Calls()[calls:] {
		if c.Op != "PutProvisionedConcurrencyConfig" || c.Status >= 300 || c.Status == 0 {
			continue
		}
		name := strings.Split(strings.TrimPrefix(c.Path, "/2019-09-30/functions/"), "/")[0]
		warm := int(number(r.t, c.Input["ProvisionedConcurrentExecutions"]))
		r.changes[name] = append(r.changes[name], change{at: c.At, round: round, warm: warm})
		if c.At.Sub(first) < crashHold*8/10 && warm < running[name] {
			r.t.Errorf("round %d: %s was lowered from %d to %d only %s after the start", round, name, running[name], warm, c.At.Sub(first))
		}
		running[name] = warm
	}
}

// number reads a number of a decoded request.
func number(t *testing.T, v any) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(fmt.Sprint(v), 64)
	if err != nil {
		t.Fatalf("%v is no number", v)
	}
	return n
}

// verify reads the journal as the last kill left it.
func (r *crashRig) verify() {
	j, err := journal.Open(r.t.Context(), journal.Options{
		Dir: filepath.Join(r.dir, "data"), Now: time.Now, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	defer j.Close()
	ids, actions, outcomes := map[string]int{}, map[string][]models.Action{}, map[string]int{}
	for before := uint64(0); ; {
		events, next, err := j.Query(r.t.Context(), models.EventFilter{Before: before, Limit: 1000})
		if err != nil {
			r.t.Fatal(err)
		}
		for _, e := range events {
			ids[e.ID]++
			switch {
			case e.Action != nil:
				actions[string(e.Target)] = append(actions[string(e.Target)], *e.Action)
			case e.Outcome != nil:
				outcomes[e.Outcome.Action]++
			}
		}
		if before = next; next == 0 {
			break
		}
	}
	for id := range r.seen {
		if ids[id] == 0 {
			r.t.Errorf("event %s was shown and is lost", id)
		}
	}
	for id, n := range ids {
		if n > 1 {
			r.t.Errorf("event %s is there %d times", id, n)
		}
	}
	writes, intents := 0, 0
	for name, all := range actions {
		slices.Reverse(all) // oldest first
		intents += len(all)
		for i, a := range all {
			if n := outcomes[a.ID]; n > 1 || n == 0 && i < len(all)-1 {
				r.t.Errorf("action %s of %s, number %d of %d, has %d outcomes", a.ID, name, i+1, len(all), n)
			}
		}
		writes += r.matchWrites(name, all)
	}
	if writes < crashRounds || len(r.seen) < crashRounds {
		r.t.Errorf("%d writes and %d events seen in %d rounds: too few to prove anything", writes, len(r.seen), crashRounds)
	}
	r.t.Logf("%d rounds, %d events (%d of them seen over the API), %d intents, %d writes", crashRounds, len(ids), len(r.seen), intents, writes)
}

// matchWrites checks that each write of the platform belongs to an intent of its own, in order.
func (r *crashRig) matchWrites(name string, all []models.Action) int {
	next := 0
	for _, c := range r.changes[name] {
		for next < len(all) {
			warm, _ := all[next].To.Warm()
			next++
			if warm == c.warm {
				goto matched
			}
		}
		r.t.Errorf("%s: the write of %d in round %d has no intent of its own", name, c.warm, c.round)
	matched:
	}
	return len(r.changes[name])
}
