//go:build kube

package kube

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"pilotlight/actuators/kubeapi/kubeapitest"
	"pilotlight/models"
)

// proxy stands between an actuator and the API server: it counts what changed an object, and makes requests fail or hang.
type proxy struct {
	server *httptest.Server

	mu      sync.Mutex
	writes  int
	fail    int
	stalled chan struct{}
	hanging chan struct{}
	// before is called before each request is passed on.
	before func(r *http.Request)
}

// newProxy starts a proxy, which ends with the test.
func newProxy(t *testing.T) *proxy {
	t.Helper()
	to, err := url.Parse(plane.url)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(plane.authority)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	p := &proxy{}
	forward := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport:      transport,
		ModifyResponse: p.count,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) {}, // the client has gone
	}
	p.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.passes(w, r) {
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		p.server.Close()
		transport.CloseIdleConnections()
	})
	return p
}

// kubeconfig writes a kubeconfig for the proxy.
func (p *proxy) kubeconfig(t *testing.T, token string) string {
	t.Helper()
	return kubeapitest.WriteKubeconfig(t, p.server.URL, token,
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw}))
}

// passes reports whether a request is passed on.
func (p *proxy) passes(w http.ResponseWriter, r *http.Request) bool {
	p.mu.Lock()
	stalled, hanging, before, fail := p.stalled, p.hanging, p.before, p.fail
	p.fail, p.hanging = 0, nil
	p.mu.Unlock()
	if before != nil {
		before(r)
	}
	if stalled != nil {
		if hanging != nil {
			close(hanging)
		}
		select {
		case <-stalled:
		case <-r.Context().Done():
			return false
		}
	}
	if fail != 0 {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(fail)
		_ = json.NewEncoder(w).Encode(metav1.Status{
			TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Code: int32(fail), Message: "made by the test",
		})
		return false
	}
	if r.Method == http.MethodPatch {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return false
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.Header.Set("X-Version", versionIn(body))
	}
	return true
}

// count counts the patches that gave an object a new version.
func (p *proxy) count(answer *http.Response) error {
	if answer.Request.Method != http.MethodPatch || answer.StatusCode != http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	answer.Header.Set("Content-Length", strconv.Itoa(len(body)))
	if versionIn(body) != answer.Request.Header.Get("X-Version") {
		p.mu.Lock()
		p.writes++
		p.mu.Unlock()
	}
	return nil
}

func versionIn(body []byte) string {
	var object struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
	}
	_ = json.Unmarshal(body, &object)
	return object.Metadata.ResourceVersion
}

// count of writes so far.
func (p *proxy) changes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.writes
}

// failNext makes the next request fail with an error of a kind.
func (p *proxy) failNext(kind models.ErrorKind) bool {
	code := map[models.ErrorKind]int{
		models.KindThrottled: http.StatusTooManyRequests, models.KindUnauthorized: http.StatusForbidden, models.KindConflict: http.StatusConflict,
		models.KindInvalid: http.StatusUnprocessableEntity, models.KindTransient: http.StatusServiceUnavailable,
	}[kind]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = code
	return code != 0
}

// stall leaves requests unanswered until release is called.
func (p *proxy) stall() (hanging <-chan struct{}, release func()) {
	now, seen := make(chan struct{}), make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled, p.hanging = now, seen
	return seen, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.stalled == now {
			p.stalled = nil
			close(now)
		}
	}
}

// onPatch calls once before the first patch is passed on.
func (p *proxy) onPatch(call func()) {
	var once sync.Once
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before = func(r *http.Request) {
		if r.Method == http.MethodPatch {
			once.Do(call)
		}
	}
}
