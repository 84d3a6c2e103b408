package results_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"pilotlight/internal/sim"
	"pilotlight/internal/sim/results"
)

// hostile is a name that must stay text wherever it is shown.
const hostile = `</title><script>alert(1)</script><img src=x onerror="alert(1)">` + "\u202eevil"

// example is a result with everything in it.
func example() *results.Result {
	start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	usage := func(cold int64, idle float64) sim.Usage {
		return sim.Usage{Invocations: 1000, ColdStarts: cold, ColdSeconds: float64(cold) / 2, ProvIdleGBs: idle, ProvisionedGBs: idle, USD: idle / 1e5, Decisions: 7}
	}
	r := &results.Result{
		Source: hostile, Setting: sim.Provider, Start: start, From: start.Add(24 * time.Hour), To: start.Add(72 * time.Hour),
		LeadSeconds: 60, ColdStartPrice: 100, Seed: 1, Prices: sim.LambdaPrices(), PricesAsOf: "2026-11-01", ConfigHash: "abc", WhatIf: []string{hostile},
		Warnings: []string{hostile}, CurveTargets: 1,
		Hours: results.Hours{Pilotlight: make([]int64, 72), Today: make([]int64, 72)},
	}
	for _, p := range []struct {
		name string
		kind results.Kind
		cold int64
		idle float64
	}{
		{"Pilotlight", results.Pilotlight, 10, 500},
		{"fixed-10", results.Today, 20, 1000},
		{"fixed-5", results.Baseline, 30, 400},
		{"break-even-J1", results.Baseline, 200, 100},
		{"kpa", results.Baseline, 900, 90},
		{"seasonal-naive-day", results.Baseline, 900_000, 1e7},
		{"oracle-keep-J1", results.Oracle, 20, 50},
		{"oracle-peak", results.Oracle, 0, 300},
	} {
		r.Policies = append(r.Policies, results.Policy{Name: p.name, Kind: p.kind, What: hostile, Usage: usage(p.cold, p.idle), OnCurve: usage(p.cold, p.idle)})
	}
	r.Curve = []results.Point{{ColdStartPrice: 1, Usage: usage(100, 90)}, {ColdStartPrice: 100, Usage: usage(10, 500)}}
	counts := []results.ReasonCount{{Code: "b", Meaning: "second", Count: 2}, {Code: "a", Meaning: hostile, Count: 5}}
	t := results.Target{
		ID: hostile, MemoryMB: 128, ColdStartSeconds: 0.5, Reasons: counts,
		Accuracy: results.Accuracy{StepsAhead: 2, Forecasts: 10, Missing: 1, Coverage: 0.8, Loss: 1, PersistenceLoss: 2, Skill: 0.5},
		Samples:  []results.Sample{{At: start, From: "warm=0", To: "warm=1", Reasons: []string{hostile}}},
	}
	for i := range r.Policies {
		t.Usages = append(t.Usages, r.Policies[i].Usage)
	}
	r.Targets = []results.Target{t}
	data := &sim.PlotData{Title: "The busiest target, " + hostile, Start: start, Step: time.Minute}
	for i := range 200 {
		data.Invocations, data.Forecast = append(data.Invocations, float64(i)), append(data.Forecast, math.NaN())
		data.Warm = append(data.Warm, 1)
	}
	r.Example = data
	r.Sum()
	r.Finish()
	return r
}

// TestFinish checks the ratios by hand.
func TestFinish(t *testing.T) {
	t.Parallel()
	r := example()
	// Pilotlight 500 + 100·5, today 1000 + 100·10, fixed-5 400 + 100·15.
	if got := r.Policies[0]; got.Burden != 1000 || got.J != 0.5 {
		t.Errorf("Pilotlight: burden %v, J %v", got.Burden, got.J)
	}
	if best := r.Best(); best.Name != "fixed-5" || best.Burden != 1900 {
		t.Errorf("best %+v", best)
	}
	// At 1: Pilotlight 90 + 50, break-even 100 + 100, fixed-5 400 + 15, kpa 90 + 450, oracles do not count.
	if c := r.Curve[0]; c.Best != "break-even-J1" || c.Ratio != 0.7 {
		t.Errorf("at 1: %+v", c)
	}
	if r.Reasons[0].Code != "a" || r.Accuracy.Skill != 0.5 || r.Accuracy.Forecasts != 10 {
		t.Errorf("sums: %+v, %+v", r.Reasons, r.Accuracy)
	}
	if got, want := r.Verdict(), "Against today (fixed-10): -50.0 % cold starts, -50.0 % idle memory that is paid for, -50.0 % dollars, -50.0 % J."; !strings.HasPrefix(got, want) {
		t.Errorf("verdict %q, want %q", got, want)
	}
}

// page renders the example.
func page(t *testing.T, r *results.Result) string {
	t.Helper()
	var a, b bytes.Buffer
	if err := errors.Join(r.WriteHTML(&a), r.WriteHTML(&b)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the same result gives other bytes")
	}
	return a.String()
}

// TestHTMLNeedsNothing checks that a page refers to nothing outside and that no name becomes part of it.
func TestHTMLNeedsNothing(t *testing.T) {
	t.Parallel()
	text := page(t, example())
	for _, bad := range []string{"<script", "<img", "<link", "<iframe", "@import", "url(", "http:", "https:", "//", "javascript:", "#-8000", "ZgotmplZ"} {
		if i := strings.Index(text, bad); i >= 0 {
			t.Errorf("the page has %q: %.80q", bad, text[max(0, i-30):])
		}
	}
	if !strings.Contains(text, "&lt;script&gt;alert(1)") {
		t.Error("the name is not shown")
	}
	if got := strings.Count(text, `<svg role="img"`); got != 3 {
		t.Errorf("%d pictures, want 3", got)
	}
}

// TestHTMLIsWellFormed checks that everything opened is closed, and what people who cannot see it need.
func TestHTMLIsWellFormed(t *testing.T) {
	t.Parallel()
	text := page(t, example())
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			for _, a := range e.Attr {
				if a.Name.Local == "src" || a.Name.Local == "href" || strings.HasPrefix(a.Name.Local, "on") {
					t.Errorf("%s has the attribute %s", e.Name.Local, a.Name.Local)
				}
			}
			open = append(open, e.Name.Local)
		case xml.EndElement:
			if open[len(open)-1] != e.Name.Local {
				t.Fatalf("%s ends in %v", e.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
	for _, need := range []string{`<html lang="en">`, "<title>Backtest of", `name="viewport"`, "prefers-color-scheme:dark", `scope="row"`, "<h1>", "<main>", "<title>Seconds of cold start against"} {
		if !strings.Contains(text, need) {
			t.Errorf("the page lacks %q", need)
		}
	}
	if strings.Contains(text, "seasonal-naive-day</text>") || !strings.Contains(text, "Far outside: seasonal-naive-day") {
		t.Error("an outlier squeezes the chart")
	}
	if !strings.Contains(text, "Pilotlight would have been 50.0 % better than what runs today (fixed-10).") {
		t.Error("the headline is wrong")
	}
}

// TestSettings checks reports with little in them.
func TestSettings(t *testing.T) {
	t.Parallel()
	r := example()
	r.Setting, r.Curve, r.Example, r.LeadSeconds = sim.Customer, nil, nil, -1
	r.Policies[0].Usage.ColdSeconds = 100
	r.Finish()
	if text := page(t, r); !strings.Contains(text, "worse than what runs today") || !strings.Contains(text, "differs by target") {
		t.Error("a bad result is not called so")
	}
	for i := range r.Policies {
		r.Policies[i].Usage = sim.Usage{}
	}
	r.Finish()
	if text := page(t, r); !strings.Contains(text, "nothing to improve") {
		t.Error("nothing is not called so")
	}
	if err := (&results.Result{}).WriteHTML(io.Discard); err == nil {
		t.Error("a report of nothing")
	}
}

// TestText checks the tables.
func TestText(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := example().WriteText(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, need := range []string{"today: fixed-10", "(oracle-peak)", "break-even-J1             0.700", "band of 80 % held 80.0 %", "warning: "} {
		if !strings.Contains(text, need) {
			t.Errorf("the text lacks %q:\n%s", need, text)
		}
	}
	if strings.ContainsAny(text, "\u202e\x1b") {
		t.Error("a character that turns the text")
	}
	if err := example().WriteText(broken{}); !errors.Is(err, errBroken) {
		t.Errorf("a broken writer: %v", err)
	}
	if err := example().WriteHTML(broken{}); !errors.Is(err, errBroken) {
		t.Errorf("a broken writer of HTML: %v", err)
	}
}

var errBroken = errors.New("broken")

// broken is a writer that fails.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }
