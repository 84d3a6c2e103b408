package models

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func capacityGen(t *rapid.T, label string) Capacity {
	var c Capacity
	if rapid.Bool().Draw(t, label+"hasWarm") {
		c = c.WithWarm(rapid.IntRange(-2, 3).Draw(t, label+"warm"))
	}
	if rapid.Bool().Draw(t, label+"hasKeepAlive") {
		c = c.WithKeepAlive(time.Duration(rapid.Int64Range(-2, 3).Draw(t, label+"keepAlive")) * 1500 * time.Millisecond)
	}
	if rapid.Bool().Draw(t, label+"hasMax") {
		c = c.WithMax(rapid.IntRange(-2, 3).Draw(t, label+"max"))
	}
	if rapid.Bool().Draw(t, label+"hasMemory") {
		c = c.WithMemory(rapid.IntRange(-2, 3).Draw(t, label+"memory"))
	}
	return c
}

func TestCapacityProperties(t *testing.T) {
	t.Parallel()
	const all = LeverWarm | LeverKeepAlive | LeverMax | LeverMemory
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := capacityGen(t, "a"), capacityGen(t, "b"), capacityGen(t, "c")
		keep := Lever(rapid.Uint8Range(0, uint8(all)).Draw(t, "keep"))
		merged := a.Merge(b)
		switch {
		case merged.Levers() != a.Levers()|b.Levers():
			t.Fatalf("merged levers %b", merged.Levers())
		case !merged.Satisfies(b):
			t.Fatalf("%v merged with %v is %v", a, b, merged)
		case merged.Only(a.Levers()&^b.Levers()) != a.Only(a.Levers()&^b.Levers()):
			t.Fatalf("%v merged with %v is %v", a, b, merged)
		case a.Merge(Capacity{}) != a || (Capacity{}).Merge(a) != a || a.Merge(a) != a:
			t.Fatalf("the empty capacity or itself changes %v", a)
		case a.Merge(b).Merge(c) != a.Merge(b.Merge(c)):
			t.Fatal("merging is not associative")
		case a.Only(keep).Levers() != a.Levers()&keep || a.Only(all) != a:
			t.Fatalf("%v.Only(%b) is %v", a, keep, a.Only(keep))
		case !a.Satisfies(a) || !a.Satisfies(Capacity{}):
			t.Fatalf("%v does not satisfy itself", a)
		case a.Satisfies(b) && !a.Levers().Has(b.Levers()):
			t.Fatalf("%v satisfies %v without its levers", a, b)
		}
		data, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var back Capacity
		if err := json.Unmarshal(data, &back); err != nil || back != a {
			t.Fatalf("%s came back as %v, %v", data, back, err)
		}
	})
}

func TestCapacityLevers(t *testing.T) {
	t.Parallel()
	c := Warm(3).WithKeepAlive(10 * time.Minute).WithMax(9).WithMemory(512)
	if got, want := c.String(), "warm 3, keep-alive 10m0s, max 9, memory 512 MB"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := (Capacity{}).String(); got != "unknown" {
		t.Errorf("the empty capacity is %q", got)
	}
	if n, ok := Warm(-1).Warm(); n != 0 || !ok {
		t.Errorf("warm -1 is %d, %v", n, ok)
	}
	if _, ok := Warm(0).Max(); ok {
		t.Error("warm sets max")
	}
	if Warm(0) == (Capacity{}) || Warm(1).Satisfies(Warm(2)) || (Capacity{}).Satisfies(Warm(0)) {
		t.Error("zero and absent are the same")
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"warm":3,"keep_alive_s":600,"max":9,"memory_mb":512}`, string(data)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func FuzzCapacityJSON(f *testing.F) {
	for _, seed := range []string{`{}`, `{"warm":-1,"keep_alive_s":1e300}`, `{"warm":1.5}`, `null`, `{"memory_mb":99999999999999999999}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var c Capacity
		if json.Unmarshal(data, &c) != nil {
			return
		}
		warm, _ := c.Warm()
		keep, _ := c.KeepAlive()
		most, _ := c.Max()
		memory, _ := c.Memory()
		if warm < 0 || keep < 0 || most < 0 || memory < 0 {
			t.Fatalf("%s gave %v", data, c)
		}
	})
}
