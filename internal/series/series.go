// Package series reads time series from files as people have them: CSV with a row per value, or with a row per series as the M4
// competition has it, compressed or not, with or without times.
package series

import (
	"errors"
	"time"
)

// ErrInput says that a file cannot be read as series; the message says where and what to do.
var ErrInput = errors.New("bad input")

// Series is one series with a fixed step.
type Series struct {
	Name string
	// Values are in time order; NaN is a missing value.
	Values []float64
	// Start is the time of the first value and Step the time between two; both are zero if the file has no times.
	Start time.Time
	Step  time.Duration
}

// End returns the time of the step after the last value, zero if there are no times.
func (s *Series) End() time.Time {
	if s.Start.IsZero() {
		return time.Time{}
	}
	return s.Start.Add(time.Duration(len(s.Values)) * s.Step)
}

// File is what a file holds.
type File struct {
	// Series are in the order of their first row.
	Series []Series
	// Notes say what was done to the rows that a reader should know, such as that duplicates were dropped.
	Notes []string
}

// Find returns the series of a name, nil if there is none.
func (f *File) Find(name string) *Series {
	for i := range f.Series {
		if f.Series[i].Name == name {
			return &f.Series[i]
		}
	}
	return nil
}

// Options are what a file may not say itself.
type Options struct {
	// Step is the time between two values; 0 takes the most common one of the times.
	Step time.Duration
	// Location is where times without a zone are; nil is UTC.
	Location *time.Location
}

// The bounds of what is read: a file that goes beyond is a mistake, or would not fit into memory.
const (
	maxValues = 100_000_000
	maxSteps  = 20_000_000 // of one series: forty years of minutes
	maxSeries = 2_000_000
)
