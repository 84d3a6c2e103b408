package models

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that people write with days and weeks too, such as 14d, 1h30m or 1w. It is used in
// configuration.
type Duration time.Duration

// ParseDuration reads what time.ParseDuration reads, and whole numbers of days (d) and weeks (w) before it.
func ParseDuration(text string) (Duration, error) {
	bad := fmt.Errorf("duration %q: write it like 90s, 15m, 1h30m or 14d: %w", text, ErrInvalid)
	rest := text
	var total time.Duration
	for _, unit := range []struct {
		name  string
		hours int64
	}{{"w", 7 * 24}, {"d", 24}} {
		number, after, found := strings.Cut(rest, unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || strings.ContainsAny(number, "+-") || n > math.MaxInt64/int64(time.Hour)/unit.hours/2 {
			return 0, bad
		}
		total += time.Duration(n*unit.hours) * time.Hour
		rest = after
	}
	if rest == "" && rest != text {
		return Duration(total), nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || rest != text && d < 0 || d > math.MaxInt64-total {
		return 0, bad
	}
	return Duration(total + d), nil
}

// Std returns the duration as a time.Duration.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String renders the duration so that ParseDuration reads it back: 14d, 1h30m, 90s becomes 1m30s.
func (d Duration) String() string {
	const day = 24 * time.Hour
	t := time.Duration(d)
	if t > 0 && t%day == 0 {
		return strconv.FormatInt(int64(t/day), 10) + "d"
	}
	text := t.String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
