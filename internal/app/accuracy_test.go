package app

import (
	"runtime"
	"testing"
	"time"
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
