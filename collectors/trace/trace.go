// Package trace reads recorded traces of functions, folders with the number of invocations of each function in each minute,
// and collects from them as if they were live. A folder holds
//
//   - trace.json: name, start (RFC 3339, a whole minute), minutes, source, licence and note;
//   - functions.csv: function,app,trigger,avg_ms,p50_ms,p99_ms,memory_mb,cold_start_ms, where p50_ms, p99_ms and cold_start_ms
//     may be empty;
//   - invocations.csv.gz: function,minute,count, only counts above 0, in the order of functions.csv and then of minutes.
package trace

import (
	"fmt"
	"iter"
	"time"

	"pilotlight/models"
)

// Bounds of what a trace may hold. They are far above any real trace and keep a wrong or hostile file from using up memory.
const (
	// MaxMinutes is the greatest length of a trace.
	MaxMinutes = models.MaxSeriesLen
	// MaxCount is the greatest number of invocations of one function in one minute.
	MaxCount = 999_999_999
	// maxFunctions and maxRows bound the two tables.
	maxFunctions = 1_000_000
	maxRows      = 200_000_000
	// maxMS is the longest duration or cold start in milliseconds: a year.
	maxMS = 366 * 24 * 3_600_000
	// maxMemoryMB is the greatest memory of an instance: a petabyte.
	maxMemoryMB = 1 << 30
)

// Unknown is the value of Function.ColdStartMS where the trace does not say how long a cold start takes.
const Unknown = -1

// Info is what trace.json says.
type Info struct {
	Name string `json:"name"`
	// Start is the start of minute 0, a whole minute in UTC.
	Start time.Time `json:"start"`
	// Minutes is the length of the trace; its minutes are 0 to Minutes-1.
	Minutes int    `json:"minutes"`
	Source  string `json:"source"`
	Licence string `json:"licence"`
	Note    string `json:"note"`
}

// Function is one function of a trace.
type Function struct {
	Name    string
	App     string
	Trigger string
	// AvgMS, P50MS and P99MS describe the duration of an invocation in milliseconds; P50MS and P99MS are 0 if unknown.
	AvgMS, P50MS, P99MS float64
	// MemoryMB is the memory of one instance, above 0.
	MemoryMB float64
	// ColdStartMS is how long a cold start takes in milliseconds, or Unknown.
	ColdStartMS float64
}

// ColdStart returns how long a cold start takes, or fallback where the trace does not say.
func (f *Function) ColdStart(fallback time.Duration) time.Duration {
	if f.ColdStartMS < 0 {
		return fallback
	}
	return milliseconds(f.ColdStartMS)
}

func milliseconds(ms float64) time.Duration { return models.Seconds(ms / 1000) }

// Row says that a function was invoked Count times in a minute. Count is above 0.
type Row struct {
	Minute int32
	Count  int32
}

// Trace is a trace in memory. It is immutable and safe for concurrent use.
type Trace struct {
	Info
	// Functions are in the order of functions.csv. They must not be changed.
	Functions []Function

	// rows are the rows of all functions one after the other; those of function i are rows[offsets[i]:offsets[i+1]].
	rows    []Row
	offsets []int
}

// End returns the end of the last minute.
func (t *Trace) End() time.Time { return t.Start.Add(time.Duration(t.Minutes) * time.Minute) }

// Minute returns the index of the minute that holds the time, which may be outside the trace.
func (t *Trace) Minute(at time.Time) int {
	d := at.Sub(t.Start)
	m := int(d / time.Minute)
	if d%time.Minute < 0 {
		m--
	}
	return m
}

// TimeOf returns the start of a minute.
func (t *Trace) TimeOf(minute int) time.Time { return t.Start.Add(time.Duration(minute) * time.Minute) }

// Rows returns the rows of function i from minute from to minute to, without to, in the order of time. They are a view and must
// not be changed.
func (t *Trace) Rows(i, from, to int) []Row {
	rows := t.rows[t.offsets[i]:t.offsets[i+1]]
	rows = rows[search(rows, from):]
	// A window of n minutes has at most n rows, so the end is near.
	n := min(len(rows), max(0, to-from))
	n = search(rows[:n], to)
	return rows[:n:n]
}

// search returns how many rows are before a minute. Most windows are short and near one another, but binary search over a few
// thousand rows is fast enough to need no cursor, and so a Trace needs no lock.
func search(rows []Row, minute int) int {
	lo, hi := 0, len(rows)
	for lo < hi {
		mid := (lo + hi) / 2
		if int(rows[mid].Minute) < minute {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// Counts yields the minutes of function i that have invocations, with their number, in the order of time.
func (t *Trace) Counts(i int) iter.Seq2[int, int] {
	return func(yield func(minute, count int) bool) {
		for _, row := range t.rows[t.offsets[i]:t.offsets[i+1]] {
			if !yield(int(row.Minute), int(row.Count)) {
				return
			}
		}
	}
}

// Invocations returns the number of invocations of function i.
func (t *Trace) Invocations(i int) int64 {
	sum := int64(0)
	for _, row := range t.rows[t.offsets[i]:t.offsets[i+1]] {
		sum += int64(row.Count)
	}
	return sum
}

// Truncate returns the first minutes of the trace. It returns an error wrapping models.ErrInvalid unless there are that many.
func (t *Trace) Truncate(minutes int) (*Trace, error) {
	if minutes < 1 || minutes > t.Minutes {
		return nil, fmt.Errorf("cut trace %q of %d minutes to %d minutes: want 1 to %d: %w",
			t.Name, t.Minutes, minutes, t.Minutes, models.ErrInvalid)
	}
	out := &Trace{Info: t.Info, Functions: t.Functions, offsets: make([]int, 0, len(t.offsets))}
	out.Minutes = minutes
	for i := range t.Functions {
		out.offsets = append(out.offsets, len(out.rows))
		out.rows = append(out.rows, t.Rows(i, 0, minutes)...)
	}
	out.offsets = append(out.offsets, len(out.rows))
	return out, nil
}
