package sim

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"pilotlight/actuators"
	"pilotlight/collectors/trace"
	"pilotlight/models"
)

// Decision is one change of a function's capacity.
type Decision struct {
	// Time is since the start of the trace.
	Time time.Duration
	// Function is the index in the trace.
	Function int
	// Warm is the floor from then on.
	Warm int
	// KeepAlive is how long on-demand instances stay after work that ends from then on, if HasKeepAlive.
	KeepAlive    time.Duration
	HasKeepAlive bool
}

// Recorder is an actuator that writes down the capacities that it is asked for, as decisions that can be replayed. The time of a
// decision is when its action was issued. It passes everything on to another actuator if it has one; else it answers by itself
// with the capacity asked for last, and an unknown number of ready instances.
type Recorder struct {
	trace  *trace.Trace
	levers models.Lever
	next   actuators.Actuator
	index  map[string]int

	mu        sync.Mutex
	current   []models.Capacity
	decisions []Decision
}

var _ actuators.Actuator = (*Recorder)(nil)

// NewRecorder makes a Recorder for the functions of a trace in a setting. next may be nil. All functions begin without warm
// instances, and without keep-alive in the provider setting.
func NewRecorder(t *trace.Trace, s Setting, next actuators.Actuator) *Recorder {
	r := &Recorder{
		trace: t, levers: leversOf(s), next: next,
		index: make(map[string]int, len(t.Functions)), current: make([]models.Capacity, len(t.Functions)),
	}
	for i := range t.Functions {
		r.index[t.Functions[i].Name] = i
		r.current[i] = models.Warm(0).WithKeepAlive(0).Only(r.levers)
	}
	return r
}

// Levers implements actuators.Actuator.
func (r *Recorder) Levers() models.Lever { return r.levers }

// Observe implements actuators.Actuator.
func (r *Recorder) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	const op = "observe recorded function"
	if err := actuators.Ended(ctx); err != nil {
		return models.Observation{}, actuatorError(op, err)
	}
	i, err := r.find(&target)
	if err != nil {
		return models.Observation{}, actuatorError(op, err)
	}
	if r.next != nil {
		return r.next.Observe(ctx, target)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return models.Observation{Capacity: r.current[i], Ready: -1}, nil
}

// Apply implements actuators.Actuator.
func (r *Recorder) Apply(ctx context.Context, target models.Target, action models.Action) error {
	const op = "record capacity"
	if err := actuators.Ended(ctx); err != nil {
		return actuatorError(op, err)
	}
	i, err := r.find(&target)
	if err != nil {
		return actuatorError(op, err)
	}
	at := action.Issued.Sub(r.trace.Start)
	if at < 0 || !action.Issued.Before(r.trace.End().Add(time.Nanosecond)) {
		return actuatorError(op, fmt.Errorf("the action was issued at %s, outside the trace: %w", action.Issued.Format(time.RFC3339Nano), models.ErrInvalid))
	}
	if err := checkCapacity(action.To, r.levers); err != nil {
		return actuatorError(op, err)
	}
	if err := actuators.MayWrite(ctx); err != nil {
		return err
	}
	if r.next != nil {
		if err := r.next.Apply(ctx, target, action); err != nil {
			return err
		}
	}
	r.record(i, at, action.To)
	return nil
}

// record notes the capacity of a function if it changes something.
func (r *Recorder) record(i int, at time.Duration, to models.Capacity) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, after := r.current[i], r.current[i].Merge(to)
	if before == after {
		return
	}
	r.current[i] = after
	warm, _ := after.Warm()
	d := Decision{Time: at, Function: i, Warm: warm}
	if keepAlive, ok := after.KeepAlive(); ok && !before.Satisfies(after.Only(models.LeverKeepAlive)) {
		d.KeepAlive, d.HasKeepAlive = keepAlive, true
	}
	r.decisions = append(r.decisions, d)
}

func (r *Recorder) find(target *models.Target) (int, error) {
	i, ok := r.index[nameOf(target)]
	if !ok {
		return 0, fmt.Errorf("function %q is not in the trace %q: %w", nameOf(target), r.trace.Name, models.ErrNotFound)
	}
	return i, nil
}

// checkCapacity says why a capacity cannot be had.
func checkCapacity(to models.Capacity, levers models.Lever) error {
	if !levers.Has(to.Levers()) {
		return fmt.Errorf("capacity %q has levers that the platform lacks: %w", to, models.ErrInvalid)
	}
	if warm, _ := to.Warm(); warm > MaxFloor {
		return fmt.Errorf("a floor of %d is above %d: %w", warm, MaxFloor, models.ErrInvalid)
	}
	if keepAlive, _ := to.KeepAlive(); keepAlive > MaxKeepAlive {
		return fmt.Errorf("a keep-alive of %s is above %s: %w", keepAlive, MaxKeepAlive, models.ErrInvalid)
	}
	return nil
}

// Decisions returns what was recorded, by time and then in the order of the functions in the trace.
func (r *Recorder) Decisions() []Decision {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.Clone(r.decisions)
	// Two decisions for one function at the same time keep their order.
	slices.SortStableFunc(out, func(a, b Decision) int {
		if a.Time != b.Time {
			if a.Time < b.Time {
				return -1
			}
			return 1
		}
		return a.Function - b.Function
	})
	return out
}

// WriteCSV writes the decisions as CSV with the columns time_s, function, warm and, if the setting has that lever, keep_alive_s,
// which is empty where it does not change. It returns the first error of w.
func (r *Recorder) WriteCSV(w io.Writer) error {
	out := bufio.NewWriter(w)
	keepAlive := r.levers.Has(models.LeverKeepAlive)
	line := []byte("time_s,function,warm")
	if keepAlive {
		line = append(line, ",keep_alive_s"...)
	}
	_, err := out.Write(append(line, '\n'))
	for _, d := range r.Decisions() {
		line = append(appendSeconds(line[:0], d.Time), ',')
		line = append(append(line, r.trace.Functions[d.Function].Name...), ',')
		line = strconv.AppendInt(line, int64(d.Warm), 10)
		if keepAlive {
			line = append(line, ',')
			if d.HasKeepAlive {
				line = appendSeconds(line, d.KeepAlive)
			}
		}
		if _, err = out.Write(append(line, '\n')); err != nil {
			break
		}
	}
	return errors.Join(err, out.Flush())
}

// appendSeconds writes seconds with as many decimals as are needed, at most six.
func appendSeconds(to []byte, d time.Duration) []byte {
	micros := d.Microseconds()
	to = strconv.AppendInt(to, micros/1e6, 10)
	if micros %= 1e6; micros != 0 {
		to = append(to, strings.TrimRight(fmt.Sprintf(".%06d", micros), "0")...)
	}
	return to
}
