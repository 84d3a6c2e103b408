package externalscaler

import (
	"context"
	"time"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// StreamIsActive sends at once whether the target is active, and then each change. It ends with an error as soon as that is not
// known any more; KEDA then comes back by itself, and goes on to ask IsActive meanwhile.
func (s *Service) StreamIsActive(ref *pb.ScaledObjectRef, stream grpc.ServerStreamingServer[pb.IsActiveResponse]) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	sent, first := false, true
	return s.follow(stream.Context(), func() error {
		n, err := s.floor(ref)
		if err != nil {
			return err
		}
		if active := n > 0; first || active != sent {
			sent, first = active, false
			return stream.Send(&pb.IsActiveResponse{Result: active})
		}
		return nil
	})
}

// StreamMetricSpec sends the description of the metric, which never changes, and then waits.
func (s *Service) StreamMetricSpec(ref *pb.ScaledObjectRef, stream grpc.ServerStreamingServer[pb.GetMetricSpecResponse]) error {
	if _, err := targetOf(ref); err != nil {
		return err
	}
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	if err := stream.Send(spec()); err != nil {
		return err
	}
	select {
	case <-stream.Context().Done():
		return status.FromContextError(stream.Context().Err()).Err()
	case <-s.stopping:
		return errStopping()
	}
}

// enter takes one of the streams that may be open.
func (s *Service) enter() (leave func(), err error) {
	select {
	case s.streams <- struct{}{}:
		s.metrics.streams.Inc()
		return func() {
			<-s.streams
			s.metrics.streams.Dec()
		}, nil
	default:
		return nil, status.Errorf(codes.ResourceExhausted, "%d streams are open, which is the most; raise external_scaler.max_streams", cap(s.streams))
	}
}

// follow calls look at once and then again and again, until it returns an error, the client goes, or the service stops.
func (s *Service) follow(ctx context.Context, look func() error) error {
	ticker := time.NewTicker(s.deps.StreamEvery)
	defer ticker.Stop()
	for {
		if err := look(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		case <-s.stopping:
			return errStopping()
		case <-ticker.C:
		}
	}
}

// errStopping tells a client to come back.
func errStopping() error { return status.Error(codes.Unavailable, "pilotlight stops; come back") }
