package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// hourly is the series file of the documentation.
const hourly = "../../testdata/series/azure2021-hourly.csv"

// scores is what these tests read of the JSON report.
type scores struct {
	Horizon, Origins int
	Point            string
	Models           []struct {
		Model                       string
		Series, Incomplete, Windows int
		SMAPE, MASE, OWA, WQL       *float64
		RelativeMASE                struct{ Mean *float64 } `json:"relative_mase"`
		CPU                         *float64                `json:"cpu_ms"`
		Coverage                    []struct {
			Level     float64
			N         int
			AtOrBelow float64 `json:"at_or_below"`
		}
	}
	Series []struct {
		Series  string
		Period  int
		Origins []int
	}
	Skipped []struct{ Series, Reason string }
}

// scored runs accuracy and reads its JSON.
func scored(t *testing.T, args ...string) scores {
	t.Helper()
	r := pilotlight(t, append([]string{"accuracy", "--output", "json"}, args...)...)
	if r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	var s scores
	if err := json.Unmarshal([]byte(r.out), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAccuracy(t *testing.T) {
	t.Parallel()
	s := scored(t, "--input", hourly, "--horizon", "12", "--origins", "2", "--models", "persistence,mean")
	var names []string
	for _, m := range s.Models {
		names = append(names, m.Model)
		if m.Series != 5 || m.Windows != 10 || m.Incomplete != 0 {
			t.Errorf("%s: %d series, %d windows, %d incomplete", m.Model, m.Series, m.Windows, m.Incomplete)
		}
	}
	if got := strings.Join(names, ", "); got != "seasonal naive, Naive2, last value, ensemble, persistence, mean" {
		t.Fatalf("models %s", got)
	}
	if s.Models[0].RelativeMASE.Mean == nil || math.Abs(*s.Models[0].RelativeMASE.Mean-1) > 1e-12 || math.Abs(*s.Models[1].OWA-1) > 1e-12 {
		t.Error("the references are not 1 against themselves")
	}
	// The median of the errors of persistence moves it a little from the last value.
	if last, alone := *s.Models[2].MASE, *s.Models[4].MASE; math.Abs(alone-last) > 0.02*last {
		t.Errorf("persistence alone has a MASE of %v, the last value %v", alone, last)
	}
	if s.Models[1].WQL != nil || s.Models[3].WQL == nil {
		t.Error("Naive2 has no quantiles, the ensemble has")
	}
	if c := s.Models[3].Coverage; len(c) != 11 || c[8].Level != 0.9 || c[8].N != 120 || c[8].AtOrBelow < c[0].AtOrBelow {
		t.Errorf("coverage %+v", c)
	}
	if one := s.Series[0]; one.Series != "az21_110" || one.Period != 24 || fmt.Sprint(one.Origins) != "[312 324]" {
		t.Errorf("%+v", one)
	}
	// The same as a table, for people.
	r := pilotlight(t, "accuracy", "--input", hourly, "--horizon", "12", "--origins", "2")
	r.want(t, 0, []string{"5 series, 10 forecasts of 12 steps by each model; the mean is scored", "ensemble", "1.000 (0)", "ratio: to seasonal naive"}, nil)
	// The median instead of the mean.
	if s := scored(t, "--input", hourly, "--horizon", "12", "--origins", "1", "--point", "median"); s.Point != "median" {
		t.Errorf("point %s", s.Point)
	}
}

// wide writes a file with a row per series, as in the M4 competition, from the values at [from, to).
func wide(t *testing.T, series map[string][]float64, names []string, from, to int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("V1,V2,V3\n")
	for _, name := range names {
		b.WriteString(name)
		for _, v := range series[name][from:min(to, len(series[name]))] {
			fmt.Fprintf(&b, ",%g", v)
		}
		b.WriteByte('\n')
	}
	return seriesFile(t, b.String())
}

// twoSeries are a clean season and a step, each of 200 values.
func twoSeries() map[string][]float64 {
	season, step := make([]float64, 200), make([]float64, 200)
	for i := range season {
		season[i] = 100 + 20*math.Sin(float64(i)*math.Pi/6) + math.Sin(float64(i*i))
		step[i] = float64(i / 100 * 5)
	}
	return map[string][]float64{"season": season, "step": step}
}

// TestAccuracyOfAContinuation checks --test, and that the forecast it scores is that of the command forecast.
func TestAccuracyOfAContinuation(t *testing.T) {
	t.Parallel()
	data, names := twoSeries(), []string{"season", "step"}
	train, test := wide(t, data, names, 0, 188), wide(t, data, []string{"season"}, 188, 200)
	s := scored(t, "--input", train, "--test", test, "--period", "12")
	if s.Horizon != 12 || s.Origins != 1 || len(s.Series) != 1 || fmt.Sprint(s.Series[0].Origins) != "[188]" ||
		len(s.Skipped) != 1 || s.Skipped[0].Series != "step" || !strings.Contains(s.Skipped[0].Reason, "the continuation does not have it") {
		t.Errorf("%+v", s)
	}
	r := pilotlight(t, "forecast", "--input", train, "--horizon", "12", "--period", "12", "--quantiles", "0.5")
	_, body := rows(t, r.out)
	sum := 0.0
	for h, row := range body[:12] {
		var f float64
		if _, err := fmt.Sscan(row[2], &f); err != nil {
			t.Fatal(err)
		}
		y := data["season"][188+h]
		sum += 200 * math.Abs(y-f) / (y + f) / 12
	}
	if got := *s.Models[3].SMAPE; math.Abs(got-sum) > 1e-9 {
		t.Errorf("sMAPE %v, but that of forecast is %v", got, sum)
	}
}

// TestAccuracyCompare checks that forecasts made elsewhere are scored as ours are, and that what is missing is said.
func TestAccuracyCompare(t *testing.T) {
	t.Parallel()
	data, names := twoSeries(), []string{"season", "step"}
	input := wide(t, data, names, 0, 200)
	var b strings.Builder
	b.WriteString("model,series,origin,step,cpu_ms,mean,q0.5,q0.9\n")
	for _, model := range []string{"oracle", "half"} {
		for _, name := range names {
			if model == "half" && name == "step" {
				continue
			}
			for _, origin := range []int{176, 188, 3} { // that of 3 is no window
				for step := range 12 {
					y := data[name][origin+step]
					fmt.Fprintf(&b, "%s,%s,%d,%d,7.5,%g,%g,%g\n", model, name, origin, step+1, y, y, y+1)
				}
			}
		}
	}
	args := []string{"--input", input, "--horizon", "12", "--origins", "2", "--period", "12"}
	s := scored(t, append(args, "--compare", seriesFile(t, b.String()))...)
	oracle, half := s.Models[4], s.Models[5]
	if oracle.Model != "oracle" || oracle.Series != 2 || *oracle.SMAPE != 0 || *oracle.CPU != 7.5 || oracle.WQL != nil {
		t.Errorf("oracle: %+v", oracle)
	}
	for _, c := range oracle.Coverage {
		if want := map[float64]int{0.5: 48, 0.9: 48}[c.Level]; c.N != want || c.N > 0 && c.AtOrBelow != 1 {
			t.Errorf("coverage %+v", c)
		}
	}
	if half.Series != 1 || half.Incomplete != 1 {
		t.Errorf("half: %+v", half)
	}
	// Against a continuation the origin need not be said.
	train, test := wide(t, data, names, 0, 188), wide(t, data, names, 188, 200)
	text := regexp.MustCompile(`(?m)^(\w+,\w+),188,(.*)$`).FindAllStringSubmatch(b.String(), -1)
	short := "model,series,step,cpu_ms,mean,q0.5,q0.9\n"
	for _, m := range text {
		short += m[1] + "," + m[2] + "\n" //nolint:perfsprint // a few lines
	}
	if s := scored(t, "--input", train, "--test", test, "--period", "12", "--compare", seriesFile(t, short)); *s.Models[4].SMAPE != 0 || s.Models[4].Series != 2 {
		t.Errorf("against a continuation: %+v", s.Models[4])
	}
	for name, tc := range map[string]struct{ text, want string }{
		"no column":   {"model,series,origin,step\n", "line 1: there is no column mean; write model,series,origin,step,mean,q0.1"},
		"no origin":   {"model,series,step,mean\n", "there is no column origin"},
		"empty":       {"", "it is empty; write model,series,origin"},
		"bad origin":  {"model,series,origin,step,mean\nx,season,end,1,2\n", `line 2: origin "end" is no whole number`},
		"bad step":    {"model,series,origin,step,mean\nx,season,188,0,2\n", `line 2: step "0" is no whole number from 1 on`},
		"bad number":  {"model,series,origin,step,mean\nx,season,188,1,two\n", `line 2: "two" is not a number`},
		"no window":   {"model,series,origin,step,mean\nx,season,5,1,2\n", "no row forecasts a window that is scored; --output json lists the origins"},
		"a name":      {"model,series,origin,step,mean\nensemble,season,188,1,2\n", `there is a model "ensemble" already; rename the one in the file`},
		"cut row":     {"model,series,origin,step,mean\nx,season\n", "wrong number of fields"},
		"no such row": {"model,series,origin,step,mean\n", "no row forecasts a window"},
	} {
		r := pilotlight(t, append(append([]string{"accuracy"}, args...), "--compare", seriesFile(t, tc.text))...)
		if r.code != 1 || !strings.Contains(r.err, tc.want) {
			t.Errorf("%s: exit code %d, %s", name, r.code, r.err)
		}
	}
}

func TestAccuracyErrors(t *testing.T) {
	t.Parallel()
	short := seriesFile(t, "series,value\na,1\na,2\nb,1\n")
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no file":    {[]string{"--input", "no/such.csv", "--horizon", "2"}, "read no/such.csv: no such file"},
		"too short":  {[]string{"--input", short, "--horizon", "2"}, `nothing can be scored: series "a": it has 2 values, and needs 5`},
		"no test":    {[]string{"--input", short, "--test", "no/such.csv"}, "read no/such.csv: no such file"},
		"other test": {[]string{"--input", short, "--test", seriesFile(t, "series,value\nc,1\n")}, `series "a": the continuation does not have it`},
		"no place":   {[]string{"--input", hourly, "--horizon", "2", "--html", "no/such/x.html"}, "name a file in a folder that exists"},
		"no compare": {[]string{"--input", hourly, "--horizon", "2", "--compare", "no/such.csv"}, "read no/such.csv: no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pilotlight(t, append([]string{"accuracy"}, tc.args...)...).want(t, 1, nil, []string{"pilotlight: ", tc.want})
		})
	}
}

// TestAccuracyPage checks that the page stands alone, is well formed, and cannot be broken out of by names.
func TestAccuracyPage(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("series,value\n")
	for i := range 120 {
		fmt.Fprintf(&b, "\"<script>alert(1)</script>\",%d\n\"</svg>&\"\"'\",%d\n", i%12+i%7, i%12)
	}
	page := filepath.Join(t.TempDir(), "a.html")
	pilotlight(t, "accuracy", "--input", seriesFile(t, b.String()), "--horizon", "6", "--period", "12", "--html", page).
		want(t, 0, []string{"ensemble"}, nil)
	text := contents(t, page)
	for _, want := range []string{`<html lang="en">`, "prefers-color-scheme: dark", "<svg ", `role="img"`, "How to read this", `scope="row"`, "&lt;script&gt;"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	if n := strings.Count(text, "<svg "); n != 4 || strings.Count(text, "</svg>") != n {
		t.Errorf("%d plots, not 4, or one was broken out of", n)
	}
	for _, bad := range []string{"<script", "http-equiv", "src=", "url(", "@import", "NaN", "ZgotmplZ"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q is in the page", bad)
		}
	}
	if links := regexp.MustCompile(`https?://[^"'\s<]+`).FindAllString(text, -1); links != nil {
		t.Errorf("the page asks for %v", links)
	}
	for _, svg := range regexp.MustCompile(`(?s)<svg .*?</svg>`).FindAllString(text, -1) {
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestForecastPlot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"p.svg", "p.png"} {
		out := filepath.Join(dir, name)
		pilotlight(t, "forecast", "--input", hourly, "--horizon", "24", "--plot", out, "--output", filepath.Join(dir, "f.csv")).want(t, 0, nil, nil)
		if text := contents(t, out); len(text) < 5000 || name == "p.svg" && !strings.Contains(text, ">az21_110<") {
			t.Errorf("%s has %d bytes", name, len(text))
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 3 {
		t.Errorf("files %v, %v", files, err)
	}
	// A forecast that fails leaves no plot.
	out := filepath.Join(dir, "q.svg")
	pilotlight(t, "forecast", "--input", seriesFile(t, "value\n\"\"\n"), "--horizon", "2", "--plot", out).want(t, 1, []string{}, []string{"no series could be forecast"})
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a plot of nothing: %v", err)
	}
}
