package app

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"pilotlight/internal/series"
)

func TestConventionalSeason(t *testing.T) {
	t.Parallel()
	for step, want := range map[time.Duration]int{
		0: 0, time.Second: 3600, 10 * time.Second: 360, time.Minute: 1440, 5 * time.Minute: 288, time.Hour: 24, 6 * time.Hour: 4,
		24 * time.Hour: 1, 7 * 24 * time.Hour: 1, 31 * 24 * time.Hour: 12, 366 * 24 * time.Hour: 1, 17 * time.Hour: 1,
	} {
		if got := conventional(step); got != want {
			t.Errorf("%s: %d, not %d", step, got, want)
		}
	}
}

func TestQuoted(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"a": "a", "": `""`, "a,b": `"a,b"`, `a"b`: `"a""b"`, " a": `" a"`, "a\nb": "\"a\nb\"", "é": "é"} {
		if got := quoted(in); got != want {
			t.Errorf("%q is written %s", in, got)
		}
	}
}

// FuzzCompared reads anything as forecasts made elsewhere, for one series with two windows.
func FuzzCompared(f *testing.F) {
	for _, text := range []string{
		"model,series,origin,step,mean,q0.5,cpu_ms\nx,a,2,1,3,3,0.5\nx,a,3,1,NA,,\n", "model,series,origin,step,mean\nx,a,2,9,1\nx,b,2,1,1\n", "series\n", "",
		"model,series,origin,step,mean,mean,qNaN\nx,a,2,1,1e999,2,3\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a := &assessment{}
		a.forecast.Levels = []float64{0.5}
		j := job{series: &series.Series{Name: "a", Values: make([]float64, 4)}}
		j.add(j.series.Values[:2], j.series.Values[2:3])
		j.add(j.series.Values[:3], j.series.Values[3:])
		a.jobs = []job{j}
		c := newCompared(a)
		if err := c.readAll(strings.NewReader(text)); err != nil {
			return
		}
		all, err := c.contenders("fuzz")
		if err != nil {
			return
		}
		for _, model := range all {
			for _, w := range j.windows {
				if f, cost, err := model.forecast(&j, w); err == nil && (len(f.Point) != 1 || len(f.Values) != 1 || cost < 0) {
					t.Errorf("%+v, %s", f, cost)
				}
			}
		}
	})
}

// TestThreadTime checks that the clock of a thread goes on with work.
func TestThreadTime(t *testing.T) {
	t.Parallel()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := threadTime()
	sum := 0.0
	for i := range 5_000_000 {
		sum += float64(i) * 1.000001
	}
	if after := threadTime(); after <= before || sum == 0 {
		t.Errorf("from %s to %s", before, after)
	}
}
