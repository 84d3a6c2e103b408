package knative

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pilotlight/models"
)

// FuzzAnnotations reads annotations of any text, and what it would write itself.
func FuzzAnnotations(f *testing.F) {
	f.Add("3", "7", "10m")
	f.Add("", "0", "")
	f.Add("-1", "x", "1h1h")
	f.Fuzz(func(t *testing.T, low, high, keep string) {
		c, err := capacityOf(map[string]string{minScale: low, maxScale: high, retention: keep})
		if err != nil {
			return
		}
		if d, ok := c.KeepAlive(); ok && d < 0 {
			t.Fatalf("%q is the keep-alive %s", keep, d)
		}
		written := make(map[string]string)
		for name, value := range annotationsOf(c) {
			text, ok := value.(string)
			if !ok {
				t.Fatalf("the annotation %s is a %T", name, value)
			}
			written[name] = text
		}
		if again, err := capacityOf(written); err != nil || again != c {
			t.Fatalf("%s is written as %v, which is read as %s, %v", c, written, again, err)
		}
	})
}

func FuzzVersion(f *testing.F) {
	for _, seed := range []string{"1.21.0", "v1.20", "devel", "", "knative-v1.21.0", "1.21.0-rc1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, version string) {
		holder, err := holderOf(map[string]string{"app.kubernetes.io/version": version})
		if (err == nil) != (holder == WritesToRevision || holder == WritesToPodAutoscaler) || err != nil && !errors.Is(err, models.ErrInvalid) {
			t.Fatalf("%q gives %q, %v", version, holder, err)
		}
	})
}

func FuzzRef(f *testing.F) {
	f.Add("prod/app")
	f.Add("prod/../app")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := parseRef(text); err == nil && (r.String() != text || strings.ContainsAny(r.namespace+r.name, "/?#%. \n")) {
			t.Fatalf("%q is taken for %+v", text, r)
		}
	})
}

// TestLowest merges what revisions have, in any order.
func TestLowest(t *testing.T) {
	t.Parallel()
	a := models.Warm(3).WithMax(9).WithKeepAlive(time.Minute)
	b := models.Warm(1).WithMax(20)
	want := models.Warm(1).WithMax(9)
	for _, parts := range [][]part{{{have: a}, {have: b}}, {{have: b}, {have: a}}, {{have: a}, {have: b}, {have: a}}} {
		if got := lowest(parts); got != want {
			t.Errorf("the least of %v is %s, want %s", parts, got, want)
		}
	}
	if got := lowest(nil); got != (models.Capacity{}) {
		t.Errorf("the least of nothing is %s", got)
	}
}
