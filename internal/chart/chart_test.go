package chart_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/plot"
	"pgregory.net/rapid"

	"pilotlight/internal/chart"
)

var start = time.Date(2021, 1, 31, 0, 0, 0, 0, time.UTC)

// figure has a panel of each kind, with gaps and whatever values are given.
func figure(title string, ys []float64) *chart.Figure {
	xs := make([]float64, len(ys))
	low := make([]float64, len(ys))
	for i, y := range ys {
		xs[i], low[i] = float64(i), y-1
	}
	x := chart.Axis{Max: float64(len(ys)), Ticks: chart.NumberTicks}
	hidden := x
	hidden.Hidden = true
	counts, numbers := chart.NewCounts(title, 1, hidden), chart.NewNumbers("numbers", 2, x)
	for _, p := range []*chart.Panel{counts, numbers} {
		p.Fill(xs, low, ys, chart.Band())
		p.Line(xs, ys, chart.Style{Color: chart.Fact(), Width: 1, Dots: true})
		p.Line(xs, low, chart.Style{Color: chart.Guess(), Width: 1, Stairs: true, Dashed: true})
		p.Legend("guess", chart.Guess())
	}
	return &chart.Figure{Title: title, Width: 300, Height: 200, Panels: []*chart.Panel{counts, numbers}}
}

func wellFormed(t *testing.T, data string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(data))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the SVG is no XML: %v", err)
		}
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	ys := []float64{3, 1, 4, math.NaN(), 1, 5, math.Inf(1), 9}
	var svg, again, pixels bytes.Buffer
	if err := errors.Join(figure("pi", ys).Write(&svg, "svg"), figure("pi", ys).Write(&again, "svg"), figure("pi", ys).Write(&pixels, "png")); err != nil {
		t.Fatal(err)
	}
	if svg.String() != again.String() {
		t.Error("the same data gives other bytes")
	}
	wellFormed(t, svg.String())
	for _, want := range []string{">pi<", ">numbers<", ">guess<", "fill:#FFFFFF"} {
		if !strings.Contains(svg.String(), want) {
			t.Errorf("no %q in the SVG", want)
		}
	}
	picture, err := png.Decode(&pixels)
	if err != nil {
		t.Fatal(err)
	}
	if size := picture.Bounds().Size(); size.X != 600 || size.Y != 400 {
		t.Errorf("the picture has %v", size)
	}
	if err := figure("pi", ys).Write(io.Discard, "gif"); !errors.Is(err, chart.ErrFormat) {
		t.Errorf("format: %v", err)
	}
}

// TestInline checks that a figure in a page has no colours of its own, no ground and a text.
func TestInline(t *testing.T) {
	t.Parallel()
	svg, err := figure("a", []float64{1, 2, 3}).Inline("f1", "what <it> shows")
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, svg)
	for _, want := range []string{`role="img" aria-labelledby="f1"><title id="f1">what &lt;it&gt; shows</title>`, "var(--ink)", "var(--fact)", "var(--guess)", "var(--band)", "var(--faint)"} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %q in %s", want, svg)
		}
	}
	for _, bad := range []string{"fill:#FFFFFF", "#1F2937", "<?xml", "Liberation"} {
		if strings.Contains(svg, bad) {
			t.Errorf("%q in %s", bad, svg)
		}
	}
}

// TestAnything draws gaps, infinite, negative and huge values, and hostile titles.
func TestAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		value := rapid.OneOf(rapid.Float64Range(-10, 1000), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, 1e30, -1e30, 1e-9}))
		ys := rapid.SliceOfN(value, 1, 30).Draw(rt, "ys")
		title := rapid.SampledFrom([]string{"", "a<b>&\"c'", "é", "a\nb", strings.Repeat("long ", 100)}).Draw(rt, "title")
		var svg bytes.Buffer
		if err := figure(title, ys).Write(&svg, "svg"); err != nil {
			rt.Fatal(err)
		}
		wellFormed(t, svg.String())
		inline, err := figure(title, ys).Inline("x", title)
		if err != nil {
			rt.Fatal(err)
		}
		wellFormed(t, inline)
	})
}

func TestNumberTicks(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		low, high float64
		want      string
	}{
		"fractions": {0, 0.031, "0.00 0.01 0.02 0.03"},
		"one":       {0.2, 1.1, "0.2 0.4 0.6 0.8 1.0"},
		"negative":  {-1500, 600, "-1 500 -1 000 -500 0 500"},
		"far off":   {1000000, 1000400, "1 000 000 1 000 100 1 000 200 1 000 300 1 000 400"},
		"nothing":   {1, 1, ""},
		"too much":  {-math.MaxFloat64, math.MaxFloat64, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := labels(chart.NumberTicks(tc.low, tc.high)); got != tc.want {
				t.Errorf("%q, not %q", got, tc.want)
			}
		})
	}
}

func labels(ticks []plot.Tick) string {
	var all []string
	for _, tick := range ticks {
		all = append(all, tick.Label)
	}
	return strings.Join(all, " ")
}

func TestTicks(t *testing.T) {
	t.Parallel()
	for high, want := range map[float64]string{1: "0 1", 4.3: "0 1 2 3 4", 9: "0 2 4 6 8", 1242: "0 500 1 000", 23456: "0 5 000 10 000 15 000 20 000"} {
		var labels []string
		for _, tick := range chart.CountTicks(0, high) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, " "); got != want {
			t.Errorf("up to %v: %s, want %s", high, got, want)
		}
	}
	from := float64(start.Unix())
	for span, want := range map[time.Duration]string{
		14 * 24 * time.Hour: "Jan 31 Feb 2", 2 * 24 * time.Hour: "Jan 31 06:00", 3 * time.Hour: "Jan 31 00:30", 30 * time.Second: "Jan 31 00:00:05",
	} {
		var labels []string
		for _, tick := range chart.TimeTicks(from, from+span.Seconds()) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, " "); !strings.HasPrefix(got, want) || len(labels) > 11 {
			t.Errorf("over %s: %s, want it to begin with %s", span, got, want)
		}
	}
}

func TestGrouped(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", -123: "-123", -1234: "-1 234", 999: "999", 1000: "1 000", 1234567.6: "1 234 568"} {
		if got := chart.Grouped(v); got != want {
			t.Errorf("%v is written %q, want %q", v, got, want)
		}
	}
}
