package predictor

import "math"

// MarshalBinary implements encoding.BinaryMarshaler.
func (f *Timer) MarshalBinary() ([]byte, error) {
	var w writer
	f.base.write(&w)
	f.size.write(&w)
	w.int(f.now)
	w.int(len(f.times))
	last := 0
	for _, t := range f.times {
		w.int(int(t) - last)
		last = int(t)
	}
	for i := range f.periods {
		f.periods[i].write(&w)
	}
	return seal(timerMagic, w.b), nil
}

func (p *timerPeriod) write(w *writer) {
	w.int(p.period)
	if p.period == 0 {
		return
	}
	w.floats32([]float32{p.votes, p.gain})
	for c := range timerContexts {
		w.int(int(p.trials[c]))
		w.int(int(p.hits[c]))
	}
}

func (p *timerPeriod) read(r *reader) {
	p.period = r.int(0, MaxPeriod)
	if p.period == 0 {
		return
	}
	v := r.floats32(2, false)
	if len(v) != 2 || !(v[0] >= 0 && v[1] >= timerFloor) {
		r.fail("the votes of period %d are not usable", p.period)
		return
	}
	p.votes, p.gain = v[0], v[1]
	for c := range timerContexts {
		trials := r.int(0, math.MaxUint16)
		p.trials[c], p.hits[c] = uint16(trials), uint16(r.int(0, trials)) //nolint:gosec // bounded just now
	}
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (f *Timer) UnmarshalBinary(data []byte) error {
	r, err := unseal(timerMagic, data)
	if err != nil {
		return err
	}
	var fresh Timer
	fresh.base.read(r)
	fresh.size.read(r)
	fresh.now = r.int(1, mostSteps)
	n := r.int(0, timerMemory)
	last := 0
	for range n {
		if last += r.int(1, mostSteps); last >= fresh.now {
			r.fail("an arrival lies in the future")
			break
		}
		fresh.times = append(fresh.times, uint32(last)) //nolint:gosec // bounded just now
	}
	for i := range fresh.periods {
		if fresh.periods[i].read(r); fresh.periods[i].period == 1 {
			r.fail("a period has one step")
		}
	}
	if err := r.done(); err != nil {
		return err
	}
	*f = fresh
	return nil
}
