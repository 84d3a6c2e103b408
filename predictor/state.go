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
	var w writer
	w.b = binary.LittleEndian.AppendUint32(w.b, p.fingerprint)
	w.int(p.steps)
	w.int(p.observed)
	w.int(p.zeros)
	w.bool(p.awake)
	if !p.awake {
		return seal(poolMagic, w.b), nil
	}
	w.int(p.nextFit)
	p.hist.write(&w)
	p.score.write(&w)
	p.quant.write(&w)
	p.base.write(&w)
	p.peaks.write(&w)
	for _, m := range p.members {
		state, err := m.f.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("state of %s: %w", m.name, err)
		}
		w.bytes(state)
	}
	return seal(poolMagic, w.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler, for a predictor from New. It returns models.ErrInvalid, and changes
// nothing, for damaged data and for the state of another configuration.
func (p *Predictor) UnmarshalBinary(data []byte) error {
	r, err := unseal(poolMagic, data)
	if err != nil {
		return err
	}
	if b := r.take(4); b != nil && binary.LittleEndian.Uint32(b) != p.fingerprint {
		return fmt.Errorf("state of a predictor with another configuration; start without it: %w", models.ErrInvalid)
	}
	// The fields go into a fresh predictor, which replaces this one when all is well. Its parts must not move afterwards:
	// members point to its history.
	fresh := &Predictor{layout: p.layout, cfg: p.cfg, fingerprint: p.fingerprint}
	fresh.steps = r.int(0, math.MaxInt)
	fresh.observed = r.int(0, fresh.steps)
	fresh.zeros = r.int(0, fresh.steps)
	if awake := r.bool(); awake && r.err == nil {
		fresh.readAwake(r)
	}
	if err := r.done(); err != nil {
		return err
	}
	*p = *fresh
	for _, m := range p.members {
		if s, ok := m.f.(sharer); ok {
			s.share(&p.hist)
		}
	}
	p.score.l, p.quant.l, p.base.l = &p.layout, &p.layout, &p.layout
	return nil
}

// readAwake reads what a predictor has when it is awake.
func (p *Predictor) readAwake(r *reader) {
	p.wake()
	p.nextFit = r.int(0, math.MaxInt)
	p.hist.read(r)
	p.score.read(r)
	p.quant.read(r)
	p.base.read(r)
	p.peaks.read(r)
	for _, m := range p.members {
		state := r.bytes()
		if r.err != nil {
			return
		}
		if err := m.f.UnmarshalBinary(state); err != nil {
			r.fail("member %s: %v", m.name, err)
			return
		}
	}
	if r.err == nil {
		p.ask()
		copy(p.score.ready, p.ready)
	}
}

func (s *scorer) write(w *writer) {
	w.floats(s.errs)
	w.floats(s.weights)
	w.int(s.turn)
	for _, n := range s.counts {
		w.int(n)
	}
	for i := range s.pending {
		w.int(s.pending[i].n)
		w.int(s.pending[i].at)
		w.floats32(s.pending[i].rows)
	}
}

func (s *scorer) read(r *reader) {
	r.floats(s.errs, errorGuard)
	r.floats(s.weights, 1)
	s.turn = r.int(0, len(s.pending)-1)
	for i := range s.counts {
		s.counts[i] = r.int(0, math.MaxInt)
	}
	for i := range s.pending {
		p := &s.pending[i]
		p.n, p.at = r.int(0, p.size), r.int(0, p.size-1)
		rows := r.floats32(len(p.rows), true)
		if len(rows) != len(p.rows) {
			r.fail("%d pending numbers, not %d", len(rows), len(p.rows))
			return
		}
		p.rows = rows
	}
}

func (q *quantiler) write(w *writer) {
	w.float(q.spread.fast)
	w.float(q.spread.slow)
	w.int(q.spread.n)
	w.int(q.count)
	for k := range q.leads {
		l := &q.leads[k]
		w.int(l.n)
		w.floats(l.pinball[:])
		for v := range l.variants {
			l.variants[v].recent.write(w)
		}
	}
}

func (q *quantiler) read(r *reader) {
	q.spread.fast, q.spread.slow = r.float(0, errorGuard), r.float(0, errorGuard)
	q.spread.n = r.int(0, math.MaxInt32)
	q.count = r.int(0, q.l.stride-1)
	for k := range q.leads {
		l := &q.leads[k]
		l.n = r.int(0, math.MaxInt32)
		r.floats(l.pinball[:], math.MaxFloat64)
		for v := range l.variants {
			l.variants[v].recent.read(r)
			for _, x := range l.variants[v].recent.values {
				if x != x {
					r.fail("a residual is missing")
				}
			}
			l.variants[v].restore(q.l.levels)
		}
	}
}

func (b *baseline) write(w *writer) {
	w.int(b.n)
	w.float(b.mix)
	w.float(b.persistence)
	w.floats(b.seasonal)
	b.origins.write(w)
	w.float(b.latest)
}

func (b *baseline) read(r *reader) {
	b.n = r.int(0, math.MaxInt32)
	b.mix, b.persistence = r.float(0, errorGuard), r.float(0, errorGuard)
	r.floats(b.seasonal, errorGuard)
	b.origins.read(r)
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
