package models

import (
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDuration(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for in, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "90s": 90 * time.Second, "1m": time.Minute, "1h30m": 90 * time.Minute, "14d": 14 * day, "1w": 7 * day,
		"2w3d": 17 * day, "1d12h": 36 * time.Hour, "1w2d3h4m5s": 9*day + 3*time.Hour + 4*time.Minute + 5*time.Second,
		"-5m": -5 * time.Minute, "800ms": 800 * time.Millisecond, "0d": 0, "1.5h": 90 * time.Minute, "53375d": 53375 * day,
	} {
		got, err := ParseDuration(in)
		if err != nil || got.Std() != want {
			t.Errorf("ParseDuration(%q) = %s, %v, want %s", in, got.Std(), err, want)
		}
	}
	for _, in := range []string{
		"", "5", "d", "w", "-1d", "+1d", "1d-5m", "0d-5m", "1.5d", "1d1w", "1d2d", "soon", "5 m", " 5m", "5m ", "1y", "99999999999999999999d",
		"7625w53375d2562047h", "106752d", "NaN", "1e3s", "٣d",
	} {
		if got, err := ParseDuration(in); !errors.Is(err, ErrInvalid) {
			t.Errorf("ParseDuration(%q) = %s, %v, want ErrInvalid", in, got, err)
		}
	}
}

func TestDurationString(t *testing.T) {
	t.Parallel()
	for in, want := range map[time.Duration]string{
		0: "0s", time.Minute: "1m", 90 * time.Minute: "1h30m", time.Hour: "1h", 14 * 24 * time.Hour: "14d", 90 * time.Second: "1m30s",
		36 * time.Hour: "36h", 800 * time.Millisecond: "800ms", -time.Minute: "-1m", -24 * time.Hour: "-24h", 10*time.Hour + 5*time.Second: "10h0m5s",
		20 * time.Minute: "20m", 10*time.Hour + 10*time.Minute: "10h10m",
	} {
		if got := Duration(in).String(); got != want {
			t.Errorf("%d: %q, want %q", in, got, want)
		}
	}
}

func TestDurationRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]time.Duration{1, time.Millisecond, time.Second, time.Minute, time.Hour, 24 * time.Hour}).Draw(t, "unit")
		n := rapid.Int64Range(math.MinInt64/int64(unit), math.MaxInt64/int64(unit)).Draw(t, "n")
		d := Duration(n * int64(unit))
		if d.Std() > 53375*24*time.Hour { // days beyond half the range of time.Duration are not read
			return
		}
		text, err := d.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back Duration
		if err := back.UnmarshalText(text); err != nil || back != d {
			t.Fatalf("%d became %q and came back as %d, %v", d, text, back, err)
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	for _, seed := range []string{"14d", "1w2d3h", "-5m", "7625w53375d2562047h", "1d-1h", "µs"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDuration(text)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("%q: %v is not ErrInvalid", text, err)
			}
			return
		}
		if d < 0 && text[0] != '-' {
			t.Fatalf("%q overflowed to %s", text, d)
		}
	})
}
