package app

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pilotlight/collectors"
	"pilotlight/collectors/trace"
	"pilotlight/models"
)

// TestMinutelyIsTheTrace compares the quick collector with that of the trace, minute after minute, with the same minute twice, one
// that lies back, and windows that it has no quick way for.
func TestMinutelyIsTheTrace(t *testing.T) {
	t.Parallel()
	recorded, err := trace.Read(smallTrace)
	if err != nil {
		t.Fatal(err)
	}
	slow, quick := trace.NewFromTrace("trace", recorded, time.Second), newMinutely("trace", recorded, time.Second)
	type asked struct{ from, minutes int }
	asks := []asked{{-1, 1}, {0, 1}, {0, 1}, {5, 1}, {2, 1}, {6, 3}, {recorded.Minutes - 1, 1}, {recorded.Minutes, 1}}
	for m := range 3000 {
		asks = append(asks[:len(asks)-2], asked{m + 7, 1}, asks[len(asks)-2], asks[len(asks)-1])
	}
	for _, a := range asks {
		req := collectors.Request{
			Start: recorded.TimeOf(a.from), End: recorded.TimeOf(a.from + a.minutes), Step: time.Minute, Signals: models.Signals(),
		}
		want, wantErr := slow.Collect(t.Context(), req)
		got, gotErr := quick.Collect(t.Context(), req)
		if (wantErr == nil) != (gotErr == nil) {
			t.Fatalf("%+v: error %v, want %v", a, gotErr, wantErr)
		}
		if diff := cmp.Diff(readable(want), readable(got), cmpopts.EquateNaNs()); diff != "" {
			t.Fatalf("%+v (-trace +quick):\n%s", a, diff)
		}
	}
}

// readable is an answer that can be compared.
func readable(r collectors.Result) (out []any) {
	for i := range r.Targets {
		f := &r.Targets[i]
		out = append(out, f.ID, f.Labels, f.Meta)
		for sig := range f.Series {
			s := &f.Series[sig]
			values := make([]float64, s.Len())
			for k := range values {
				values[k] = s.At(k)
				if s.IsGap(k) {
					values[k] = math.NaN()
				}
			}
			out = append(out, s.Len(), values)
			if s.Len() > 0 {
				out = append(out, s.Start(), s.Step())
			}
		}
	}
	return out
}
