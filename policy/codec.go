package policy

import (
	"encoding/binary"
	"fmt"
	"math"

	"pilotlight/models"
)

// memoryVersion is the first byte of a stored memory. A change of what follows needs another.
const memoryVersion = 3

// MarshalBinary implements encoding.BinaryMarshaler; the result is smaller than 4 KiB. A memory that is restored goes on
// exactly as the one that was stored.
func (m *Memory) MarshalBinary() ([]byte, error) {
	w := writer{buf: make([]byte, 0, 1024)}
	w.buf = append(w.buf, memoryVersion)
	for _, v := range []float64{m.end, m.step, m.queue, m.duration, m.carry} {
		w.float(v)
	}
	for _, v := range []int{m.bin, m.active, m.seen, m.last + 1} {
		w.uint(v)
	}
	kept := min(m.bin, keptBins)
	for i := range kept {
		w.float32(m.counts[i])
		w.float32(m.means[i])
		w.uint(int(m.peaks[i]))
	}
	for b := range gapBins {
		w.float32(m.gaps[b])
		w.float32(m.upper[b])
	}
	w.flow(&m.flow, m.end)
	w.renewals(&m.hops)
	w.clock(&m.clock)
	w.ledger(&m.cost)
	w.spec(&m.spec, m.known)
	w.uint(m.nrec)
	for i := range min(m.nrec, maxRecs) {
		w.float(m.recs[i].at)
		w.uint(int(m.recs[i].warm))
	}
	w.guards(m)
	return w.buf, nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns ErrInvalid, and leaves the memory as it was, if the data
// is of another version, cut off or out of range; begin with NewMemory then.
func (m *Memory) UnmarshalBinary(data []byte) error {
	if len(data) == 0 || data[0] != memoryVersion {
		return fmt.Errorf("policy memory: not of version %d; start from an empty memory: %w", memoryVersion, models.ErrInvalid)
	}
	r := reader{buf: data[1:]}
	n := NewMemory()
	for _, v := range []*float64{&n.end, &n.step, &n.queue, &n.duration, &n.carry} {
		*v = r.float()
	}
	n.bin, n.active, n.seen, n.last = r.uint(maxBin), r.uint(maxBin), r.uint(maxBin), r.uint(maxBin)-1
	for i := range min(n.bin, keptBins) {
		n.counts[i], n.means[i] = r.measure(), r.measure()
		n.peaks[i] = uint16(r.uint(math.MaxUint16)) //nolint:gosec // bounded by uint
	}
	for b := range gapBins {
		n.gaps[b], n.upper[b] = r.count(), r.count()
	}
	r.flow(&n.flow, n.end)
	r.renewals(&n.hops)
	r.clock(&n.clock)
	r.ledger(&n.cost)
	n.known = r.spec(&n.spec)
	n.cost.b, n.cost.free, n.cost.credit = n.spec.breakEven, n.spec.free, n.spec.credit
	n.nrec = r.uint(maxBin)
	for i := range min(n.nrec, maxRecs) {
		n.recs[i] = need{at: r.float(), warm: int32(r.uint(maxInstances))} //nolint:gosec // bounded by uint
	}
	r.guards(n)
	if len(r.buf) > 0 || r.bad || !n.plausible() {
		return fmt.Errorf("policy memory: damaged; start from an empty memory: %w", models.ErrInvalid)
	}
	*m = *n
	return nil
}

// plausible reports whether the plain numbers of a restored memory are in range.
func (m *Memory) plausible() bool {
	return min(m.step, m.duration, m.queue) >= 0 && m.last < m.bin && math.Abs(m.end) <= maxBin && math.Abs(m.carry) <= 1
}

// maxBin bounds the counters of a stored memory.
const maxBin = 1 << 40

// writer appends values to a buffer.
type writer struct{ buf []byte }

func (w *writer) float(v float64) {
	w.buf = binary.LittleEndian.AppendUint64(w.buf, math.Float64bits(v))
}

func (w *writer) float32(v float32) {
	w.buf = binary.LittleEndian.AppendUint32(w.buf, math.Float32bits(v))
}

func (w *writer) uint(v int) {
	w.buf = binary.AppendUvarint(w.buf, uint64(max(v, 0)))
}

// since stores a time as its distance to the end of the newest bin, in 1/1024 s.
func (w *writer) since(t, end float64) {
	d := min(max((t-end)*1024, math.MinInt32), math.MaxInt32)
	w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(int32(d))) //nolint:gosec // two's complement is meant
}

func (w *writer) flow(f *flow, end float64) {
	w.uint(len(f.busy))
	for _, t := range f.busy {
		w.since(t, end)
	}
	w.uint(len(f.down))
	for _, t := range f.down {
		w.since(t, end)
	}
}

func (w *writer) renewals(h *renewals) {
	for _, n := range h.short {
		w.uint(int(n))
	}
	w.uint(int(h.longTotal))
	for _, g := range h.long[:min(h.longTotal, longGaps)] {
		w.uint(int(g))
	}
	for _, n := range h.peaks {
		w.uint(int(n))
	}
}

func (w *writer) clock(c *clock) {
	for s, v := range c.visits {
		if w.uint(int(v)); v == 0 {
			continue
		}
		for _, n := range c.atLeast[s] {
			if w.uint(int(n)); n == 0 {
				break // no more instances were in use either
			}
		}
	}
	for _, e := range c.error {
		w.float(e)
	}
}

func (w *writer) ledger(l *ledger) {
	open := 0
	if l.open {
		open = 1
	}
	w.uint(open)
	w.uint(l.chosen)
	w.uint(int(l.dataFloor) + 1)
	for i := range l.of {
		a := &l.of[i]
		w.float(a.cost)
		w.float(a.keep)
		w.uint(int(a.force))
		for _, n := range a.asks {
			w.uint(int(n))
		}
		w.buf = binary.LittleEndian.AppendUint64(w.buf, a.gone[0])
		w.buf = binary.LittleEndian.AppendUint64(w.buf, a.gone[1])
	}
}

func (w *writer) spec(s *spec, known bool) {
	if !known {
		w.uint(0)
		return
	}
	w.uint(1)
	for _, v := range []float64{s.breakEven, s.free, s.credit, s.lead, s.hold, s.window, s.hysteresis, s.maxKeep, s.mu, s.sigma} {
		w.float(v)
	}
	w.uint(s.maxWarm)
	w.uint(s.concurrency)
	w.goal(&s.goal)
	w.buf = binary.LittleEndian.AppendUint64(w.buf, s.seed)
}

// reader takes values from a buffer; after the first that is cut off or out of range everything reads as 0 and bad is set.
type reader struct {
	buf []byte
	bad bool
}

func (r *reader) word(n int) []byte {
	if r.bad || len(r.buf) < n {
		r.bad = true
		return make([]byte, n)
	}
	word := r.buf[:n]
	r.buf = r.buf[n:]
	return word
}

func (r *reader) float() float64 {
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.word(8)))
	if math.IsNaN(v) || math.IsInf(v, 0) {
		r.bad = true
		return 0
	}
	return v
}

// measure reads a value that may be NaN but not negative.
func (r *reader) measure() float32 {
	v := math.Float32frombits(binary.LittleEndian.Uint32(r.word(4)))
	if v < 0 || math.IsInf(float64(v), 0) {
		r.bad = true
	}
	return v
}

// count reads a finite value that is not negative.
func (r *reader) count() float32 {
	v := r.measure()
	if math.IsNaN(float64(v)) {
		r.bad = true
	}
	return v
}

func (r *reader) uint(limit int) int {
	v, n := binary.Uvarint(r.buf)
	if r.bad || n <= 0 || v > uint64(limit) { //nolint:gosec // limits are not negative
		r.bad = true
		return 0
	}
	r.buf = r.buf[n:]
	return int(v) //nolint:gosec // at most limit
}

func (r *reader) since(end float64) float64 {
	return end + float64(int32(binary.LittleEndian.Uint32(r.word(4))))/1024 //nolint:gosec // two's complement is meant
}

func (r *reader) flow(f *flow, end float64) {
	for range r.uint(maxBusy) {
		f.busy.push(r.since(end))
	}
	for range r.uint(maxDown) {
		f.down = append(f.down, r.since(end))
	}
}

func (r *reader) renewals(h *renewals) {
	for i := range h.short {
		h.short[i] = uint32(r.uint(math.MaxUint32)) //nolint:gosec // bounded by uint
	}
	h.longTotal = uint32(r.uint(math.MaxUint32)) //nolint:gosec // bounded by uint
	for i := range min(h.longTotal, longGaps) {
		h.long[i] = uint16(r.uint(math.MaxUint16)) //nolint:gosec // bounded by uint
	}
	for i := range h.peaks {
		h.peaks[i] = uint32(r.uint(math.MaxUint32)) //nolint:gosec // bounded by uint
	}
}

func (r *reader) clock(c *clock) {
	const most = fullVisits * visit
	for s := range c.visits {
		if c.visits[s] = uint16(r.uint(most)); c.visits[s] == 0 { //nolint:gosec // bounded by uint
			continue
		}
		for n := range c.atLeast[s] {
			if c.atLeast[s][n] = uint16(r.uint(most)); c.atLeast[s][n] == 0 { //nolint:gosec // bounded by uint
				break
			}
		}
	}
	c.derive()
	for i := range c.error {
		if c.error[i] = r.float(); c.error[i] < 0 {
			r.bad = true
		}
	}
}

func (r *reader) ledger(l *ledger) {
	l.open = r.uint(1) == 1
	l.chosen = r.uint(numStrategies - 1)
	l.dataFloor = int32(r.uint(maxInstances+1) - 1) //nolint:gosec // bounded by uint
	for i := range l.of {
		a := &l.of[i]
		a.cost, a.keep = r.float(), r.float()
		a.force = int32(r.uint(maxInstances)) //nolint:gosec // bounded by uint
		for j := range a.asks {
			a.asks[j] = int32(r.uint(maxInstances)) //nolint:gosec // bounded by uint
		}
		a.gone[0] = binary.LittleEndian.Uint64(r.word(8))
		a.gone[1] = binary.LittleEndian.Uint64(r.word(8))
		if a.cost < 0 || a.keep < 0 {
			r.bad = true
		}
	}
}

func (r *reader) spec(s *spec) bool {
	if r.uint(1) == 0 {
		return false
	}
	for _, v := range []*float64{
		&s.breakEven, &s.free, &s.credit, &s.lead, &s.hold, &s.window, &s.hysteresis, &s.maxKeep, &s.mu, &s.sigma,
	} {
		*v = r.float()
	}
	s.maxWarm = r.uint(maxInstances)
	s.concurrency = r.uint(maxInstances)
	s.goal = r.goal()
	s.seed = binary.LittleEndian.Uint64(r.word(8))
	if min(s.breakEven, s.credit) < 0 || s.lead < 0 || s.hold <= 0 || s.window <= 0 || s.hysteresis < 0 || s.maxKeep < 0 || s.concurrency < 1 {
		r.bad = true
	}
	return true
}
