package predictor

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"pilotlight/models"
)

const (
	poolMagic = "PLPO"
)

// fingerprint identifies what a state depends on: the step and all of the configuration.
func fingerprint(c Config, step time.Duration) uint32 {
	c.MinHistory, c.RefitEvery = 0, 0 // these may change under a state
	return crc32.ChecksumIEEE(fmt.Appendf(nil, "%v %+v", step, c))
}

// MarshalBinary implements encoding.BinaryMarshaler. A predictor of the same configuration that reads the state makes the
// same forecasts, bit for bit, as this one.
func (p *Predictor) MarshalBinary() ([]byte, error) {
	p.settle()
	var w writer
	w.b = binary.LittleEndian.AppendUint32(w.b, p.shared.fingerprint)
	w.int(p.steps)
	w.int(p.observed)
	w.int(p.zeros)
	w.bool(p.awake != nil)
	if p.awake != nil {
		if err := p.awake.write(&w, p.shared); err != nil {
			return nil, err
		}
	}
	return seal(poolMagic, w.b), nil
}

func (a *awake) write(w *writer, s *Shared) error {
	w.int(a.nextFit)
	a.ring.write(w)
	a.score.write(w)
	a.quant.write(w)
	a.base.write(w)
	a.peaks.write(w)
	a.drift.write(w)
	w.byte(byte(a.counts))
	for m, f := range a.members {
		state, err := f.MarshalBinary()
		if err != nil {
			return fmt.Errorf("state of %s: %w", s.specs[m].name, err)
		}
		w.bytes(state)
	}
	return nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler, for a predictor from New. It returns models.ErrInvalid, and changes
// nothing, for damaged data and for the state of another configuration.
func (p *Predictor) UnmarshalBinary(data []byte) error {
	r, err := unseal(poolMagic, data)
	if err != nil {
		return err
	}
	if b := r.take(4); b != nil && binary.LittleEndian.Uint32(b) != p.shared.fingerprint {
		return fmt.Errorf("state of a predictor with another configuration; start without it: %w", models.ErrInvalid)
	}
	fresh := Predictor{shared: p.shared} // replaces this one when all is well
	fresh.steps = r.int(0, math.MaxInt)
	fresh.observed = r.int(0, fresh.steps)
	fresh.zeros = r.int(0, fresh.steps)
	if awake := r.bool(); awake && r.err == nil {
		fresh.awake = p.shared.newAwake()
		fresh.awake.read(r, p.shared)
	}
	if err := r.done(); err != nil {
		return err
	}
	*p = fresh
	return nil
}

func (a *awake) read(r *reader, s *Shared) {
	a.nextFit = r.int(0, math.MaxInt)
	a.ring.read(r)
	a.score.read(r)
	a.quant.read(r)
	a.base.read(r)
	a.peaks.read(r)
	a.drift.read(r)
	a.counts = wholes(r.byte())
	for m, f := range a.members {
		state := r.bytes()
		if r.err != nil {
			return
		}
		if err := f.UnmarshalBinary(state); err != nil {
			r.fail("member %s: %v", s.specs[m].name, err)
			return
		}
	}
}

func (s *scorer) write(w *writer) {
	w.floats32(s.errs)
	for _, n := range s.counts {
		w.int(int(n))
	}
	w.int(s.origins)
	w.floats32(s.flat)
	w.floats32(s.path)
	w.floats32(s.clock)
}

func (s *scorer) read(r *reader) {
	r.fill32(s.errs, false)
	for i := range s.counts {
		s.counts[i] = uint16(r.int(0, s.l.memory)) //nolint:gosec // the memory is bounded
	}
	s.origins = r.int(0, math.MaxInt)
	r.fill32(s.flat, true)
	r.fill32(s.path, true)
	r.fill32(s.clock, true)
	for _, e := range s.errs {
		if e < 0 {
			r.fail("a mean absolute error is negative")
		}
	}
}

func (q *quantiler) write(w *writer) {
	w.float(q.spread.fast)
	w.float(q.spread.slow)
	w.int(q.spread.n)
	w.int(q.count)
	w.int(q.unit)
	w.floats32(q.pinball)
	for _, n := range q.seen {
		w.int(int(n))
	}
	w.bytes(q.counts)
}

func (q *quantiler) read(r *reader) {
	q.spread.fast, q.spread.slow = r.float(0, errorGuard), r.float(0, errorGuard)
	q.spread.n = r.int(0, math.MaxInt32)
	q.count = r.int(0, q.l.stride-1)
	q.unit = r.int(math.MinInt16, math.MaxInt16)
	r.fill32(q.pinball, false)
	for k := range q.seen {
		q.seen[k] = uint16(r.int(0, math.MaxUint16)) //nolint:gosec // just checked
	}
	counts := r.bytes()
	if len(counts) != len(q.counts) {
		r.fail("%d counts, not %d", len(counts), len(q.counts))
		return
	}
	copy(q.counts, counts)
	for k := range q.l.leads {
		for v := range numVariants {
			if n := q.hist(k, v).total(); n >= histFull {
				r.fail("a histogram counts %d", n)
			}
		}
	}
}

func (b *baseline) write(w *writer) {
	w.int(b.n)
	w.float(b.mix)
	w.float(b.persistence)
	w.floats(b.seasonal[:])
	w.float(b.latest)
}

func (b *baseline) read(r *reader) {
	b.n = r.int(0, math.MaxInt32)
	b.mix, b.persistence = r.float(0, errorGuard), r.float(0, errorGuard)
	r.floats(b.seasonal[:], errorGuard)
	b.latest = usable(r.rawFloat())
}

func (p *peaks) write(w *writer) {
	w.int(p.n)
	w.float(p.old)
	w.float(p.cur)
}

func (p *peaks) read(r *reader) {
	p.n = r.int(0, p.block-1)
	p.old, p.cur = r.float(0, MaxValue), r.float(0, MaxValue)
}
