package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// TestBacktest runs the command and looks at everything that it writes.
func TestBacktest(t *testing.T) {
	t.Parallel()
	_, dir := oneDay(t)
	out := t.TempDir()
	page, data := filepath.Join(out, "r.html"), filepath.Join(out, "r.json")
	r := pilotlight(t, "backtest", "--trace", dir, "--setting", "provider", "--current", "fixed-20", "--curve", "10", "--html", page, "--json", data,
		"--what-if", "policy.hysteresis=0.3")
	r.want(t, 0, []string{"Pilotlight", "today: fixed-20", "break-even-J10", "(oracle-peak)", "Trade-off over the price of a cold start, 5 of 5 targets"}, nil)
	if html := contents(t, page); !strings.Contains(html, "today: </strong>") && !strings.Contains(html, "today: fixed-20") {
		t.Error("the page lacks what runs today")
	}
	var got struct {
		WhatIf   []string `json:"what_if"`
		Policies []struct {
			Name string
			J    float64
		}
		Targets []struct{ Usages []json.RawMessage }
	}
	if err := json.Unmarshal([]byte(contents(t, data)), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Targets) != 5 || len(got.Targets[0].Usages) != len(got.Policies) || got.Policies[1].J != 1 || len(got.WhatIf) != 1 {
		t.Errorf("%d targets, policies %+v, what if %v", len(got.Targets), got.Policies, got.WhatIf)
	}
	printed := pilotlight(t, "backtest", "--trace", dir, "--setting", "provider", "--current", "fixed-20", "--curve", "10", "--output", "json",
		"--what-if", "policy.hysteresis=0.3", "--workers", "1")
	if printed.want(t, 0, []string{"policies"}, nil); printed.out != contents(t, data) {
		t.Error("what is printed differs from the file")
	}
}

// TestBacktestFails checks what is said when it cannot work.
func TestBacktestFails(t *testing.T) {
	t.Parallel()
	_, dir := oneDay(t)
	pilotlight(t, "backtest", "--trace", filepath.Join(dir, "missing")).want(t, 1, nil, []string{"missing"})
	pilotlight(t, "backtest", "--config", filepath.Join(dir, "missing.yaml")).want(t, 1, nil, []string{"missing.yaml", "cannot be read"})
	pilotlight(t, "backtest", "--trace", dir, "--html", filepath.Join(dir, "no", "r.html")).want(t, 1, nil, []string{"name a file in a folder that exists"})
	pilotlight(t, "backtest", "--trace", dir, "--what-if", "policy.hold=soon").want(t, 1, nil, []string{"policy.hold"})
	pilotlight(t, "backtest", "--trace", dir, "--from", "2030-01-01").want(t, 2, nil, []string{"nothing of the trace"})
}
