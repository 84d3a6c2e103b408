package externalscaler_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"pilotlight/api/externalscaler"
	"pilotlight/api/inforce"
	"pilotlight/api/inforce/inforcetest"
	"pilotlight/api/tlsfiles"
	"pilotlight/api/tlsfiles/tlsfilestest"
	"pilotlight/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waits for what must come promptly.
const patience = 20 * time.Second

// instance is a server and KEDA's own client for it.
type instance struct {
	pb.ExternalScalerClient
	fleet   *inforcetest.Fleet
	reg     *prometheus.Registry
	address string
	stop    func() error
}

// start serves on a port of the loopback interface.
func start(t *testing.T, maxStreams int, server, client *tls.Config) *instance {
	t.Helper()
	in := &instance{fleet: inforcetest.New(), reg: prometheus.NewRegistry()}
	s, err := externalscaler.New(externalscaler.Deps{
		Floors:     inforce.Reader{Fleet: in.fleet, MaxAge: 5 * time.Minute, Now: in.fleet.Now},
		MaxStreams: maxStreams, StreamEvery: time.Millisecond, Registerer: in.reg, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	in.address = l.Addr().String()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l, server, patience) }()
	in.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	in.ExternalScalerClient = dial(t, in.address, client)
	t.Cleanup(func() {
		if err := in.stop(); err != nil {
			t.Error(err)
		}
	})
	return in
}

// dial connects KEDA's client as KEDA does.
func dial(t *testing.T, address string, secure *tls.Config) pb.ExternalScalerClient {
	t.Helper()
	creds := insecure.NewCredentials()
	if secure != nil {
		creds = credentials.NewTLS(secure)
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(creds),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin":{}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return pb.NewExternalScalerClient(conn)
}

// ref is what KEDA sends about a trigger.
func ref(target string) *pb.ScaledObjectRef {
	return &pb.ScaledObjectRef{Name: "shop", Namespace: "prod", ScalerMetadata: map[string]string{
		"scalerAddress": "pilotlight:6000", "enableTLS": "true", "target": target,
	}}
}

func wantCode(t *testing.T, what string, err error, code codes.Code, text string) {
	t.Helper()
	if status.Code(err) != code || err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: %v, want %s with %q", what, err, code, text)
	}
}

// TestAnswers drives the calls that KEDA polls with.
func TestAnswers(t *testing.T) {
	t.Parallel()
	in := start(t, 10, nil, nil)
	for _, floor := range []int{0, 1, 7, 1 << 30} {
		in.fleet.Set("prod/shop", floor)
		active, err := in.IsActive(t.Context(), ref("prod/shop"))
		if err != nil || active.GetResult() != (floor > 0) {
			t.Errorf("floor %d: active %v, %v", floor, active, err)
		}
		spec, err := in.GetMetricSpec(t.Context(), ref("prod/shop"))
		if err != nil || len(spec.GetMetricSpecs()) != 1 {
			t.Fatalf("%v, %v", spec, err)
		}
		m := spec.GetMetricSpecs()[0]
		if m.GetTargetSizeFloat() != 1 || m.GetTargetSize() != 1 {
			t.Errorf("target %v", m)
		}
		values, err := in.GetMetrics(t.Context(), &pb.GetMetricsRequest{ScaledObjectRef: ref("prod/shop"), MetricName: m.GetMetricName()})
		if err != nil || len(values.GetMetricValues()) != 1 {
			t.Fatalf("%v, %v", values, err)
		}
		if v := values.GetMetricValues()[0]; v.GetMetricName() != m.GetMetricName() || v.GetMetricValueFloat() != float64(floor) || v.GetMetricValue() != int64(floor) {
			t.Errorf("floor %d: %v", floor, v)
		}
	}
	if n := testutil.CollectAndCount(in.reg, "pilotlight_external_scaler_calls_total"); n != 3 {
		t.Errorf("%d series of calls, want 3", n)
	}
}

// TestUnknownIsAnError is the promise that matters: what is not known is never 0 and never inactive.
func TestUnknownIsAnError(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spoil func(*inforcetest.Fleet)
		code  codes.Code
		text  string
	}{
		"not decided yet": {func(f *inforcetest.Fleet) { f.SetLastStep(time.Time{}) }, codes.Unavailable, "nothing has been decided"},
		"old decision":    {func(f *inforcetest.Fleet) { f.Advance(5*time.Minute + 1) }, codes.Unavailable, "stale"},
		"old samples": {func(f *inforcetest.Fleet) {
			f.Edit("prod/shop", func(s *models.TargetStatus) { s.Data = models.DataStale })
		}, codes.Unavailable, "samples are stale"},
		"no samples": {func(f *inforcetest.Fleet) {
			f.Edit("prod/shop", func(s *models.TargetStatus) { s.Data = models.DataMissing })
		}, codes.Unavailable, "samples are missing"},
		"not observed": {func(f *inforcetest.Fleet) { f.Edit("prod/shop", func(s *models.TargetStatus) { s.Observed = false }) }, codes.Unavailable, "not known"},
		"dry run":      {func(f *inforcetest.Fleet) { f.SetMode(models.ModeDryRun) }, codes.FailedPrecondition, "engine.mode"},
		"no target":    {func(f *inforcetest.Fleet) { f.Remove("prod/shop") }, codes.NotFound, "prod/shop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := start(t, 10, nil, nil)
			in.fleet.Set("prod/shop", 3)
			if _, err := in.IsActive(t.Context(), ref("prod/shop")); err != nil {
				t.Fatal(err)
			}
			stream, err := in.StreamIsActive(t.Context(), ref("prod/shop"))
			if err != nil {
				t.Fatal(err)
			}
			if resp, err := stream.Recv(); err != nil || !resp.GetResult() {
				t.Fatalf("%v, %v", resp, err)
			}
			tc.spoil(in.fleet)
			_, err = in.IsActive(t.Context(), ref("prod/shop"))
			wantCode(t, "IsActive", err, tc.code, tc.text)
			_, err = in.GetMetrics(t.Context(), &pb.GetMetricsRequest{ScaledObjectRef: ref("prod/shop"), MetricName: externalscaler.MetricName})
			wantCode(t, "GetMetrics", err, tc.code, tc.text)
			resp, err := stream.Recv()
			wantCode(t, "StreamIsActive", err, tc.code, tc.text)
			if resp != nil {
				t.Errorf("the stream says %v", resp)
			}
			// KEDA would make an autoscaler without the metric if it were not described.
			if spec, err := in.GetMetricSpec(t.Context(), ref("prod/shop")); err != nil || len(spec.GetMetricSpecs()) != 1 {
				t.Errorf("GetMetricSpec: %v, %v", spec, err)
			}
		})
	}
}

// TestMetadata checks what a trigger may say.
func TestMetadata(t *testing.T) {
	t.Parallel()
	in := start(t, 10, nil, nil)
	in.fleet.Set("prod/shop", 3)
	for name, tc := range map[string]struct {
		ref  *pb.ScaledObjectRef
		text string
	}{
		"none":       {nil, `has no "target"`},
		"no target":  {&pb.ScaledObjectRef{ScalerMetadata: map[string]string{"scalerAddress": "x"}}, `has no "target"`},
		"other case": {&pb.ScaledObjectRef{ScalerMetadata: map[string]string{"targetID": "prod/shop", "Target": "x"}}, `(there is "Target", "targetID")`},
		"empty":      {ref(""), "empty"},
		"control":    {ref("a\nb"), "control character"},
		"long":       {ref(strings.Repeat("x", 300)), "longer than"},
	} {
		_, err := in.IsActive(t.Context(), tc.ref)
		wantCode(t, name, err, codes.InvalidArgument, tc.text)
		_, err = in.GetMetricSpec(t.Context(), tc.ref)
		wantCode(t, name, err, codes.InvalidArgument, tc.text)
		stream, err := in.StreamMetricSpec(t.Context(), tc.ref)
		if err == nil {
			_, err = stream.Recv()
		}
		wantCode(t, name, err, codes.InvalidArgument, tc.text)
	}
	_, err := in.GetMetrics(t.Context(), &pb.GetMetricsRequest{ScaledObjectRef: ref("prod/shop"), MetricName: "s0-other"})
	wantCode(t, "metric", err, codes.InvalidArgument, "there is no metric")
	_, err = in.IsActive(t.Context(), ref("prod/shop\u00e9"+strings.Repeat("x", 100)))
	wantCode(t, "unknown", err, codes.NotFound, "not found")
	big := ref("prod/shop")
	big.ScalerMetadata["more"] = strings.Repeat("x", 1<<20)
	_, err = in.IsActive(t.Context(), big)
	wantCode(t, "large", err, codes.ResourceExhausted, "larger than max")
}

// TestStreams checks that changes are pushed, each once, and that streams are bounded.
func TestStreams(t *testing.T) {
	t.Parallel()
	in := start(t, 2, nil, nil)
	in.fleet.Set("prod/shop", 0)
	stream, err := in.StreamIsActive(t.Context(), ref("prod/shop"))
	if err != nil {
		t.Fatal(err)
	}
	for _, floor := range []int{0, 2, 0, 1} {
		in.fleet.Set("prod/shop", floor)
		resp, err := stream.Recv()
		if err != nil || resp.GetResult() != (floor > 0) {
			t.Fatalf("floor %d: %v, %v", floor, resp, err)
		}
		if floor > 0 {
			in.fleet.Set("prod/shop", floor+5) // still active: nothing to say
		}
	}
	specs, err := in.StreamMetricSpec(t.Context(), ref("prod/shop"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := specs.Recv()
	if err != nil || len(first.GetMetricSpecs()) != 1 || first.GetMetricSpecs()[0].GetMetricName() != externalscaler.MetricName {
		t.Fatalf("%v, %v", first, err)
	}
	third, err := in.StreamMetricSpec(t.Context(), ref("prod/shop"))
	if err == nil {
		_, err = third.Recv()
	}
	wantCode(t, "third stream", err, codes.ResourceExhausted, "max_streams")
	// A stop ends the streams, and does not wait for them.
	if err := in.stop(); err != nil {
		t.Error(err)
	}
	_, err = stream.Recv()
	wantCode(t, "stop", err, codes.Unavailable, "come back")
	_, err = specs.Recv()
	wantCode(t, "stop", err, codes.Unavailable, "come back")
	if n, err := testutil.GatherAndCount(in.reg, "pilotlight_external_scaler_streams"); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
}

// TestStreamOfGoneClient checks that the place of a client that goes away is free again.
func TestStreamOfGoneClient(t *testing.T) {
	t.Parallel()
	in := start(t, 1, nil, nil)
	in.fleet.Set("prod/shop", 1)
	deadline := time.Now().Add(patience)
	for range 5 {
		for {
			ctx, cancel := context.WithCancel(t.Context())
			stream, err := in.StreamIsActive(ctx, ref("prod/shop"))
			if err == nil {
				_, err = stream.Recv()
			}
			cancel()
			if err == nil {
				break
			}
			// The one before may not have left yet.
			if status.Code(err) != codes.ResourceExhausted || time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
}

// TestTLS drives the service as KEDA does with caCert, tlsClientCert and tlsClientKey.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir, ours, theirs := t.TempDir(), tlsfilestest.New(t, "ours", time.Now()), tlsfilestest.New(t, "theirs", time.Now())
	files := tlsfiles.Files{ClientCA: ours.WriteCA(dir, "ca.crt")}
	files.Cert, files.Key = ours.Issue(dir, "server")
	server, err := tlsfiles.Config(files, tlsfiles.ClientMust, []string{"h2"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	in := start(t, 10, server, ours.Client("keda"))
	in.fleet.Set("prod/shop", 2)
	if resp, err := in.IsActive(t.Context(), ref("prod/shop")); err != nil || !resp.GetResult() {
		t.Errorf("%v, %v", resp, err)
	}
	stranger := theirs.Client("stranger")
	stranger.RootCAs = ours.Pool()
	for name, client := range map[string]*tls.Config{
		"stranger": stranger, "no certificate": {RootCAs: ours.Pool(), MinVersion: tls.VersionTLS12}, "plain": nil,
	} {
		if _, err := dial(t, in.address, client).IsActive(t.Context(), ref("prod/shop")); status.Code(err) != codes.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDeps(t *testing.T) {
	t.Parallel()
	_, err := externalscaler.New(externalscaler.Deps{})
	for _, want := range []string{"streams is not above 0", "looks of a stream", "registerer", "logger", "a fleet and a clock"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}

func BenchmarkGetMetrics(b *testing.B) {
	fleet := inforcetest.New()
	fleet.Set("prod/shop", 3)
	s, err := externalscaler.New(externalscaler.Deps{
		Floors:     inforce.Reader{Fleet: fleet, MaxAge: time.Minute, Now: fleet.Now},
		MaxStreams: 1, StreamEvery: time.Second, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	req := &pb.GetMetricsRequest{ScaledObjectRef: ref("prod/shop"), MetricName: externalscaler.MetricName}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.GetMetrics(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
}
