package insights

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"pilotlight/models"
)

const (
	// slots is how many parts the look-back is kept in. The newest is not full yet, so one more than it is divided into.
	slots = 8
	// levels is how many classes of use the sketch has, each growth times as wide as the one before: from 1 MB to 76 GB, which
	// is more than any platform gives an instance. Uses beyond count in the last.
	levels = 118
	growth = 1.1
	// sketchSpan is how many parts a class of the sketch is remembered for, as a half-life.
	sketchSpan = 4
	// maxBusy bounds the seconds of work that are believed of a step.
	maxBusy = 1e15
	// pairRatio is by how much two sizes must differ before the durations at them count as evidence.
	pairRatio = 1.1
	// pairSteps is how many steps with invocations must have been measured at a size before its durations count as evidence.
	pairSteps = 60
)

// Usage is what was measured of the memory of one target: the highest use of each part of the look-back, a sketch of all uses, and the
// durations at the present size and at the one before. It takes the same memory whatever it has seen, and is not safe
// for concurrent use. Make it with NewUsage.
type Usage struct {
	lookback time.Duration
	// part is the number of the newest part since 1970; part p is at p modulo slots. -1 before the first.
	part  int64
	parts [slots]part
	// first is when the first use began, last when the newest ended, in seconds since 1970.
	first, last int64
	// sketch counts the steps by the class of their use; older ones count less.
	sketch [levels]float32
	// now and before are of the present size and the one before it.
	now, before atSize
}

// part is what was measured in one part of the look-back.
type part struct {
	// Peak is the highest use in MB, Busy the seconds that instances worked.
	Peak, Busy float32
	// Steps had a use; in Covered seconds it was known how long instances worked.
	Steps, Covered int32
}

// atSize is what was measured while instances had one size.
type atSize struct {
	MB, Steps int32
	// Work and Invocations give the mean duration.
	Work, Invocations float64
}

// duration returns the mean duration in seconds, false if too little was measured.
func (s *atSize) duration() (float64, bool) {
	if s.MB <= 0 || s.Steps < pairSteps || !(s.Invocations > 0) || !(s.Work > 0) {
		return 0, false
	}
	return s.Work / s.Invocations, true
}

// NewUsage returns an empty Usage for a look-back.
func NewUsage(lookback time.Duration) *Usage {
	return &Usage{lookback: max(lookback, slots*time.Minute), part: -1}
}

// Lookback returns how far back uses count.
func (u *Usage) Lookback() time.Duration { return u.lookback }

// Sample is what was measured of a target in one step; NaN is unknown.
type Sample struct {
	Start time.Time
	Step  time.Duration
	// MB is the highest use of memory of an instance.
	MB float64
	// Invocations is how many there were, Duration their mean duration in seconds.
	Invocations, Duration float64
}

// Observe takes down a step. Steps come in order; one from before the newest part is left out, and so is what is not a usable number.
func (u *Usage) Observe(s Sample) {
	span := u.lookback / (slots - 1)
	at := s.Start.UnixNano() / int64(span)
	if at < u.part {
		return
	}
	u.forward(at)
	p := &u.parts[at%slots]
	u.work(p, &s, min(s.Step, span))
	if s.MB > 0 && s.MB <= models.MaxMemoryMB {
		p.Peak = max(p.Peak, up(s.MB))
		p.Steps++
		u.sketch[classOf(s.MB)]++
		if u.first == 0 {
			u.first = s.Start.Unix()
		}
		u.last = s.Start.Add(s.Step).Unix()
	}
}

// work takes down how long instances worked in a step.
func (u *Usage) work(p *part, s *Sample, step time.Duration) {
	busy := s.Invocations * s.Duration
	if s.Invocations == 0 {
		busy = 0 // whatever is said about the duration of no invocation
	}
	if !(busy >= 0 && busy <= maxBusy) || s.Invocations < 0 {
		return
	}
	p.Busy += float32(busy)
	p.Covered += int32(step / time.Second) //nolint:gosec // a part has days at most
	if busy > 0 && u.now.Steps < math.MaxInt32 {
		u.now.Steps++
		u.now.Work += busy
		u.now.Invocations += s.Invocations
	}
}

// history returns for how long uses were measured within the look-back.
func (u *Usage) history() time.Duration {
	span := u.lookback / (slots - 1)
	oldest := time.Duration(u.part-(slots-1)) * span
	return time.Duration(u.last)*time.Second - max(time.Duration(u.first)*time.Second, oldest)
}

// up rounds up to a float32, so that the highest use is never taken for less than it was.
func up(x float64) float32 {
	f := float32(x)
	if float64(f) < x {
		f = math.Nextafter32(f, math.MaxFloat32)
	}
	return f
}

// forward begins the part and forgets those that have left the look-back.
func (u *Usage) forward(at int64) {
	if u.part < 0 {
		u.part = at
		return
	}
	steps := at - u.part
	if steps <= 0 {
		return
	}
	for i := range min(steps, slots) {
		u.parts[(at-i)%slots] = part{}
	}
	if fade := float32(math.Exp2(-float64(steps) / sketchSpan)); fade < 1 {
		for i := range u.sketch {
			u.sketch[i] *= fade
		}
	}
	u.part = at
}

// classOf returns the class of the sketch that a use is in.
func classOf(mb float64) int {
	return min(max(int(math.Log(mb)/math.Log(growth)), 0), levels-1)
}

// SetSize says what memory instances have from now on. What was measured at the size before is kept as evidence of what memory does
// to durations; that of an earlier one is forgotten, and so is that of a size that was not there for long.
func (u *Usage) SetSize(mb int) {
	if mb <= 0 || mb > models.MaxMemoryMB || int32(mb) == u.now.MB {
		return
	}
	if _, ok := u.now.duration(); ok {
		u.before = u.now
	} else if u.now.MB == 0 {
		u.now.MB = int32(mb)
		return
	}
	u.now = atSize{MB: int32(mb)}
}

// seen sums up the look-back that ends with the newest part.
func (u *Usage) seen() (all part) {
	for _, p := range u.parts {
		all.Peak = max(all.Peak, p.Peak)
		all.Busy += p.Busy
		all.Steps += p.Steps
		all.Covered += p.Covered
	}
	return all
}

// quantile returns what that share of the samples was at most, within a class; 0 if there are none.
func (u *Usage) quantile(q float64) float64 {
	var sum float64
	for _, n := range u.sketch {
		sum += float64(n)
	}
	var below float64
	for i, n := range u.sketch {
		if below += float64(n); n > 0 && below >= q*sum {
			return math.Pow(growth, float64(i+1))
		}
	}
	return 0
}

// elasticity returns how durations follow memory, by the durations at two sizes: duration is proportional to memory^-e. 1 is a target
// that only computes, 0 one that only waits. It is false without evidence.
func (u *Usage) elasticity() (float64, bool) {
	a, okA := u.before.duration()
	b, okB := u.now.duration()
	if !okA || !okB {
		return 0, false
	}
	ratio := math.Log(float64(u.now.MB) / float64(u.before.MB))
	if math.Abs(ratio) < math.Log(pairRatio) {
		return 0, false
	}
	// Beyond what a target that only computes does, it is not memory that made the difference.
	return min(max(-math.Log(b/a)/ratio, 0), 1), true
}

// state is the layout of a saved Usage.
type state struct {
	Version     uint32
	Lookback    int64
	Part        int64
	First, Last int64
	Parts       [slots]part
	Sketch      [levels]float32
	Now, Before atSize
}

// stateVersion changes with the layout.
const stateVersion = 1

// MarshalBinary implements encoding.BinaryMarshaler.
func (u *Usage) MarshalBinary() ([]byte, error) {
	var b bytes.Buffer
	err := binary.Write(&b, binary.LittleEndian, state{
		Version: stateVersion, Lookback: int64(u.lookback), Part: u.part, First: u.first, Last: u.last, Parts: u.parts, Sketch: u.sketch,
		Now: u.now, Before: u.before,
	})
	return b.Bytes(), err
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. A state of another look-back or version is refused with models.ErrInvalid.
func (u *Usage) UnmarshalBinary(data []byte) error {
	var s state
	if len(data) != binary.Size(s) {
		return fmt.Errorf("use of memory: a state of %d bytes: %w", len(data), models.ErrInvalid)
	}
	if err := binary.Read(bytes.NewReader(data), binary.LittleEndian, &s); err != nil {
		return fmt.Errorf("use of memory: %w", err)
	}
	if s.Version != stateVersion || s.Lookback < int64(slots*time.Minute) || s.Part < -1 || s.First < 0 || s.Last < s.First || !s.sound() {
		return fmt.Errorf("use of memory: a state that cannot be: %w", models.ErrInvalid)
	}
	*u = Usage{
		lookback: time.Duration(s.Lookback), part: s.Part, first: s.First, last: s.Last, parts: s.Parts, sketch: s.Sketch,
		now: s.Now, before: s.Before,
	}
	return nil
}

// sound reports whether all numbers are some that can be measured.
func (s *state) sound() bool {
	for _, p := range s.Parts {
		if !counted(float64(p.Peak), float64(p.Busy), float64(p.Steps), float64(p.Covered)) || p.Peak > 2*models.MaxMemoryMB {
			return false
		}
	}
	for _, n := range s.Sketch {
		if !counted(float64(n)) {
			return false
		}
	}
	for _, a := range []*atSize{&s.Now, &s.Before} {
		if !counted(float64(a.MB), float64(a.Steps), a.Work, a.Invocations) {
			return false
		}
	}
	return true
}

// counted reports whether all are numbers from 0 on.
func counted(numbers ...float64) bool {
	for _, n := range numbers {
		if !(n >= 0) || math.IsInf(n, 0) {
			return false
		}
	}
	return true
}
