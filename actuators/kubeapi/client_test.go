package kubeapi_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/faulttest"
	"pilotlight/actuators/kubeapi"
	"pilotlight/actuators/kubeapi/kubeapitest"
	"pilotlight/models"
)

// TestErrorKinds answers with every code that matters, to a read and to a write. Each call is one request, whatever comes.
func TestErrorKinds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault kubeapitest.Fault
		kind  models.ErrorKind
		after time.Duration
	}{
		"400":                  {kubeapitest.Status(400, "BadRequest", ""), models.KindInvalid, 0},
		"401":                  {kubeapitest.Status(401, "Unauthorized", ""), models.KindUnauthorized, 0},
		"403":                  {kubeapitest.Status(403, "Forbidden", "no"), models.KindUnauthorized, 0},
		"403 quota":            {kubeapitest.Status(403, "Forbidden", `is forbidden: exceeded quota: q, requested: x`), models.KindQuota, 0},
		"404":                  {kubeapitest.Status(404, "NotFound", ""), models.KindNotFound, 0},
		"409":                  {kubeapitest.Status(409, "Conflict", ""), models.KindConflict, 0},
		"410":                  {kubeapitest.Status(410, "Expired", ""), models.KindTransient, 0},
		"413":                  {kubeapitest.Status(413, "RequestEntityTooLarge", ""), models.KindInvalid, 0},
		"415":                  {kubeapitest.Status(415, "UnsupportedMediaType", ""), models.KindInvalid, 0},
		"422":                  {kubeapitest.Status(422, "Invalid", ""), models.KindInvalid, 0},
		"429":                  {kubeapitest.Status(429, "TooManyRequests", ""), models.KindThrottled, 0},
		"429 with a time":      {kubeapitest.Later(429, "TooManyRequests", "", 7*time.Second), models.KindThrottled, 7 * time.Second},
		"429 in text":          {faulttest.Text(429, "Too many requests, please try again later.").Later(time.Second), models.KindThrottled, time.Second},
		"429 for a long time":  {kubeapitest.Later(429, "TooManyRequests", "", 1000*time.Hour), models.KindThrottled, 24 * time.Hour},
		"500":                  {kubeapitest.Status(500, "InternalError", ""), models.KindTransient, 0},
		"502 in text":          {faulttest.Text(502, "Bad Gateway"), models.KindTransient, 0},
		"503 with a time":      {kubeapitest.Later(503, "ServiceUnavailable", "", 3*time.Second), models.KindTransient, 3 * time.Second},
		"504":                  {kubeapitest.Status(504, "Timeout", ""), models.KindTransient, 0},
		"dropped":              {faulttest.Dropped(), models.KindTransient, 0},
		"dropped in the midst": {faulttest.HalfClosed(), models.KindTransient, 0},
		"302":                  {faulttest.Text(302, "elsewhere"), models.KindPermanent, 0},
	} {
		for _, write := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s write=%v", name, write), func(t *testing.T) {
				t.Parallel()
				server, client := newServer(t)
				server.Inject(1, c.fault)
				var err error
				if write {
					err = kubeapi.Patch(t.Context(), client, app(), "", replicas(5))
				} else {
					_, err = kubeapi.Get[object](t.Context(), client, app())
				}
				wantKind(t, err, c.kind)
				if e, ok := errors.AsType[*actuators.Error](err); !ok || e.RetryAfter != c.after || !strings.Contains(e.Op, "deployments.apps prod/app") {
					t.Errorf("got %#v, want to be asked to wait %s", e, c.after)
				}
				if err != nil && strings.Contains(err.Error(), "https://") {
					t.Errorf("error %q holds an address", err)
				}
				if n := len(server.Calls()); n != 1 {
					t.Errorf("%d requests, want 1", n)
				}
			})
		}
	}
}

// TestUnreadable answers 200 with what is no object.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	server, client := newServer(t)
	for _, body := range []string{
		"<html>proxy</html>", "{}", "null", "[]", `{"status":"ok"}`, `{"metadata":{"name":"app"}}`,
		`{"kind":"Deployment","metadata":{"name":"other"},"spec":{"replicas":1}}`,
		`{"kind":"Deployment","metadata":{"name":"app"},"spec":{"replicas":"many"}}`,
	} {
		server.Inject(2, faulttest.Body(body))
		_, err := kubeapi.Get[object](t.Context(), client, app())
		wantKind(t, err, models.KindTransient)
		_, err = kubeapi.List[object](t.Context(), client, kubeapi.Object{Resource: app().Resource, Namespace: "prod"}, "")
		wantKind(t, err, models.KindTransient)
	}
}

func TestPatch(t *testing.T) {
	t.Parallel()
	server, client := newServer(t)
	before, err := kubeapi.Get[object](t.Context(), client, app())
	if err != nil {
		t.Fatal(err)
	}
	patch := replicas(5)
	patch["metadata"] = map[string]any{"annotations": map[string]any{"a": "b"}}
	if err := kubeapi.Patch(t.Context(), client, app(), before.ResourceVersion, patch); err != nil {
		t.Fatal(err)
	}
	after, err := kubeapi.Get[object](t.Context(), client, app())
	if err != nil || after.Spec.Replicas != 5 || after.Annotations["a"] != "b" {
		t.Errorf("after the patch it is %+v, %v", after, err)
	}
	if _, given := patch["metadata"].(map[string]any)["resourceVersion"]; given {
		t.Error("the patch of the caller was changed")
	}
	wantKind(t, kubeapi.Patch(t.Context(), client, app(), before.ResourceVersion, replicas(6)), models.KindConflict)
	wantKind(t, kubeapi.Patch(t.Context(), client, app(), after.ResourceVersion, map[string]any{"spec": map[string]any{"replica": 6}}), models.KindInvalid)
	if server.Writes() != 1 {
		t.Errorf("%d writes, want 1", server.Writes())
	}
}

// TestListIsComplete reads more objects than one page holds.
func TestListIsComplete(t *testing.T) {
	t.Parallel()
	server, client := newServer(t)
	const many = 1203
	for i := range many {
		server.Put(t, fmt.Sprintf("deployments.apps/many/app-%04d", i), fmt.Sprintf(`{"metadata":{"labels":{"odd":"%v"}}}`, i%2 == 1))
	}
	of := kubeapi.Object{Resource: app().Resource, Namespace: "many"}
	all, err := kubeapi.List[object](t.Context(), client, of, "")
	if err != nil || len(all) != many || all[0].Name != "app-0000" || all[many-1].Name != "app-1202" {
		t.Errorf("%d objects and %v, want %d", len(all), err, many)
	}
	odd, err := kubeapi.List[object](t.Context(), client, of, "odd=true")
	if err != nil || len(odd) != many/2 {
		t.Errorf("%d objects and %v, want %d", len(odd), err, many/2)
	}
}

// TestCredentials has none, or ones that cannot be used.
func TestCredentials(t *testing.T) {
	t.Parallel()
	server, _ := newServer(t)
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk")
	if err := os.WriteFile(junk, []byte("junk-junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing")
	for name, access := range map[string]kubeapi.Access{
		"no file":         {Kubeconfig: missing},
		"junk":            {Kubeconfig: junk},
		"unknown context": {Kubeconfig: server.Kubeconfig(t), Context: "elsewhere"},
	} {
		client := kubeapi.NewClient(access)
		for range 2 {
			_, err := kubeapi.Get[object](t.Context(), client, app())
			wantKind(t, err, models.KindUnauthorized)
			if err != nil && !strings.Contains(err.Error(), "no usable credentials") {
				t.Errorf("%s: error %q", name, err)
			}
		}
	}
	// The file appears later, as one that is mounted may.
	client := kubeapi.NewClient(kubeapi.Access{Kubeconfig: missing})
	if _, err := kubeapi.Get[object](t.Context(), client, app()); err == nil {
		t.Error("no error without the file")
	}
	if err := os.Rename(server.Kubeconfig(t), missing); err != nil {
		t.Fatal(err)
	}
	if _, err := kubeapi.Get[object](t.Context(), client, app()); err != nil {
		t.Errorf("with the file: %v", err)
	}
}

// TestNotInAPod has no kubeconfig, outside of a cluster.
func TestNotInAPod(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	_, err := kubeapi.Get[object](t.Context(), kubeapi.NewClient(kubeapi.Access{}), app())
	wantKind(t, err, models.KindUnauthorized)
	if err != nil && !strings.Contains(err.Error(), "name a kubeconfig") {
		t.Errorf("error %q gives no advice", err)
	}
}

// TestUntrusted meets a server with a certificate of somebody else.
func TestUntrusted(t *testing.T) {
	t.Parallel()
	stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
	// The complaint of the server about the handshake is no news.
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0)
	stranger.StartTLS()
	defer stranger.Close()
	client := kubeapi.NewClient(kubeapi.Access{Kubeconfig: kubeapitest.WriteKubeconfig(t, stranger.URL, "t", authority(t))})
	_, err := kubeapi.Get[object](t.Context(), client, app())
	wantKind(t, err, models.KindPermanent)
}

// authority returns the certificate of an authority that has signed nothing, in PEM.
func authority(t *testing.T) []byte {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// TestDeadline ends while the server is silent.
func TestDeadline(t *testing.T) {
	t.Parallel()
	server, client := newServer(t)
	hanging, release := server.Stall()
	defer release()
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-hanging
		cancel(context.DeadlineExceeded)
	}()
	_, err := kubeapi.Get[object](ctx, client, app())
	wantKind(t, err, models.KindTimeout)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v does not say why the context ended", err)
	}
}

// TestNamesStayInTheirPlace reads objects whose names would lead elsewhere in a path.
func TestNamesStayInTheirPlace(t *testing.T) {
	t.Parallel()
	server, client := newServer(t)
	for _, name := range []string{"../secrets", "a/b", "a?watch=true", "..", "%2e%2e"} {
		o := app()
		o.Name = name
		if _, err := kubeapi.Get[object](t.Context(), client, o); err == nil {
			t.Errorf("%q was found", name)
		}
	}
	for _, call := range server.Calls() {
		if !strings.HasPrefix(call, "GET /apis/apps/v1/namespaces/prod/deployments/") {
			t.Errorf("a request went to %q", call)
		}
	}
}

// TestSharedBudget lets two clients of one API server share its budget.
func TestSharedBudget(t *testing.T) {
	t.Parallel()
	server, _ := newServer(t)
	budgets := actuators.NewBudgets()
	var clients []*kubeapi.Client
	for _, rate := range []float64{0, 0.001} {
		c := kubeapi.NewClient(kubeapi.Access{
			Kubeconfig: server.Kubeconfig(t), Requests: actuators.RateLimitConfig{PerSecond: rate, Burst: 1},
		})
		c.Share(budgets)
		clients = append(clients, c)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := kubeapi.Get[object](ctx, clients[1], app()); err != nil {
		t.Fatal(err)
	}
	_, err := kubeapi.Get[object](ctx, clients[0], app())
	wantKind(t, err, models.KindThrottled)
}
