package predictor

import "math"

const (
	hwMagic = "PLHW"
)

// MarshalBinary implements encoding.BinaryMarshaler. The options are part of the state.
func (w *HoltWinters) MarshalBinary() ([]byte, error) {
	var b writer
	o := &w.opt
	for _, v := range []int{
		o.Period, o.Bin, int(o.Season), int(o.Trend), int(o.Scale), int(o.Init), int(o.Loss), o.LossSteps, o.MaxEvaluations, o.Window,
		o.LossWindow,
	} {
		b.int(v)
	}
	b.bool(o.AR)
	b.bool(o.Params != nil)
	b.int(int(w.fit.Scale))
	p := w.fit.Params
	for _, v := range []float64{p.Alpha, p.Beta, p.Gamma, p.Phi, p.Rho, w.fit.SSE} {
		b.float(v)
	}
	b.int(w.fit.N)
	b.int(w.fit.Evaluations)
	b.bool(w.refused)
	b.bool(w.ready)
	if !w.ready {
		b.floats(w.warm)
		return seal(hwMagic, b.b), nil
	}
	f := &w.filter
	b.float(f.level)
	b.float(f.trend)
	b.float(f.ar)
	b.int(f.pos)
	b.floats(f.season)
	return seal(hwMagic, b.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (w *HoltWinters) UnmarshalBinary(data []byte) error {
	r, err := unseal(hwMagic, data)
	if err != nil {
		return err
	}
	fresh, err := readHoltWinters(r)
	if err != nil {
		return err
	}
	*w = *fresh
	return nil
}

// readHoltWinters reads the payload.
func readHoltWinters(r *reader) (*HoltWinters, error) {
	w := &HoltWinters{}
	o := &w.opt
	o.Period, o.Bin = r.int(0, MaxPeriod), r.int(1, MaxPeriod)
	o.Season, o.Trend = Season(r.int(0, int(SeasonMultiplicative))), Trend(r.int(0, int(TrendDamped)))
	o.Scale, o.Init, o.Loss = Scale(r.int(0, int(numScales)-1)), Init(r.int(0, int(InitClassical))), Loss(r.int(0, int(LossAbsolute)))
	o.LossSteps, o.MaxEvaluations = r.int(1, math.MaxInt32), r.int(1, math.MaxInt32)
	o.Window, o.LossWindow = r.int(0, math.MaxInt32), r.int(0, math.MaxInt32)
	o.AR = r.bool()
	fixed := r.bool()
	w.fit.Scale = Scale(r.int(0, int(ScaleLog1p)))
	p := &w.fit.Params
	p.Alpha, p.Beta, p.Gamma, p.Phi, p.Rho = r.float(0, 1), r.float(0, 1), r.float(0, 1), r.float(0, 1), r.float(0, 1)
	if fixed {
		params := *p
		o.Params = &params
	}
	w.fit.SSE = r.float(0, math.MaxFloat64)
	w.fit.N, w.fit.Evaluations = r.int(0, math.MaxInt32), r.int(0, math.MaxInt32)
	w.refused, w.ready = r.bool(), r.bool()
	if r.err != nil {
		return nil, r.err
	}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	w.filter = newHWFilter(o, *p)
	w.readState(r)
	if err := r.done(); err != nil {
		return nil, err
	}
	return w, nil
}

// readState reads the part that every update changes.
func (w *HoltWinters) readState(r *reader) {
	if !w.ready {
		n := r.int(0, len(r.b)/8)
		if n >= w.opt.period() {
			r.fail("%d first values already make a period", n)
			return
		}
		w.warm = make([]float64, n)
		for i := range w.warm {
			w.warm[i] = usable(r.rawFloat())
		}
		return
	}
	f := &w.filter
	limit := 1e3 * MaxValue
	f.level, f.trend, f.ar = r.float(-limit, limit), r.float(-limit, limit), r.float(-limit, limit)
	f.pos = r.int(0, w.opt.period()-1)
	f.slot, f.sub = f.pos/f.bin, f.pos%f.bin
	if n := w.opt.bins(); n > len(r.b)/8 {
		r.fail("%d seasonal values are missing", n)
	} else if n > 0 {
		f.season = make([]float64, n)
		r.floats(f.season, limit)
	} else {
		r.int(0, 0)
	}
}
