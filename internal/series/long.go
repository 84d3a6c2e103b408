package series

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// long reads a row per value.
type long struct {
	opt Options
	// The columns; series and timestamp are -1 if there is none.
	series, value, timestamp int
	index                    map[string]int
	all                      []samples
	odd, total               int
}

// samples are the rows of one series, in their order.
type samples struct {
	name   string
	values []float64
	times  []int64 // Unix nanoseconds; nil without a column of times
}

// onlySeries is the name of the series of a file without names.
const onlySeries = "series"

func newLong(header []string, opt Options) (*long, error) {
	p := &long{opt: opt, series: -1, value: -1, timestamp: -1, index: map[string]int{}}
	if opt.Location == nil {
		p.opt.Location = time.UTC
	}
	for i, column := range header {
		var at *int
		switch strings.ToLower(strings.TrimSpace(column)) {
		case "series":
			at = &p.series
		case "value":
			at = &p.value
		case "timestamp":
			at = &p.timestamp
		default:
			continue
		}
		if *at >= 0 {
			return nil, fmt.Errorf("line 1: there are two columns %q; rename one", column)
		}
		*at = i
	}
	if p.value < 0 {
		hint := ""
		if len(header) == 1 && strings.ContainsAny(header[0], ";\t") {
			hint = " and separate them by commas"
		}
		return nil, fmt.Errorf("line 1: there is no column value, only %.80q; write a header such as series,value or timestamp,series,value%s",
			strings.Join(header, ","), hint)
	}
	return p, nil
}

func (p *long) row(row []string) error {
	if len(row) <= max(p.series, p.value, p.timestamp) {
		return fmt.Errorf("there are only %d columns; the row is cut off, or a comma is missing", len(row))
	}
	v, strange, err := number(row[p.value])
	if err != nil {
		return err
	}
	if strange {
		p.odd++
	}
	if p.total++; p.total > maxValues {
		return fmt.Errorf("there are more than %d values; split the file", maxValues)
	}
	s, err := p.samplesOf(row)
	if err != nil {
		return err
	}
	s.values = append(s.values, v)
	if p.timestamp >= 0 {
		at, err := parseTime(row[p.timestamp], p.opt.Location)
		if err != nil {
			return err
		}
		s.times = append(s.times, at)
	}
	return nil
}

// samplesOf returns the series of a row.
func (p *long) samplesOf(row []string) (*samples, error) {
	name := onlySeries
	if p.series >= 0 {
		name = row[p.series]
	}
	i, ok := p.index[name]
	if !ok {
		if i = len(p.all); i >= maxSeries {
			return nil, fmt.Errorf("there are more than %d series; split the file", maxSeries)
		}
		name = strings.Clone(name) // the row's memory is reused
		p.index[name] = i
		p.all = append(p.all, samples{name: name})
	}
	return &p.all[i], nil
}

// file returns the series on their grids.
func (p *long) file() (*File, error) {
	f := (&File{}).noteOdd(p.odd)
	var done repairs
	for i := range p.all {
		s := Series{Name: p.all[i].name, Values: p.all[i].values, Step: p.opt.Step}
		if p.timestamp >= 0 {
			var err error
			if s, err = p.all[i].grid(p.opt, &done); err != nil {
				return nil, fmt.Errorf("series %.80q: %w", s.Name, err)
			}
		}
		p.all[i] = samples{} // memory is handed on, not held twice
		f.Series = append(f.Series, s)
	}
	f.Notes = append(f.Notes, done.notes()...)
	return f, nil
}

// layouts are the forms of time without a zone that are read beside RFC 3339 and Unix time.
func layouts() []string {
	return []string{time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly}
}

// milliseconds is the first number that is taken for Unix milliseconds: as seconds it would be in the year 5138.
const milliseconds = 1e11

var errTime = errors.New("is not a time; write it like 2026-11-24T18:00:00Z, 2026-11-24 18:00:00, or as Unix seconds or milliseconds")

// parseTime reads a time as Unix nanoseconds.
func parseTime(cell string, zone *time.Location) (int64, error) {
	cell = strings.TrimSpace(cell)
	if v, strange, err := number(cell); err == nil && !strange && !math.IsNaN(v) {
		return unix(v, cell)
	}
	at, err := time.Parse(time.RFC3339, cell)
	for _, layout := range layouts() {
		if err == nil {
			break
		}
		at, err = time.ParseInLocation(layout, cell, zone)
	}
	if err != nil || at.Unix() > maxUnix || at.Unix() < -maxUnix {
		return 0, fmt.Errorf("timestamp %.40q %w", cell, errTime)
	}
	return at.UnixNano(), nil
}

// unix takes a number as Unix seconds or milliseconds and rounds it to microseconds, which is what a float64 of seconds holds.
func unix(v float64, cell string) (int64, error) {
	if math.Abs(v) >= milliseconds {
		v /= 1e3
	}
	if math.Abs(v) > maxUnix {
		return 0, fmt.Errorf("timestamp %.40q %w", cell, errTime)
	}
	whole := math.Floor(v)
	return int64(whole)*int64(time.Second) + int64(math.Round((v-whole)*1e6))*int64(time.Microsecond), nil
}

// maxUnix is the last second, and with a minus the first, that nanoseconds can say.
const maxUnix = 9_000_000_000
