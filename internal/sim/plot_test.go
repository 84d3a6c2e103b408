package sim

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

	"pgregory.net/rapid"

	"pilotlight/models"
)

func wave(n int) PlotData {
	d := PlotData{Title: "az21_235, two days", Start: testStart, Step: time.Minute}
	for i := range n {
		x := 60 + 50*math.Sin(float64(i)/200)
		d.Invocations = append(d.Invocations, x+10*math.Sin(float64(i)))
		d.Forecast = append(d.Forecast, x)
		d.Low, d.High = append(d.Low, x-12), append(d.High, x+15)
		d.Warm = append(d.Warm, math.Round(x/20))
		d.ColdWith = append(d.ColdWith, math.Floor(math.Mod(float64(i), 97)/96))
		d.ColdWithout = append(d.ColdWithout, math.Floor(math.Mod(float64(i), 31)/30))
	}
	for i := range min(n, 300) {
		d.Forecast[i], d.Low[i], d.High[i], d.Warm[i] = math.NaN(), math.NaN(), math.NaN(), 0
	}
	return d
}

func TestWritePlot(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 500, 20_160} {
		var svg, again bytes.Buffer
		if err := errors.Join(WritePlot(&svg, "svg", wave(n)), WritePlot(&again, "svg", wave(n))); err != nil {
			t.Fatalf("%d steps: %v", n, err)
		}
		if !bytes.Equal(svg.Bytes(), again.Bytes()) {
			t.Errorf("%d steps: the same data gives other bytes", n)
		}
		if n == 500 {
			for _, want := range []string{"az21_235, two days", "Invocations per minute", "Warm instances", "without: 16", "with Pilotlight: 5"} {
				if !strings.Contains(svg.String(), want) {
					t.Errorf("no %q in the SVG", want)
				}
			}
		}
		if svg.Len() > 300_000 {
			t.Errorf("the SVG of %d steps has %d bytes", n, svg.Len())
		}
		wellFormed(t, svg.Bytes())
	}
	var pixels bytes.Buffer
	if err := WritePlot(&pixels, "png", wave(50)); err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(&pixels)
	if err != nil {
		t.Fatal(err)
	}
	if size := picture.Bounds().Size(); size.X != plotWidth*2 || size.Y != plotHeight*2 {
		t.Errorf("the picture has %v", size)
	}
}

func wellFormed(t *testing.T, data []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(data))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the SVG is no XML: %v", err)
		}
	}
}

// TestWritePlotOfAnything has gaps, infinite, negative and huge values, and hostile titles.
func TestWritePlotOfAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(rt, "n")
		series := func(name string) []float64 {
			if rapid.IntRange(0, 3).Draw(rt, name+"?") == 0 {
				return nil
			}
			value := rapid.OneOf(rapid.Float64Range(-10, 1000), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, 1e15}))
			return rapid.SliceOfN(value, n, n).Draw(rt, name)
		}
		d := PlotData{
			Title: rapid.SampledFrom([]string{"", "a<b>&\"c'", "é", "a\nb", strings.Repeat("long ", 100)}).Draw(rt, "title"),
			Start: testStart, Step: time.Duration(rapid.Int64Range(1, int64(1000*time.Hour)).Draw(rt, "step")),
			Forecast: series("forecast"), Low: series("low"), High: series("high"), Warm: series("warm"),
			ColdWith: series("with"), ColdWithout: series("without"),
		}
		if d.Invocations = series("invocations"); d.Invocations == nil {
			d.Invocations = make([]float64, n)
		}
		var svg bytes.Buffer
		if err := WritePlot(&svg, "svg", d); err != nil {
			rt.Fatal(err)
		}
		wellFormed(t, svg.Bytes())
	})
}

func TestWritePlotRefuses(t *testing.T) {
	t.Parallel()
	short := wave(10)
	short.Warm = short.Warm[:3]
	noStep := wave(10)
	noStep.Step = 0
	for name, d := range map[string]PlotData{"nothing": {Step: time.Minute}, "lengths": short, "step": noStep} {
		if err := WritePlot(io.Discard, "svg", d); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := WritePlot(io.Discard, "gif", wave(10)); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("format: %v", err)
	}
	if err := WritePlot(failingWriter{}, "svg", wave(10)); !errors.Is(err, errBroken) {
		t.Errorf("broken writer: %v", err)
	}
}

// TestReduceKeepsTotals puts steps together without losing cold starts or peaks of the floor.
func TestReduceKeepsTotals(t *testing.T) {
	t.Parallel()
	v := []float64{1, math.NaN(), 3, 2, 0, 7, math.NaN(), math.NaN()}
	for name, test := range map[string]struct{ got, want []float64 }{
		"sums":   {reduce(v, 3, sum, false), []float64{4, 9, math.NaN()}},
		"peaks":  {reduce(v, 3, math.Max, false), []float64{3, 7, math.NaN()}},
		"means":  {reduce(v, 3, sum, true), []float64{2, 3, math.NaN()}},
		"so far": {cumulated(v), []float64{1, 1, 4, 6, 6, 13, 13, 13}},
	} {
		for i := range test.want {
			if test.got[i] != test.want[i] && !(math.IsNaN(test.got[i]) && math.IsNaN(test.want[i])) {
				t.Errorf("%s are %v, want %v", name, test.got, test.want)
				break
			}
		}
	}
}

func BenchmarkWritePlot(b *testing.B) {
	d := wave(14 * 1440)
	b.ReportAllocs()
	for b.Loop() {
		if err := WritePlot(io.Discard, "svg", d); err != nil {
			b.Fatal(err)
		}
	}
}
