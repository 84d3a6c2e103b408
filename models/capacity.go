package models

import (
	"encoding/json"
	"fmt"
	"time"
)

// Lever is a set of the ways in which capacity can be set. No platform has all of them.
type Lever uint8

// The four levers.
const (
	// LeverWarm is the floor of ready instances.
	LeverWarm Lever = 1 << iota
	// LeverKeepAlive is how long an idle instance stays.
	LeverKeepAlive
	// LeverMax is the greatest number of instances.
	LeverMax
	// LeverMemory is the memory of an instance.
	LeverMemory
)

// Has reports whether the set holds all levers of other.
func (l Lever) Has(other Lever) bool { return l&other == other }

// Capacity is what a target has or should have. A lever that is not set is absent: unknown when observed, left alone when
// applied. Capacity is a comparable value; the zero Capacity has no lever set.
type Capacity struct {
	set       Lever
	warm      int
	keepAlive time.Duration
	maxInst   int
	memoryMB  int
}

// Warm returns a Capacity with only the floor of warm instances set.
func Warm(n int) Capacity { return Capacity{}.WithWarm(n) }

// WithWarm returns the Capacity with the floor of ready instances set; a negative number counts as 0.
func (c Capacity) WithWarm(n int) Capacity {
	c.set |= LeverWarm
	c.warm = max(n, 0)
	return c
}

// WithKeepAlive returns the Capacity with the keep-alive of idle instances set; a negative time counts as 0.
func (c Capacity) WithKeepAlive(d time.Duration) Capacity {
	c.set |= LeverKeepAlive
	c.keepAlive = max(d, 0)
	return c
}

// WithMax returns the Capacity with the greatest number of instances set; a negative number counts as 0.
func (c Capacity) WithMax(n int) Capacity {
	c.set |= LeverMax
	c.maxInst = max(n, 0)
	return c
}

// WithMemory returns the Capacity with the memory of an instance in MB set; a negative number counts as 0.
func (c Capacity) WithMemory(mb int) Capacity {
	c.set |= LeverMemory
	c.memoryMB = max(mb, 0)
	return c
}

// Levers returns which levers are set.
func (c Capacity) Levers() Lever { return c.set }

// Warm returns the floor of ready instances, and whether it is set.
func (c Capacity) Warm() (int, bool) { return c.warm, c.set.Has(LeverWarm) }

// KeepAlive returns the keep-alive of idle instances, and whether it is set.
func (c Capacity) KeepAlive() (time.Duration, bool) { return c.keepAlive, c.set.Has(LeverKeepAlive) }

// Max returns the greatest number of instances, and whether it is set.
func (c Capacity) Max() (int, bool) { return c.maxInst, c.set.Has(LeverMax) }

// Memory returns the memory of an instance in MB, and whether it is set.
func (c Capacity) Memory() (int, bool) { return c.memoryMB, c.set.Has(LeverMemory) }

// Only returns the Capacity with all levers outside keep unset.
func (c Capacity) Only(keep Lever) Capacity {
	out := Capacity{}
	if l := c.set & keep; l != 0 {
		if l.Has(LeverWarm) {
			out = out.WithWarm(c.warm)
		}
		if l.Has(LeverKeepAlive) {
			out = out.WithKeepAlive(c.keepAlive)
		}
		if l.Has(LeverMax) {
			out = out.WithMax(c.maxInst)
		}
		if l.Has(LeverMemory) {
			out = out.WithMemory(c.memoryMB)
		}
	}
	return out
}

// Satisfies reports whether every lever that want sets has the same value in c.
func (c Capacity) Satisfies(want Capacity) bool {
	// Levers that are not set are 0 in both, so that only those of want are to be compared.
	return c.set.Has(want.set) &&
		(c.warm == want.warm || !want.set.Has(LeverWarm)) &&
		(c.keepAlive == want.keepAlive || !want.set.Has(LeverKeepAlive)) &&
		(c.maxInst == want.maxInst || !want.set.Has(LeverMax)) &&
		(c.memoryMB == want.memoryMB || !want.set.Has(LeverMemory))
}

// Merge returns c with the levers that over sets replaced.
func (c Capacity) Merge(over Capacity) Capacity {
	if over.set.Has(LeverWarm) {
		c = c.WithWarm(over.warm)
	}
	if over.set.Has(LeverKeepAlive) {
		c = c.WithKeepAlive(over.keepAlive)
	}
	if over.set.Has(LeverMax) {
		c = c.WithMax(over.maxInst)
	}
	if over.set.Has(LeverMemory) {
		c = c.WithMemory(over.memoryMB)
	}
	return c
}

// capacityJSON is the wire form of a Capacity; an unset lever is absent.
type capacityJSON struct {
	Warm       *int     `json:"warm,omitempty"`
	KeepAliveS *float64 `json:"keep_alive_s,omitempty"`
	Max        *int     `json:"max,omitempty"`
	MemoryMB   *int     `json:"memory_mb,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (c Capacity) MarshalJSON() ([]byte, error) {
	var out capacityJSON
	if v, ok := c.Warm(); ok {
		out.Warm = &v
	}
	if v, ok := c.KeepAlive(); ok {
		s := v.Seconds()
		out.KeepAliveS = &s
	}
	if v, ok := c.Max(); ok {
		out.Max = &v
	}
	if v, ok := c.Memory(); ok {
		out.MemoryMB = &v
	}
	return json.Marshal(out)
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *Capacity) UnmarshalJSON(data []byte) error {
	var in capacityJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	var out Capacity
	if in.Warm != nil {
		out = out.WithWarm(*in.Warm)
	}
	if in.KeepAliveS != nil {
		out = out.WithKeepAlive(Seconds(*in.KeepAliveS))
	}
	if in.Max != nil {
		out = out.WithMax(*in.Max)
	}
	if in.MemoryMB != nil {
		out = out.WithMemory(*in.MemoryMB)
	}
	*c = out
	return nil
}

// String renders the set levers, such as "warm 3, keep-alive 10m0s".
func (c Capacity) String() string {
	text := ""
	add := func(format string, args ...any) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf(format, args...)
	}
	if v, ok := c.Warm(); ok {
		add("warm %d", v)
	}
	if v, ok := c.KeepAlive(); ok {
		add("keep-alive %s", v)
	}
	if v, ok := c.Max(); ok {
		add("max %d", v)
	}
	if v, ok := c.Memory(); ok {
		add("memory %d MB", v)
	}
	if text == "" {
		return "unknown"
	}
	return text
}
