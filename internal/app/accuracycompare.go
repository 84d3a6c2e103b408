package app

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"pilotlight/internal/series"
	"pilotlight/predictor/accuracy"
)

// errNotMade says that a compared model has no forecast for a window.
var errNotMade = errors.New("there is no such forecast in the file")

// comparedKey names one forecast of a compared model.
type comparedKey struct {
	model, series string
	origin        int
}

// compared are forecasts made elsewhere.
type compared struct {
	a      *assessment
	models []string
	paths  map[comparedKey]*comparedPath
	// wanted are the steps of the windows to be scored, and ends the origin at the end of each series.
	wanted map[comparedKey]int
	ends   map[string]int
	// The columns; origin, step and cost may be -1.
	model, series, origin, step, mean, cost int
	levels                                  []int // the column of each level, -1 if there is none
}

type comparedPath struct {
	point  []float64
	values [][]float64 // nil for levels that are not there
	cost   time.Duration
}

// readCompared reads forecasts of other programs: the columns model, series, origin (the index of the first step forecast, from 0; not
// needed with --test), step (from 1), mean, any quantiles such as q0.9, and if it is known cpu_ms. Forecasts of windows that are not
// scored are left out.
func readCompared(path string, a *assessment) ([]contender, error) {
	f, err := os.Open(path) //nolint:gosec // the user names the file to read
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, errors.Unwrap(err))
	}
	defer f.Close()
	c := newCompared(a)
	in, err := series.Plain(f)
	if err == nil {
		err = c.readAll(in)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", series.ErrInput, path, err)
	}
	return c.contenders(path)
}

// newCompared notes which windows are to be scored.
func newCompared(a *assessment) *compared {
	c := &compared{a: a, paths: map[comparedKey]*comparedPath{}, wanted: map[comparedKey]int{}, ends: map[string]int{}}
	for _, j := range a.jobs {
		c.ends[j.series.Name] = len(j.series.Values)
		for _, w := range j.windows {
			c.wanted[comparedKey{series: j.series.Name, origin: w.origin}] = len(w.actual)
		}
	}
	return c
}

func (c *compared) readAll(r io.Reader) error {
	rows := csv.NewReader(bufio.NewReader(r))
	rows.ReuseRecord = true
	header, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("it is empty; write model,series,origin,step,mean,q0.1,…")
	}
	if err != nil {
		return err
	}
	if err := c.columns(slices.Clone(header)); err != nil {
		return err
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.row(row); err != nil {
			line, _ := rows.FieldPos(0)
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// columns finds the columns.
func (c *compared) columns(header []string) error {
	for _, column := range []struct {
		name   string
		at     *int
		needed bool
	}{
		{"model", &c.model, true},
		{"series", &c.series, true},
		{"origin", &c.origin, !c.a.test},
		{"step", &c.step, true},
		{"mean", &c.mean, true},
		{"cpu_ms", &c.cost, false},
	} {
		*column.at = slices.Index(header, column.name)
		if *column.at < 0 && column.needed {
			return fmt.Errorf("line 1: there is no column %s; write model,series,origin,step,mean,q0.1,…", column.name)
		}
	}
	c.levels = make([]int, len(c.a.forecast.Levels))
	for l, level := range c.a.forecast.Levels {
		c.levels[l] = slices.IndexFunc(header, func(name string) bool {
			q, ok := strings.CutPrefix(name, "q")
			v, err := strconv.ParseFloat(q, 64)
			return ok && err == nil && math.Abs(v-level) < 1e-9
		})
	}
	return nil
}

func (c *compared) row(row []string) error {
	key, err := c.key(row)
	if err != nil {
		return err
	}
	steps, ok := c.wanted[key]
	if !ok {
		return nil
	}
	step, err := strconv.Atoi(row[c.step])
	if err != nil || step < 1 {
		return fmt.Errorf("step %q is no whole number from 1 on", row[c.step])
	}
	if step > steps {
		return nil
	}
	key.model = row[c.model]
	return c.path(key, steps).set(step-1, c, row)
}

// key returns the window of a row, without the model.
func (c *compared) key(row []string) (key comparedKey, err error) {
	key.series = row[c.series]
	if c.origin < 0 {
		key.origin = c.ends[key.series]
		return key, nil
	}
	if key.origin, err = strconv.Atoi(row[c.origin]); err != nil {
		return key, fmt.Errorf("origin %q is no whole number; write the index of the first step forecast, from 0", row[c.origin])
	}
	return key, nil
}

// set takes the values of a row.
func (p *comparedPath) set(h int, c *compared, row []string) (err error) {
	if p.point[h], err = value(row[c.mean]); err != nil {
		return err
	}
	for l, at := range c.levels {
		if at < 0 {
			continue
		}
		if p.values[l][h], err = value(row[at]); err != nil {
			return err
		}
	}
	if c.cost < 0 {
		return nil
	}
	ms, err := value(row[c.cost])
	if ms >= 0 && ms < 1e12 {
		p.cost = time.Duration(ms * float64(time.Millisecond))
	}
	return err
}

// path returns the forecast of a key, all of it missing at first.
func (c *compared) path(key comparedKey, steps int) *comparedPath {
	if p := c.paths[key]; p != nil {
		return p
	}
	key.model, key.series = strings.Clone(key.model), strings.Clone(key.series)
	missing := func() []float64 { return slices.Repeat([]float64{math.NaN()}, steps) }
	p := &comparedPath{point: missing(), values: make([][]float64, len(c.levels))}
	for l, at := range c.levels {
		if at >= 0 {
			p.values[l] = missing()
		}
	}
	c.paths[key] = p
	if !slices.Contains(c.models, key.model) {
		c.models = append(c.models, key.model)
	}
	return p
}

// value reads a number; what is missing is NaN.
func value(cell string) (float64, error) {
	switch cell {
	case "", "NA", "NaN", "nan":
		return math.NaN(), nil
	}
	v, err := strconv.ParseFloat(cell, 64)
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a number; write nothing or NaN where there is no forecast", cell)
	}
	return v, nil
}

// contenders returns the models of the file.
func (c *compared) contenders(path string) ([]contender, error) {
	if len(c.models) == 0 {
		return nil, fmt.Errorf("%w: %s: no row forecasts a window that is scored; --output json lists the origins of each series", series.ErrInput, path)
	}
	var all []contender
	for _, name := range c.models {
		if slices.ContainsFunc(c.a.contenders, func(have contender) bool { return have.name == name }) {
			return nil, fmt.Errorf("%w: %s: there is a model %q already; rename the one in the file", series.ErrInput, path, name)
		}
		all = append(all, contender{name, func(j *job, w window) (accuracy.Forecast, time.Duration, error) {
			p := c.paths[comparedKey{name, j.series.Name, w.origin}]
			if p == nil {
				return accuracy.Forecast{}, 0, errNotMade
			}
			return c.a.scored(p.point, accuracy.Quantiles{Levels: c.a.forecast.Levels, Values: p.values}), p.cost, nil
		}})
	}
	return all, nil
}
