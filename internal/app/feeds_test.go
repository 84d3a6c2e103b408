package app

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"

	"pilotlight/api/tlsfiles/tlsfilestest"
)

// feedsBlock is the configuration of both feeds, with certificates in the folder of the file.
const feedsBlock = `
external_scaler:
  listen: 127.0.0.1:0
  max_age: 10s
  tls: {cert_file: server.crt, key_file: server.key, client_ca_file: ca.crt}
external_metrics:
  listen: 127.0.0.1:0
  max_age: 10s
  tls: {cert_file: server.crt, key_file: server.key, client_ca_file: ca.crt}
  allowed_names: [front-proxy-client]
`

// feedSite is a site whose one target is published, and the authority of its certificates.
type feedSite struct {
	*site
	authority *tlsfilestest.Authority
}

func newFeedSite(t *testing.T) feedSite {
	t.Helper()
	s := feedSite{site: newSite(t), authority: tlsfilestest.New(t, "ours", now())}
	s.configure(t, 2, feedsBlock)
	write(t, s.dir, "p.yaml", strings.Replace(read(t, s.config), "type: dry_run", "type: published", 1))
	s.authority.WriteCA(s.dir, "ca.crt")
	s.authority.Issue(s.dir, "server")
	return s
}

// feedAddress finds the address of a feed in the log of a daemon.
func (in *instance) feedAddress(t *testing.T, server string) string {
	t.Helper()
	m := regexp.MustCompile(`msg="floors are served".* server="` + server + `" address=(\S+) tls=true client_certificates=true`).FindStringSubmatch(in.log.String())
	if m == nil {
		t.Fatalf("no address of the %s in the log:\n%s", server, in.log)
	}
	return m[1]
}

// keda connects KEDA's own client.
func (s feedSite) keda(t *testing.T, in *instance) pb.ExternalScalerClient {
	t.Helper()
	conn, err := grpc.NewClient(in.feedAddress(t, "external scaler"), grpc.WithTransportCredentials(credentials.NewTLS(s.authority.Client("keda"))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return pb.NewExternalScalerClient(conn)
}

// floorOf asks as KEDA does.
func floorOf(t *testing.T, c pb.ExternalScalerClient) (float64, error) {
	t.Helper()
	ref := &pb.ScaledObjectRef{Name: "shop", Namespace: "prod", ScalerMetadata: map[string]string{"target": "shop"}}
	spec, err := c.GetMetricSpec(t.Context(), ref)
	if err != nil {
		return 0, err
	}
	out, err := c.GetMetrics(t.Context(), &pb.GetMetricsRequest{ScaledObjectRef: ref, MetricName: spec.GetMetricSpecs()[0].GetMetricName()})
	if err != nil {
		return 0, err
	}
	active, err := c.IsActive(t.Context(), ref)
	if n := out.GetMetricValues()[0].GetMetricValueFloat(); err != nil || active.GetResult() == (n > 0) {
		return n, err
	}
	return 0, fmt.Errorf("active is %v with %v", active, out)
}

// external asks as the API server does.
func (s feedSite) external(t *testing.T, in *instance, client *tls.Config) (status int, value string) {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: client, ForceAttemptHTTP2: true}}
	defer c.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+in.feedAddress(t, "external metrics")+
		"/apis/external.metrics.k8s.io/v1beta1/namespaces/prod/pilotlight-floor?labelSelector=target%3Dshop", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var list v1beta1.ExternalMetricValueList
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, string(text)
	}
	if err := json.Unmarshal(text, &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%s: %v", text, err)
	}
	return resp.StatusCode, list.Items[0].Value.String()
}

// TestDaemonFeeds starts the daemon with both feeds: what an operator approves reaches KEDA and the autoscaler, and nothing before
// that; a restart changes nothing.
func TestDaemonFeeds(t *testing.T) {
	t.Parallel()
	s := newFeedSite(t)
	in := s.start(t, "")
	keda := s.keda(t, in)
	id := in.pending(t, 2)
	if n, err := floorOf(t, keda); err != nil || n != 0 {
		t.Errorf("before the approval: %v, %v", n, err)
	}
	front := s.authority.Client("front-proxy-client")
	if code, value := s.external(t, in, front); code != 200 || value != "0" {
		t.Errorf("before the approval: %d %s", code, value)
	}
	if code, body := in.call(t, "POST", "/api/v1/recommendations/"+id+"/approve", operator); code != 200 {
		t.Fatalf("approval: %d %s", code, body)
	}
	if n, err := floorOf(t, keda); err != nil || n != 2 {
		t.Errorf("after the approval: %v, %v", n, err)
	}
	if code, value := s.external(t, in, front); code != 200 || value != "2" {
		t.Errorf("after the approval: %d %s", code, value)
	}
	if code, text := s.external(t, in, s.authority.Client("somebody")); code != 403 {
		t.Errorf("another name: %d %s", code, text)
	}
	in.metric(t, `pilotlight_external_scaler_calls_total{code="OK",method="GetMetrics"}`)
	in.metric(t, `pilotlight_external_metrics_requests_total{`)
	if err := in.stop(); err != nil {
		t.Fatal(err)
	}
	in = s.start(t, "")
	keda = s.keda(t, in)
	if n, err := floorOf(t, keda); err != nil || n != 2 {
		t.Errorf("after the restart: %v, %v", n, err)
	}
	if strings.Contains(in.log.String(), "somebody else changed") {
		t.Error("after the restart the floor looks like a change by somebody else")
	}
	// The address cannot move while the daemon runs.
	write(t, s.dir, "p.yaml", strings.Replace(read(t, s.config), "allowed_names: [front-proxy-client]", "allowed_names: [x]", 1))
	if code, body := in.call(t, "POST", "/api/v1/config/reload", operator); code != 422 || !strings.Contains(body, "external_metrics cannot change while the daemon runs") {
		t.Errorf("reload: %d %s", code, body)
	}
}

// TestDaemonFeedsInDryRun checks that nobody acts on a number in dry-run mode.
func TestDaemonFeedsInDryRun(t *testing.T) {
	t.Parallel()
	s := newFeedSite(t)
	in := s.start(t, "dry-run")
	if n, err := floorOf(t, s.keda(t, in)); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("%v, %v", n, err)
	}
	if code, text := s.external(t, in, s.authority.Client("front-proxy-client")); code != 409 || !strings.Contains(text, "engine.mode") {
		t.Errorf("%d %s", code, text)
	}
}

// TestFeedsRefuseToStart checks what stops a start, and that check finds what is wrong in the file.
func TestFeedsRefuseToStart(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s := newFeedSite(t)
	good := read(t, s.config)
	stdio := IO{Out: t.Output(), Err: t.Output(), Env: func(string) (string, bool) { return viewer, true }}
	if err := Check(stdio, s.config); err != nil {
		t.Errorf("check: %v", err)
	}
	for _, tc := range []struct{ old, with, check, run string }{
		{"client_ca_file: ca.crt}\nexternal_metrics", "client_ca_file: none.crt}\nexternal_metrics", "", "external scaler: client CA: open"},
		{"allowed_names", "open: true\n  allowed_names", "", ""},
		{
			"external_scaler:\n  listen: 127.0.0.1:0", "external_scaler:\n  listen: 0.0.0.0:6000\n  max_streams: 0",
			"external_scaler.max_streams: 0 is not between", "external_scaler.max_streams: 0 is not between",
		},
		{"external_metrics:\n  listen: 127.0.0.1:0", "external_metrics:\n  listen: " + l.Addr().String(), "", "external metrics: listen on"},
	} {
		text := strings.Replace(good, tc.old, tc.with, 1)
		if text == good {
			t.Fatalf("%q is not in the file", tc.old)
		}
		write(t, s.dir, "p.yaml", text)
		err := Check(stdio, s.config)
		if (err == nil) != (tc.check == "") || err != nil && !strings.Contains(err.Error(), tc.check) {
			t.Errorf("%q: check says %v, want %q", tc.with, err, tc.check)
		}
		if tc.run == "" {
			continue
		}
		err = Run(t.Context(), stdio, RunOptions{Config: s.config, LogLevel: "info", LogFormat: "logfmt"})
		if err == nil || !strings.Contains(err.Error(), tc.run) {
			t.Errorf("%q: the daemon ended with %v, want %q", tc.with, err, tc.run)
		}
	}
	// Each failure has closed the journal and the listeners.
	write(t, s.dir, "p.yaml", good)
	s.start(t, "")
}
