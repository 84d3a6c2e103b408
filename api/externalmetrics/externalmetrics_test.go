package externalmetrics_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"

	"pilotlight/api/externalmetrics"
	"pilotlight/api/inforce"
	"pilotlight/api/inforce/inforcetest"
	"pilotlight/api/tlsfiles"
	"pilotlight/api/tlsfiles/tlsfilestest"
	"pilotlight/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret = "token-0123456789abcdef"
	base   = "/apis/external.metrics.k8s.io/v1beta1"
)

// instance is a handler and the fleet it serves.
type instance struct {
	http.Handler
	fleet *inforcetest.Fleet
	reg   *prometheus.Registry
}

func newInstance(t *testing.T, edit func(*externalmetrics.Deps)) *instance {
	t.Helper()
	in := &instance{fleet: inforcetest.New(), reg: prometheus.NewRegistry()}
	deps := externalmetrics.Deps{
		Floors: inforce.Reader{Fleet: in.fleet, MaxAge: 5 * time.Minute, Now: in.fleet.Now},
		Tokens: []string{"another-0123456789abc", secret}, Registerer: in.reg, Logger: slog.New(slog.DiscardHandler),
	}
	if edit != nil {
		edit(&deps)
	}
	h, err := externalmetrics.New(deps)
	if err != nil {
		t.Fatal(err)
	}
	in.Handler = h
	return in
}

// target adds a target with labels.
func (in *instance) target(id models.TargetID, floor int, group string, own map[string]string) {
	in.fleet.Set(id, floor)
	in.fleet.Edit(id, func(s *models.TargetStatus) { s.Target.Group, s.Target.Labels = group, own })
}

// get sends a request with a token.
func (in *instance) get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	req.Header.Set("Authorization", "Bearer "+secret)
	w := httptest.NewRecorder()
	in.ServeHTTP(w, req)
	return w
}

// decode reads an answer into an official type, strictly.
func decode[T any](t *testing.T, w *httptest.ResponseRecorder, code int) T {
	t.Helper()
	var out T
	if w.Code != code || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("status %d, %v: %s", w.Code, w.Header(), w.Body)
	}
	decoder := json.NewDecoder(w.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// values asks for the metric as the autoscaler's client does, which writes the selector by the official library.
func (in *instance) values(t *testing.T, selector string) *httptest.ResponseRecorder {
	t.Helper()
	parsed, err := labels.Parse(selector)
	if err != nil {
		t.Fatal(err)
	}
	return in.get(t, base+"/namespaces/prod/"+externalmetrics.MetricName+"?labelSelector="+url.QueryEscape(parsed.String()))
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	in := newInstance(t, nil)
	want := v1beta1.SchemeGroupVersion.String()
	list := decode[metav1.APIGroupList](t, in.get(t, "/apis"), 200)
	if list.Kind != "APIGroupList" || len(list.Groups) != 1 || list.Groups[0].PreferredVersion.GroupVersion != want {
		t.Errorf("%+v", list)
	}
	group := decode[metav1.APIGroup](t, in.get(t, "/apis/external.metrics.k8s.io"), 200)
	if group.Kind != "APIGroup" || group.Name != v1beta1.GroupName || len(group.Versions) != 1 || group.Versions[0].Version != "v1beta1" {
		t.Errorf("%+v", group)
	}
	resources := decode[metav1.APIResourceList](t, in.get(t, base), 200)
	if resources.GroupVersion != want || len(resources.APIResources) != 1 || !resources.APIResources[0].Namespaced ||
		resources.APIResources[0].Name != externalmetrics.MetricName || resources.APIResources[0].Kind != "ExternalMetricValueList" {
		t.Errorf("%+v", resources)
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	in := newInstance(t, nil)
	in.target("prod/checkout", 3, "shop", map[string]string{"namespace": "prod", "function": "checkout", "bad label": "x", "path": "/a"})
	in.target("prod/cart", 1, "shop", map[string]string{"namespace": "prod", "function": "cart"})
	in.target("batch", 0, "", nil)
	in.target("a/b", 5, "", nil)
	in.target("a b", 6, "", nil)
	in.target("a_b", 7, "", nil)
	in.target("x/y", 8, "", map[string]string{"target": "batch"})
	in.target("x y", 9, "", map[string]string{"only": "this"})
	for selector, want := range map[string]string{
		"target=batch":                            "batch 0",
		"target=prod_checkout":                    "prod_checkout 3",
		"namespace=prod,function=checkout":        "prod_checkout 3",
		"group=shop":                              "prod_cart 1, prod_checkout 3",
		"group=shop,function!=cart":               "prod_checkout 3",
		"function in (cart,checkout),group":       "prod_cart 1, prod_checkout 3",
		"target=a_b":                              "a_b 7", // the target whose id it is, not those whose id becomes it
		"target=x_y,only=this":                    "x_y 9",
		"target=x_y":                              "409 the targets \"x y\" and \"x/y\"",
		"target=nobody":                           "404 no target matches",
		"path=x":                                  "404 no target matches",
		"namespace=prod,function=checkout,!group": "404 no target matches",
	} {
		w := in.values(t, selector)
		if w.Code != 200 {
			s := decode[metav1.Status](t, w, w.Code)
			code, text, _ := strings.Cut(want, " ")
			if strconv.Itoa(w.Code) != code || int(s.Code) != w.Code || s.Kind != "Status" || s.Status != "Failure" || s.Reason == "" || !strings.Contains(s.Message, text) {
				t.Errorf("%s: %+v, want %s", selector, s, want)
			}
			continue
		}
		list := decode[v1beta1.ExternalMetricValueList](t, w, 200)
		var got []string
		for _, item := range list.Items {
			if item.MetricName != externalmetrics.MetricName || !item.Timestamp.Time.Equal(in.fleet.Now()) || item.WindowSeconds != nil {
				t.Errorf("%s: %+v", selector, item)
			}
			got = append(got, fmt.Sprintf("%s %d", item.MetricLabels["target"], item.Value.Value()))
		}
		if list.Kind != "ExternalMetricValueList" || list.APIVersion != v1beta1.SchemeGroupVersion.String() || strings.Join(got, ", ") != want {
			t.Errorf("%s: %q, want %q", selector, got, want)
		}
	}
	list := decode[v1beta1.ExternalMetricValueList](t, in.values(t, "function=checkout"), 200)
	if diff := cmp.Diff(map[string]string{"namespace": "prod", "function": "checkout", "target": "prod_checkout", "group": "shop"}, list.Items[0].MetricLabels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

// TestUnknownIsAnError is the promise that matters: what is not known is never a number, also as a part of a sum.
func TestUnknownIsAnError(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spoil func(*inforcetest.Fleet)
		code  int
	}{
		"not decided yet": {func(f *inforcetest.Fleet) { f.SetLastStep(time.Time{}) }, 503},
		"old decision":    {func(f *inforcetest.Fleet) { f.Advance(time.Hour) }, 503},
		"old samples":     {func(f *inforcetest.Fleet) { f.Edit("b", func(s *models.TargetStatus) { s.Data = models.DataStale }) }, 503},
		"not observed":    {func(f *inforcetest.Fleet) { f.Edit("b", func(s *models.TargetStatus) { s.Observed = false }) }, 503},
		"not set": {func(f *inforcetest.Fleet) {
			f.Edit("b", func(s *models.TargetStatus) { s.Observation.Capacity = models.Capacity{} })
		}, 503},
		"never decided": {func(f *inforcetest.Fleet) { f.Edit("b", func(s *models.TargetStatus) { s.Latest = nil }) }, 503},
		"dry run":       {func(f *inforcetest.Fleet) { f.SetMode(models.ModeDryRun) }, 409},
	} {
		in := newInstance(t, nil)
		in.target("a", 2, "both", nil)
		in.target("b", 3, "both", nil)
		if w := in.values(t, "group=both"); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		tc.spoil(in.fleet)
		if s := decode[metav1.Status](t, in.values(t, "group=both"), tc.code); s.Message == "" {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	in := newInstance(t, nil)
	in.target("a", 2, "", nil)
	metric := base + "/namespaces/prod/" + externalmetrics.MetricName
	for path, code := range map[string]int{
		metric: 400, metric + "?labelSelector=": 400, metric + "?labelSelector=a%3D%3D%3Db": 400, metric + "?labelSelector=%2F%2F": 400,
		base + "/namespaces/prod/other?labelSelector=target%3Da": 404, base + "/namespaces/prod": 404, "/": 404, "/openapi/v2": 404,
		"/apis/metrics.k8s.io": 404, "/healthz": 200,
	} {
		if w := in.get(t, path); w.Code != code {
			t.Errorf("%s: %d %s, want %d", path, w.Code, w.Body, code)
		}
	}
	for header, code := range map[string]int{
		"": 401, "Bearer": 401, "Bearer wrong": 401, "Basic " + secret: 401, "Bearer " + secret: 200, "bearer another-0123456789abc": 200,
	} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/apis", http.NoBody)
		req.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		if in.ServeHTTP(w, req); w.Code != code || (code == 401) != (w.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("%q: %d", header, w.Code)
		}
	}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/apis", http.NoBody)
	req.Header.Set("Authorization", "Bearer "+secret)
	w := httptest.NewRecorder()
	if in.ServeHTTP(w, req); w.Code != 405 {
		t.Errorf("POST: %d", w.Code)
	}
	if n := testutil.CollectAndCount(in.reg, "pilotlight_external_metrics_requests_total"); n < 5 {
		t.Errorf("%d series of requests", n)
	}
	open := newInstance(t, func(d *externalmetrics.Deps) { d.Open = true })
	w = httptest.NewRecorder()
	if open.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/apis", http.NoBody)); w.Code != 200 {
		t.Errorf("open: %d", w.Code)
	}
}

// TestFrontProxy lets the API server in by its certificate, over a real connection.
func TestFrontProxy(t *testing.T) {
	t.Parallel()
	dir, ours, theirs := t.TempDir(), tlsfilestest.New(t, "front proxy", time.Now()), tlsfilestest.New(t, "theirs", time.Now())
	files := tlsfiles.Files{ClientCA: ours.WriteCA(dir, "ca.crt")}
	files.Cert, files.Key = ours.Issue(dir, "server")
	config, err := tlsfiles.Config(files, tlsfiles.ClientMay, []string{"h2", "http/1.1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	in := newInstance(t, func(d *externalmetrics.Deps) { d.AllowedNames = []string{"front-proxy-client"} })
	server := httptest.NewUnstartedServer(in)
	server.Listener = tls.NewListener(server.Listener, config)
	server.Start()
	t.Cleanup(server.Close)
	none := &tls.Config{RootCAs: ours.Pool(), MinVersion: tls.VersionTLS12}
	stranger := theirs.Client("front-proxy-client")
	stranger.RootCAs = ours.Pool()
	for name, tc := range map[string]struct {
		client *tls.Config
		code   int
	}{
		"API server": {ours.Client("front-proxy-client"), 200}, "another name": {ours.Client("somebody"), 403},
		"no certificate": {none, 401}, "stranger": {stranger, 401},
	} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: tc.client, ForceAttemptHTTP2: true}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.Replace(server.URL, "http:", "https:", 1)+"/apis", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		client.CloseIdleConnections()
		if resp.StatusCode != tc.code || resp.ProtoMajor != 2 {
			t.Errorf("%s: status %d by %s, want %d", name, resp.StatusCode, resp.Proto, tc.code)
		}
	}
}

func TestDeps(t *testing.T) {
	t.Parallel()
	_, err := externalmetrics.New(externalmetrics.Deps{Tokens: []string{""}})
	for _, want := range []string{"a token is empty", "registerer", "logger", "a fleet and a clock"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}

// FuzzSelector sends any selector and any id: the answer is never a failure inside, and its labels are those of Kubernetes.
func FuzzSelector(f *testing.F) {
	for _, seed := range []string{"target=a", "a in (b,c),!d", "a=b,c!=d", "(", "=", "x>1", "target=\u00fc"} {
		f.Add(seed, "a/b")
	}
	f.Fuzz(func(t *testing.T, selector, id string) {
		in := newInstance(t, nil)
		if models.TargetID(id).Validate() == nil {
			in.target(models.TargetID(id), 2, id, map[string]string{id: id, "target": "x"})
		}
		w := in.get(t, base+"/namespaces/prod/"+externalmetrics.MetricName+"?labelSelector="+url.QueryEscape(selector))
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%q: %d %s", selector, w.Code, w.Body)
		}
		if w.Code != 200 {
			return
		}
		for _, item := range decode[v1beta1.ExternalMetricValueList](t, w, 200).Items {
			if _, err := labels.ValidatedSelectorFromSet(item.MetricLabels); err != nil || len(validation.IsValidLabelValue(item.MetricLabels["target"])) > 0 {
				t.Fatalf("labels %q: %v", item.MetricLabels, err)
			}
		}
	})
}
