// Package externalscaler serves the floors of targets to KEDA as an external scaler, over gRPC: both the types external and
// external-push of a trigger.
//
// A number that is not known is always a gRPC error, never 0 and never "not active": then KEDA keeps the present number of
// replicas or uses the fallback of the ScaledObject. The description of the metric, in contrast, does not depend on what is
// known at the moment, because KEDA would else make an autoscaler that lacks the metric.
package externalscaler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sort"
	"strings"
	"sync"
	"time"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"pilotlight/api/inforce"
	"pilotlight/models"
)

const (
	// MetricName is the name of the one metric; KEDA puts the index of the trigger before it.
	MetricName = "pilotlight-floor"
	// MetadataTarget is the key of a trigger's metadata that holds the id of the target.
	MetadataTarget = "target"
	// perReplica is the target value of the metric: with the type AverageValue, which is KEDA's default, the metric divided by it is
	// the number of replicas.
	perReplica = 1
)

// Deps is what New builds the service from.
type Deps struct {
	Floors inforce.Reader
	// MaxStreams bounds the streams that are open at a time; at least 1.
	MaxStreams int
	// StreamEvery is how often streams look for changes.
	StreamEvery time.Duration
	Registerer  prometheus.Registerer
	Logger      *slog.Logger
}

// validate says all that is missing or wrong.
func (d *Deps) validate() error {
	var errs []error
	need := func(ok bool, text string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: %w", text, models.ErrInvalid))
		}
	}
	need(d.MaxStreams > 0, "the number of streams is not above 0")
	need(d.StreamEvery > 0, "the time between looks of a stream is not above 0")
	need(d.Registerer != nil, "registerer is missing")
	need(d.Logger != nil, "logger is missing")
	return errors.Join(append(errs, d.Floors.Validate())...)
}

// Service answers KEDA. It is safe for concurrent use.
type Service struct {
	pb.UnimplementedExternalScalerServer

	deps    Deps
	metrics *metrics
	streams chan struct{}
	// stopping is closed when streams are to end.
	stopping chan struct{}
	stop     sync.Once
}

var _ pb.ExternalScalerServer = (*Service)(nil)

// New returns the service. It starts nothing. It returns ErrInvalid, naming everything that is missing or wrong in deps.
func New(deps Deps) (*Service, error) {
	if err := deps.validate(); err != nil {
		return nil, fmt.Errorf("external scaler: %w", err)
	}
	deps.Logger = deps.Logger.With("component", "external_scaler")
	return &Service{
		deps: deps, metrics: newMetrics(deps.Registerer), streams: make(chan struct{}, deps.MaxStreams), stopping: make(chan struct{}),
	}, nil
}

// Stop ends all streams, so that a graceful stop of the server does not wait for them.
func (s *Service) Stop() { s.stop.Do(func() { close(s.stopping) }) }

// IsActive says whether the target is to have warm instances.
func (s *Service) IsActive(_ context.Context, ref *pb.ScaledObjectRef) (*pb.IsActiveResponse, error) {
	n, err := s.floor(ref)
	if err != nil {
		return nil, err
	}
	return &pb.IsActiveResponse{Result: n > 0}, nil
}

// GetMetricSpec describes the metric. It fails only if the metadata of the trigger is wrong.
func (s *Service) GetMetricSpec(_ context.Context, ref *pb.ScaledObjectRef) (*pb.GetMetricSpecResponse, error) {
	if _, err := targetOf(ref); err != nil {
		return nil, err
	}
	return spec(), nil
}

// spec is the description of the metric.
func spec() *pb.GetMetricSpecResponse {
	return &pb.GetMetricSpecResponse{MetricSpecs: []*pb.MetricSpec{{
		MetricName: MetricName, TargetSize: perReplica, TargetSizeFloat: perReplica,
	}}}
}

// GetMetrics returns the number of warm instances that the target is to have.
func (s *Service) GetMetrics(_ context.Context, req *pb.GetMetricsRequest) (*pb.GetMetricsResponse, error) {
	if name := req.GetMetricName(); name != MetricName {
		return nil, status.Errorf(codes.InvalidArgument, "there is no metric %q, only %s", name, MetricName)
	}
	n, err := s.floor(req.GetScaledObjectRef())
	if err != nil {
		return nil, err
	}
	return &pb.GetMetricsResponse{MetricValues: []*pb.MetricValue{{
		MetricName: MetricName, MetricValue: int64(n), MetricValueFloat: float64(n),
	}}}, nil
}

// floor returns the floor of the target that the trigger names, or a gRPC status.
func (s *Service) floor(ref *pb.ScaledObjectRef) (int, error) {
	id, err := targetOf(ref)
	if err != nil {
		return 0, err
	}
	f, err := s.deps.Floors.Floor(id)
	if err != nil {
		return 0, status.Error(codeOf(err), err.Error())
	}
	return f.Instances, nil
}

// codeOf returns the code for why there is no floor.
func codeOf(err error) codes.Code {
	switch {
	case errors.Is(err, models.ErrNotFound):
		return codes.NotFound
	case errors.Is(err, models.ErrDryRun):
		return codes.FailedPrecondition
	case errors.Is(err, models.ErrStale), errors.Is(err, models.ErrNoData), errors.Is(err, inforce.ErrNotReady):
		return codes.Unavailable
	}
	return codes.Internal
}

// targetOf returns the target that the metadata of a trigger names.
func targetOf(ref *pb.ScaledObjectRef) (models.TargetID, error) {
	metadata := ref.GetScalerMetadata()
	text, ok := metadata[MetadataTarget]
	if !ok {
		return "", status.Errorf(codes.InvalidArgument,
			"the metadata of the trigger has no %q; set it to the id of a target, as GET /api/v1/targets lists them%s", MetadataTarget, near(metadata))
	}
	id := models.TargetID(text)
	if err := id.Validate(); err != nil {
		return "", status.Errorf(codes.InvalidArgument, "the metadata of the trigger: %s: %v", MetadataTarget, err)
	}
	return id, nil
}

// near names keys that look like a mistake for the one that is needed.
func near(metadata map[string]string) string {
	var found []string
	for key := range metadata {
		if strings.Contains(strings.ToLower(key), MetadataTarget) && len(key) < 40 {
			found = append(found, fmt.Sprintf("%q", key))
		}
	}
	if len(found) == 0 {
		return ""
	}
	sort.Strings(found)
	return " (there is " + strings.Join(found, ", ") + ")"
}
