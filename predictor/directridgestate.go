package predictor

import "math"

// MarshalBinary implements encoding.BinaryMarshaler.
func (r *DirectRidge) MarshalBinary() ([]byte, error) {
	var b writer
	b.int(r.period)
	b.int(int(r.scale))
	b.int(r.n)
	r.hist.write(&b)
	r.gap.write(&b)
	if r.period > 0 {
		r.prof.write(&b)
	}
	b.int(r.sums.rows)
	r.numbers(func(v *float64) { b.float(*v) })
	return seal(directRidgeMagic, b.b), nil
}

// numbers visits all plain numbers of the state.
func (r *DirectRidge) numbers(visit func(*float64)) {
	for _, v := range []*float64{&r.last, &r.anchor, &r.lo, &r.hi} {
		visit(v)
	}
	all := func(v []float64) {
		for i := range v {
			visit(&v[i])
		}
	}
	all(r.means[:])
	for i := range r.rows {
		visit(&r.rows[i].anchor)
		all(r.rows[i].common[:])
		for k := range r.rows[i].ahead {
			all(r.rows[i].ahead[k][:])
		}
	}
	for i := range r.sums.xx {
		all(r.sums.xx[i][:i+1])
	}
	for k := range r.sums.h {
		e := &r.sums.h[k]
		for i := range e.cross {
			all(e.cross[i][:])
			all(e.qq[i][:])
		}
		all(e.xy[:])
		all(e.qy[:])
	}
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (r *DirectRidge) UnmarshalBinary(data []byte) error {
	b, err := unseal(directRidgeMagic, data)
	if err != nil {
		return err
	}
	fresh, err := NewDirectRidge(b.int(0, min(MaxPeriod, len(data))), Scale(b.int(0, int(numScales)-1)))
	if err != nil {
		return err
	}
	fresh.n = b.int(0, math.MaxInt)
	fresh.hist.read(b)
	fresh.gap.read(b)
	if fresh.period > 0 {
		fresh.prof.read(b)
	}
	fresh.sums.rows = b.int(0, math.MaxInt)
	fresh.numbers(func(v *float64) { *v = b.float(-math.MaxFloat64, math.MaxFloat64) })
	if err := b.done(); err != nil {
		return err
	}
	*r = *fresh
	return nil
}
