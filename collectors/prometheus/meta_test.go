package prometheus

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotlight/collectors"
	"pilotlight/models"
)

// metaRequests counts the queries about targets.
func metaRequests(f *fake) int {
	n := 0
	for _, r := range f.requests() {
		if strings.Contains(r.query, "[1d") {
			n++
		}
	}
	return n
}

func TestMeta(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.series["function_invocations_total"] = []fakeSeries{
		{labels: named("a"), value: constant(1)}, {labels: named("b"), value: constant(1)},
	}
	// The value is the hour of the evaluation, so it tells which one was asked for.
	f.series["meta_seconds"] = []fakeSeries{{labels: named("a"), value: func(at time.Time) (float64, bool) {
		return float64(at.Sub(t0) / time.Hour), true
	}}}
	f.series["meta_bytes"] = []fakeSeries{{labels: named("a"), value: constant(256)}}
	c := f.collector(t, func(c *Config) {
		c.Group = "team"
		c.Meta = map[string]string{
			"duration_p50": "sum by (function) (meta_seconds[${step}:])", "duration_p99": "", "cold_start": "max by (function) (max_over_time(meta_seconds[${step}]))",
			"memory_mb": "max by (function) (max_over_time(meta_bytes[${step}]))",
		}
		c.SkipSyntaxCheck = true
	})
	at := func(minute int) collectors.Request {
		req := minutes(1, models.SignalInvocations, models.SignalDuration)
		req.Start, req.End = t0.Add(time.Duration(minute)*time.Minute), t0.Add(time.Duration(minute+1)*time.Minute)
		return req
	}
	for _, test := range []struct{ minute, hour, asked int }{
		{minute: 118, hour: 1, asked: 3}, {minute: 119, hour: 2, asked: 6}, {minute: 130, hour: 2, asked: 6}, {minute: 90, hour: 1, asked: 9},
	} {
		got := mustCollect(t, c, at(test.minute))
		want := collectors.Meta{
			Group: "team", MemoryMB: 256, ColdStart: time.Duration(test.hour) * time.Hour / 3600,
			DurationP50: time.Duration(test.hour) * time.Hour / 3600,
		}
		if diff := cmp.Diff([]collectors.Meta{want, {Group: "team"}}, []collectors.Meta{got.Targets[0].Meta, got.Targets[1].Meta}); diff != "" {
			t.Errorf("minute %d (-want +got):\n%s", test.minute, diff)
		}
		if n := metaRequests(f); n != test.asked {
			t.Errorf("minute %d: %d queries about targets so far, want %d", test.minute, n, test.asked)
		}
	}
	req := at(200)
	req.Signals = []models.Signal{models.SignalInvocations}
	if got := mustCollect(t, c, req); got.Targets[0].Meta != (collectors.Meta{Group: "team"}) || metaRequests(f) != 9 {
		t.Errorf("without the duration: %+v", got.Targets[0].Meta)
	}
}

// TestMetaFailure checks that what is not known about targets does no harm, and is not asked for at every step.
func TestMetaFailure(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.series["function_invocations_total"] = []fakeSeries{{labels: named("a"), value: constant(1)}}
	f.faults = []http.HandlerFunc{nil, nil, reply(500, "boom"), reply(422, `{"status":"error","error":"no buckets"}`)}
	c := f.collector(t, nil)
	for i := range 2 {
		got := mustCollect(t, c, minutes(2, models.SignalInvocations, models.SignalDuration))
		if len(got.Targets) != 1 || len(got.Problems) != 0 || len(f.requests()) != 4+2*i {
			t.Errorf("call %d: %d targets, problems %q, %d requests", i, len(got.Targets), problems(got), len(f.requests()))
		}
		if text := strings.Join(got.Warnings, "\n"); i == 0 && (!strings.Contains(text, "meta.duration_p50: query http://127") ||
			!strings.Contains(text, "boom") || !strings.Contains(text, "meta.duration_p99: ") || !strings.Contains(text, "no buckets")) {
			t.Errorf("warnings %q", got.Warnings)
		}
	}
}

// TestMetaWaitIsCanceled checks that a call that waits for another one's queries about targets ends with its context.
func TestMetaWaitIsCanceled(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.series["function_invocations_total"] = []fakeSeries{{labels: named("a"), value: constant(1)}}
	c := f.collector(t, nil)
	<-c.meta.turn // as another call would hold it
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := c.Collect(ctx, minutes(1, models.SignalInvocations, models.SignalDuration))
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestMetaFollowsTargetID checks that queries of a preset that cannot tell other targets apart are left out.
func TestMetaFollowsTargetID(t *testing.T) {
	t.Parallel()
	p := knative()
	for id, want := range map[string]bool{"": true, "${kn_configuration_name}": true, "${function}": false} {
		cfg := Config{TargetID: id}
		if got := cfg.metaQueries(p)[metaP50] != ""; got != want {
			t.Errorf("target_id %q: asked %v, want %v", id, got, want)
		}
	}
}

// TestQuantiles checks the presets' quantiles on the engine of Prometheus, in seconds.
func TestQuantiles(t *testing.T) {
	t.Parallel()
	samples := `load 5m
		revision_app_request_count{namespace_name="ns",configuration_name="f"} 0+10x300
		revision_app_request_latencies_bucket{namespace_name="ns",configuration_name="f",le="100"} 0+5x300
		revision_app_request_latencies_bucket{namespace_name="ns",configuration_name="f",le="200"} 0+10x300
		revision_app_request_latencies_bucket{namespace_name="ns",configuration_name="f",le="+Inf"} 0+10x300`
	c := engineCollector(t, samples, func(c *Config) { c.Preset, c.Window = presetKnativeLegacy, models.Duration(10*time.Minute) })
	req := since(24*60+30, 10)
	got := mustCollect(t, c, req).Targets[0].Meta
	want := collectors.Meta{Group: "ns", DurationP50: 100 * time.Millisecond, DurationP99: 198 * time.Millisecond}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("meta (-want +got):\n%s", diff)
	}
}
