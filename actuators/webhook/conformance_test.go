package webhook_test

import (
	"fmt"
	"net/http"
	"testing"

	"pilotlight/actuators/actuatorstest"
	"pilotlight/actuators/faulttest"
	"pilotlight/actuators/webhook"
	"pilotlight/models"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, levers := range map[string][]string{
		"warm": {"warm"}, "all levers": {"warm", "keep_alive", "max", "memory"}, "without warm": {"memory", "max"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			actuatorstest.Run(t, actuatorstest.Fixture{New: func(t *testing.T) actuatorstest.Platform {
				t.Helper()
				return platform(t, levers)
			}})
		})
	}
}

func platform(t *testing.T, levers []string) actuatorstest.Platform {
	t.Helper()
	var refs []string
	for i := range 8 {
		refs = append(refs, fmt.Sprintf("ns/fn %d?&#ü", i))
	}
	r := newReceiver(t, refs...)
	p := actuatorstest.Platform{
		Actuator: newActuator(t, r, func(c *webhook.Config) { c.Levers = levers }), Unknown: target("nobody"),
		Writes: r.Writes, Stall: r.Stall, Clock: day,
	}
	for _, ref := range refs {
		p.Targets = append(p.Targets, target(ref))
	}
	faults := map[models.ErrorKind]int{
		models.KindThrottled:    http.StatusTooManyRequests,
		models.KindUnauthorized: http.StatusForbidden,
		models.KindNotFound:     http.StatusGone,
		models.KindConflict:     http.StatusConflict,
		models.KindInvalid:      http.StatusUnprocessableEntity,
		models.KindQuota:        http.StatusInsufficientStorage,
		models.KindTransient:    http.StatusServiceUnavailable,
		models.KindPermanent:    http.StatusNotImplemented,
	}
	p.Fail = func(kind models.ErrorKind) bool {
		code, ok := faults[kind]
		if ok {
			r.Inject(1, faulttest.Status(code))
		}
		return ok
	}
	return p
}

// TestUnobserved checks what is shown where there is no observe_url.
func TestUnobserved(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, "a", "b")
	zero := 0
	a := newActuator(t, r, func(c *webhook.Config) { c.ObserveURL, c.Initial.Warm = "", &zero })
	o, err := a.Observe(t.Context(), target("a"))
	if err != nil || o.Capacity != models.Warm(0) || o.Ready != -1 || o.Note == "" || !o.Assumed {
		t.Errorf("before anything was accepted: %+v, %v", o, err)
	}
	if err := a.Apply(t.Context(), target("a"), action("a", models.Warm(3))); err != nil {
		t.Fatal(err)
	}
	if o, err := a.Observe(t.Context(), target("a")); err != nil || o.Capacity != models.Warm(3) || o.Ready != -1 || o.Assumed {
		t.Errorf("after 3 were accepted: %+v, %v", o, err)
	}
	for code, doubted := range map[int]bool{http.StatusForbidden: false, http.StatusServiceUnavailable: true} {
		r.Inject(1, faulttest.Status(code))
		if err := a.Apply(t.Context(), target("a"), action("a", models.Warm(5))); err == nil {
			t.Errorf("status %d is no error", code)
		}
		if o, err := a.Observe(t.Context(), target("a")); err != nil || o.Capacity != models.Warm(3) || o.Assumed != doubted {
			t.Errorf("after status %d: %+v, %v; in doubt %t is wanted", code, o, err, doubted)
		}
		if err := a.Apply(t.Context(), target("a"), action("a", models.Warm(3))); err != nil {
			t.Fatal(err)
		}
	}
	if o, err := a.Observe(t.Context(), target("b")); err != nil || o.Capacity != models.Warm(0) {
		t.Errorf("another target: %+v, %v", o, err)
	}
	unknown := newActuator(t, r, func(c *webhook.Config) { c.ObserveURL = "" })
	if o, err := unknown.Observe(t.Context(), target("a")); err != nil || o.Capacity != (models.Capacity{}) {
		t.Errorf("without an initial capacity: %+v, %v", o, err)
	}
}
