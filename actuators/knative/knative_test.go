package knative_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pilotlight/actuators/knative"
	"pilotlight/actuators/kubeapi/kubeapitest"
	"pilotlight/models"
)

// TestHolder looks which object is written in which version of Knative, and that each version takes it over.
func TestHolder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version  string
		writesTo knative.WritesTo
		revision bool
	}{
		{"1.20.1", knative.WritesToAuto, false},
		{"1.21.0", knative.WritesToAuto, true},
		{"v1.22", knative.WritesToAuto, true},
		{"1.21.0-rc1", knative.WritesToAuto, true},
		{"2.0.0", knative.WritesToAuto, true},
		{"devel", knative.WritesToAuto, true},
		{"0.26.0", knative.WritesToAuto, false},
		{"of my own", knative.WritesToRevision, true},
		{"1.21.0", knative.WritesToPodAutoscaler, false},
	} {
		t.Run(fmt.Sprintf("%s %s", c.version, c.writesTo), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, c.version, func(config *knative.Config) { config.WritesTo = c.writesTo })
			if err := f.apply(t, "prod/app", models.Warm(3).WithMax(7).WithKeepAlive(10*time.Minute)); err != nil {
				t.Fatal(err)
			}
			written, other := scalerKey("app-00001"), revisionKey("app-00001")
			if c.revision {
				written, other = other, written
			}
			for name, want := range map[string]string{minScale: "3", maxScale: "7", retention: "10m0s"} {
				if got := f.annotation(written, name); got != want {
					t.Errorf("%s of %s is %q, want %q", name, written, got, want)
				}
				if got := f.annotation(other, name); got != "" {
					t.Errorf("%s of %s is %q, want none", name, other, got)
				}
			}
			if obs := f.observe(t, "prod/app"); !obs.Pending {
				t.Errorf("Observe = %+v, want it pending", obs)
			}
		})
	}
}

func TestUnknownVersion(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "of my own")
	_, err := f.actuator.Observe(t.Context(), target("prod/app"))
	wantKind(t, err, models.KindPermanent)
	if err != nil && !strings.Contains(err.Error(), "set writes_to") {
		t.Errorf("error %q gives no advice", err)
	}
	f.Uninstall("customresourcedefinitions.apiextensions.k8s.io")
	_, err = f.actuator.Observe(t.Context(), target("prod/app"))
	wantKind(t, err, models.KindPermanent)
	if err != nil && !strings.Contains(err.Error(), "is Knative Serving installed?") {
		t.Errorf("error %q does not say what is missing", err)
	}
}

// TestEveryActiveRevision splits traffic between two revisions, and brings a third.
func TestEveryActiveRevision(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "1.21.0")
	f.revision(t, "app", "app-00002", "active")
	f.revision(t, "app", "app-00003", "reserve")
	f.revision(t, "other", "other-00001", "active")
	f.have(t, "prod/app", models.Warm(3))
	for name, want := range map[string]string{"app-00001": "3", "app-00002": "3", "app-00003": "", "other-00001": ""} {
		if got := f.annotation(revisionKey(name), minScale); got != want {
			t.Errorf("the floor of %s is %q, want %q", name, got, want)
		}
	}
	obs := f.observe(t, "prod/app")
	if obs.Capacity != models.Warm(3) || obs.Ready != 3 || !strings.Contains(obs.Note, "2 revisions are active, with 6 instances") {
		t.Errorf("Observe = %+v", obs)
	}
	// A new revision has the floor of the template. What it lacks is seen, and only it is written.
	f.revision(t, "app", "app-00004", "active")
	obs = f.observe(t, "prod/app")
	if obs.Capacity != models.Warm(0) || obs.Ready != 0 || !strings.Contains(obs.Note, "app-00001 has warm 3") {
		t.Errorf("Observe = %+v, want the least", obs)
	}
	before := f.Patches()
	f.have(t, "prod/app", models.Warm(3))
	if f.Patches() != before+1 || f.annotation(revisionKey("app-00004"), minScale) != "3" {
		t.Errorf("%d writes for one new revision, whose floor is %q", f.Patches()-before, f.annotation(revisionKey("app-00004"), minScale))
	}
}

func TestNoActiveRevision(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "1.21.0")
	f.service(t, "new")
	if obs := f.observe(t, "prod/new"); obs.Capacity.Levers() != 0 || obs.Note == "" {
		t.Errorf("Observe = %+v, want an unknown capacity", obs)
	}
	wantKind(t, f.apply(t, "prod/new", models.Warm(1)), models.KindConflict)
	f.Delete(scalerKey("app-00001"))
	old := newFixture(t, "1.20.1")
	old.Delete(scalerKey("app-00001"))
	wantKind(t, old.apply(t, "prod/app", models.Warm(1)), models.KindTransient)
	if f.Patches()+old.Patches() != 0 {
		t.Error("something was written")
	}
}

// TestAnnotations reads what people write.
func TestAnnotations(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		annotations map[string]string
		want        models.Capacity
		bad         bool
	}{
		"none":          {want: models.Warm(0)},
		"all":           {annotations: map[string]string{minScale: "2", maxScale: "9", retention: "1m5s"}, want: models.Warm(2).WithMax(9).WithKeepAlive(65 * time.Second)},
		"older names":   {annotations: map[string]string{"autoscaling.knative.dev/minScale": "4"}, want: models.Warm(4)},
		"both names":    {annotations: map[string]string{minScale: "2", "autoscaling.knative.dev/minScale": "4"}, want: models.Warm(2)},
		"no maximum":    {annotations: map[string]string{maxScale: "0"}, want: models.Warm(0)},
		"no number":     {annotations: map[string]string{minScale: "many"}, bad: true},
		"negative":      {annotations: map[string]string{minScale: "-1"}, bad: true},
		"too large":     {annotations: map[string]string{maxScale: "99999999999"}, bad: true},
		"no duration":   {annotations: map[string]string{retention: "5"}, bad: true},
		"negative time": {annotations: map[string]string{retention: "-5s"}, bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, "1.21.0")
			for key, value := range c.annotations {
				f.annotate(t, revisionKey("app-00001"), key, value)
			}
			obs, err := f.actuator.Observe(t.Context(), target("prod/app"))
			if c.bad {
				wantKind(t, err, models.KindPermanent)
			} else if err != nil || obs.Capacity != c.want {
				t.Errorf("Observe = %+v, %v, want %s", obs, err, c.want)
			}
		})
	}
}

// TestSomebodyElseWrites changes a revision between the read and the write.
func TestSomebodyElseWrites(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]bool{minScale: true, "example.com/other": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, "1.21.0")
			done := false
			f.Before(func(method, _ string) {
				if method == http.MethodPatch && !done {
					done = true
					f.annotate(t, revisionKey("app-00001"), name, "1")
				}
			})
			err := f.apply(t, "prod/app", models.Warm(6))
			want := "6"
			if fails {
				wantKind(t, err, models.KindConflict)
				want = "1"
			} else if err != nil {
				t.Error(err)
			}
			if got := f.annotation(revisionKey("app-00001"), minScale); got != want {
				t.Errorf("the floor is %q, want %q", got, want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "1.21.0")
	f.annotate(t, revisionKey("app-00001"), maxScale, "4")
	for to, says := range map[models.Capacity]string{
		models.Warm(5):                                       "max-scale of app-00001 is 4",
		models.Capacity{}.WithMax(0):                         "no limit",
		models.Capacity{}.WithMemory(5):                      "warm, max and keep_alive only",
		models.Warm(1 << 31):                                 "more than Knative can count",
		models.Warm(3).WithMax(2):                            "max-scale of app-00001 is 2",
		models.Capacity{}.WithMax(1 << 31):                   "more than Knative can count",
		models.Warm(9).WithMax(8).WithKeepAlive(time.Second): "max-scale of app-00001 is 8",
	} {
		err := f.apply(t, "prod/app", to)
		wantKind(t, err, models.KindInvalid)
		if err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("error %q does not say %q", err, says)
		}
	}
	for _, ref := range []string{"", "app", "prod/", "prod/app/x", "prod/App", "prod/a.b", "prod/app\n", "../app", "prod/" + strings.Repeat("x", 64)} {
		_, err := f.actuator.Observe(t.Context(), target(ref))
		wantKind(t, err, models.KindInvalid)
	}
	if f.Patches() != 0 {
		t.Errorf("%d requests that write, want none", f.Patches())
	}
}

// TestRetentionIsBounded asks for more than Knative allows.
func TestRetentionIsBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "1.21.0")
	to := models.Capacity{}.WithKeepAlive(5 * time.Hour)
	f.have(t, "prod/app", to)
	if got, want := f.observe(t, "prod/app").Capacity, f.actuator.Reach(models.Capacity{}, to); !got.Satisfies(want) || f.annotation(revisionKey("app-00001"), retention) != "1h0m0s" {
		t.Errorf("Observe shows %s, Reach promised %s", got, want)
	}
}

// sleep makes the autoscaler of the revision one that was restarted: it knows no desired scale.
func (f fixture) sleep(t *testing.T) {
	t.Helper()
	f.Edit(t, scalerKey("app-00001"), func(o map[string]any) { kubeapitest.Child(o, "status")["desiredScale"] = -1.0 })
}

// TestAsleep raises the floor of a service whose autoscaler ignores it, without and with a request that wakes it.
func TestAsleep(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "1.21.0")
	f.sleep(t)
	f.have(t, "prod/app", models.Warm(3))
	obs := f.observe(t, "prod/app")
	if obs.Pending || obs.Ready != 0 || !strings.Contains(obs.Note, "ignores the floor until a request comes") {
		t.Errorf("Observe = %+v, want nothing pending and a note", obs)
	}
}

// TestPendingUntilTakenOver changes what starts no instance: it is pending until the autoscaler has it.
func TestPendingUntilTakenOver(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "1.21.0")
	f.have(t, "prod/app", models.Warm(3))
	for _, to := range []models.Capacity{models.Warm(1), models.Capacity{}.WithKeepAlive(time.Minute), models.Capacity{}.WithMax(5)} {
		if err := f.apply(t, "prod/app", to); err != nil {
			t.Fatal(err)
		}
		if obs := f.observe(t, "prod/app"); !obs.Pending || !obs.Capacity.Satisfies(to) {
			t.Errorf("after %s Observe = %+v, want it pending", to, obs)
		}
		f.Settle()
		if obs := f.observe(t, "prod/app"); obs.Pending {
			t.Errorf("after %s and settling Observe = %+v", to, obs)
		}
	}
}

func TestWake(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		gone   bool
		kind   models.ErrorKind
	}{
		"answers":        {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }},
		"fails":          {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }},
		"sends off":      {answer: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }},
		"hangs":          {answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		"is not there":   {gone: true, kind: models.KindTransient},
		"has no address": {kind: models.KindTransient},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			f := newFixture(t, "1.21.0", func(config *knative.Config) {
				config.Wake, config.WakePath = knative.WakeAddress, "/healthz"
				config.WakeTimeout = models.Duration(time.Minute)
				if name == "hangs" {
					config.WakeTimeout = models.Duration(time.Millisecond)
				}
			})
			f.sleep(t)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				f.Awaken("prod", "app-00001")
				if r.Method != http.MethodGet || r.URL.Path != "/healthz" || r.UserAgent() != "pilotlight" {
					t.Errorf("woken by %s %s of %s", r.Method, r.URL, r.UserAgent())
				}
				c.answer(w, r)
			}))
			defer server.Close()
			if c.gone {
				server.Close()
			}
			if c.answer != nil || c.gone {
				f.Edit(t, "services.serving.knative.dev/prod/app", func(o map[string]any) {
					kubeapitest.Child(kubeapitest.Child(o, "status"), "address")["url"] = server.URL
				})
			}
			err := f.apply(t, "prod/app", models.Warm(3))
			if got := f.annotation(revisionKey("app-00001"), minScale); got != "3" {
				t.Errorf("the floor is %q, want 3", got)
			}
			if c.kind != "" {
				wantKind(t, err, c.kind)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if name == "hangs" {
				// Whether the server has seen the request by then is open.
				return
			}
			f.Settle()
			if obs := f.observe(t, "prod/app"); obs.Ready != 3 || obs.Pending || requests.Load() != 1 {
				t.Errorf("after %d requests Observe = %+v, want 3 ready", requests.Load(), obs)
			}
			// Awake, it is not woken again.
			f.have(t, "prod/app", models.Warm(4))
			if requests.Load() != 1 {
				t.Errorf("%d requests, want 1", requests.Load())
			}
		})
	}
}

// TestFailingRevisionIsNotPending says what is wrong with a revision, rather than waiting for it for ever.
func TestFailingRevisionIsNotPending(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "1.21.0")
	f.Edit(t, revisionKey("app-00001"), func(o map[string]any) {
		kubeapitest.Child(o, "status")["conditions"] = []any{map[string]any{
			"type": "Ready", "status": "False", "reason": "ExitCode1", "message": "crashes",
		}}
	})
	if err := f.apply(t, "prod/app", models.Warm(3)); err != nil {
		t.Fatal(err)
	}
	if obs := f.observe(t, "prod/app"); obs.Pending || !strings.Contains(obs.Note, "ExitCode1: crashes") {
		t.Errorf("Observe = %+v", obs)
	}
}

// TestRequests counts what each thing costs.
func TestRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "1.21.0")
	count := func(what string, want int, do func()) {
		t.Helper()
		before := len(f.Calls())
		do()
		if got := len(f.Calls()) - before; got != want {
			t.Errorf("%s made %d requests, want %d", what, got, want)
		}
	}
	count("first observe", 3, func() { f.observe(t, "prod/app") })
	count("observe", 2, func() { f.observe(t, "prod/app") })
	count("apply", 3, func() { f.have(t, "prod/app", models.Warm(3)) })
	count("no change", 2, func() { f.have(t, "prod/app", models.Warm(3)) })
}

// TestHolderOfTheFloor names the active revisions, so that a floor which a new one lacks is known for that.
func TestHolderOfTheFloor(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "1.21.0")
	f.have(t, "prod/app", models.Warm(3))
	if obs := f.observe(t, "prod/app"); obs.Holder != "app-00001" {
		t.Errorf("Observe = %+v", obs)
	}
	f.revision(t, "app", "app-00002", "active")
	if obs := f.observe(t, "prod/app"); obs.Holder != "app-00001 app-00002" || obs.Capacity != models.Warm(0) {
		t.Errorf("Observe = %+v", obs)
	}
}
