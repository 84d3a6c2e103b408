package sim

import (
	"errors"
	"log/slog"
	"math"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pilotlight/collectors"
	promcollector "pilotlight/collectors/prometheus"
	"pilotlight/collectors/trace"
	"pilotlight/internal/sim/promstore"
	"pilotlight/models"
)

// TestCollectorsAgree reads the same traffic from the trace and, through the platform, its metrics, the embedded Prometheus, HTTP
// and the real collector, and finds the same invocations.
func TestCollectorsAgree(t *testing.T) {
	t.Parallel()
	tr, err := smallTrace(t).Truncate(1440)
	if err != nil {
		t.Fatal(err)
	}
	store, err := promstore.Open(t.TempDir(), promstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(store.Handler())
	defer func() {
		server.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	p := platform(t, tr, DefaultConfig(Customer))
	e, err := NewExporter(p, store, "demo")
	if err != nil {
		t.Fatal(err)
	}
	for minute := range tr.Minutes + 1 {
		advance(t, p, tr.TimeOf(minute))
		if err := e.Export(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cfg := promcollector.DefaultConfig()
	cfg.URL = server.URL
	c, err := promcollector.New("prometheus", cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	req := collectors.Request{Start: tr.Start, End: tr.End(), Step: time.Minute, Signals: models.Signals()}
	got, err := c.Collect(t.Context(), req)
	if err != nil || len(got.Problems) > 0 {
		t.Fatal(errors.Join(err), got.Problems)
	}
	want, err := trace.NewFromTrace("trace", tr, time.Second).Collect(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Targets) != len(want.Targets) {
		t.Fatalf("%d targets, want %d", len(got.Targets), len(want.Targets))
	}
	cold := 0.0
	for k := range got.Targets {
		a, b := got.Targets[k], want.Targets[k]
		if a.ID != b.ID || a.Meta.Group != b.Meta.Group {
			t.Errorf("target %q of %q, want %q of %q", a.ID, a.Meta.Group, b.ID, b.Meta.Group)
		}
		x, y := a.Series[models.SignalInvocations], b.Series[models.SignalInvocations]
		if !x.Start().Equal(y.Start()) || x.Len() != y.Len() {
			t.Fatalf("%s: %d minutes from %s, want %d from %s", a.ID, x.Len(), x.Start(), y.Len(), y.Start())
		}
		for i := range y.Len() {
			if !(math.Abs(x.At(i)-y.At(i)) <= 2e-5*y.At(i)) {
				t.Fatalf("%s has %v invocations in minute %d, want %v", a.ID, x.At(i), i, y.At(i))
			}
			cold += a.Series[models.SignalColdStarts].At(i)
		}
	}
	if total := p.Total(); math.Abs(cold-float64(total.ColdStarts)) > 1e-4*cold {
		t.Errorf("%v cold starts, the platform counts %d", cold, total.ColdStarts)
	}
}
