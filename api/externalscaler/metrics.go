package externalscaler

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
)

// metrics are the metrics of this package. Their labels are bounded: methods are those of the service, codes those of gRPC.
type metrics struct {
	calls   *prometheus.CounterVec
	streams prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		calls: f.NewCounterVec(prometheus.CounterOpts{
			Name: "pilotlight_external_scaler_calls_total", Help: "Calls of KEDA that have ended, by method and gRPC code.",
		}, []string{"method", "code"}),
		streams: f.NewGauge(prometheus.GaugeOpts{
			Name: "pilotlight_external_scaler_streams", Help: "Streams that are open.",
		}),
	}
}

// ended counts a call. Errors of what KEDA asks for are logged at debug level: KEDA logs them too, again and again.
func (s *Service) ended(ctx context.Context, method string, err error) {
	code := status.Code(err)
	s.metrics.calls.WithLabelValues(nameOf(method), code.String()).Inc()
	if err != nil && code != codes.Canceled {
		s.deps.Logger.DebugContext(ctx, "a call of KEDA failed", "method", nameOf(method), "code", code.String(), "err", err)
	}
}

// nameOf returns the short name of a method; gRPC itself refuses others before they come here.
func nameOf(full string) string {
	switch full {
	case pb.ExternalScaler_IsActive_FullMethodName:
		return "IsActive"
	case pb.ExternalScaler_StreamIsActive_FullMethodName:
		return "StreamIsActive"
	case pb.ExternalScaler_GetMetricSpec_FullMethodName:
		return "GetMetricSpec"
	case pb.ExternalScaler_GetMetrics_FullMethodName:
		return "GetMetrics"
	case pb.ExternalScaler_StreamMetricSpec_FullMethodName:
		return "StreamMetricSpec"
	}
	return "other"
}

// unary counts calls, and turns a panic into an error so that one call cannot end the process.
func (s *Service) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = s.panicked(ctx, r)
		}
		s.ended(ctx, info.FullMethod, err)
	}()
	return handle(ctx, req)
}

// stream is unary for streams.
func (s *Service) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = s.panicked(ss.Context(), r)
		}
		s.ended(ss.Context(), info.FullMethod, err)
	}()
	return handle(srv, ss)
}

// panicked logs a panic and returns the error for the client.
func (s *Service) panicked(ctx context.Context, r any) error {
	s.deps.Logger.ErrorContext(ctx, "a call of KEDA failed inside", "panic", r)
	return status.Error(codes.Internal, "it failed inside; see the log of pilotlight")
}
