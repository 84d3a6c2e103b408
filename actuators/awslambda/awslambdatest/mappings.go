package awslambdatest

import (
	"testing"
	"time"
)

// mapping is an event source mapping.
type mapping struct {
	source, function string
	concurrency      int // 0 is none
	low, high        int // pollers, 0 is none
	// before is the state that it returns to when its last change is done.
	before  string
	changed time.Time
}

// AddMapping adds an enabled event source mapping from the source with that ARN to a function.
func (s *Server) AddMapping(tb testing.TB, uuid, source, functionName string) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mappings[uuid] = &mapping{source: source, function: functionName, before: "Enabled", changed: s.now.Add(-time.Hour)}
}

// SetMapping sets the scaling of a mapping as somebody else does, without a change of its state; 0 is none.
func (s *Server) SetMapping(tb testing.TB, uuid string, concurrency, low, high int) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.mappings[uuid]
	if m == nil {
		tb.Fatalf("there is no mapping %s", uuid)
		return
	}
	m.concurrency, m.low, m.high = concurrency, low, high
}

// SetMappingState puts a mapping into a state, such as Disabled or Deleting.
func (s *Server) SetMappingState(tb testing.TB, uuid, state string) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mappings[uuid].before = state
}

// state returns the state of a mapping.
func (s *Server) state(m *mapping) string {
	if s.now.Sub(m.changed) < s.config.MappingDelay {
		return "Updating"
	}
	return m.before
}

func (s *Server) describeMapping(uuid string, m *mapping) map[string]any {
	out := map[string]any{
		"UUID": uuid, "EventSourceArn": m.source, "FunctionArn": arn(m.function, ""), "BatchSize": 10, "State": s.state(m),
		"StateTransitionReason": "USER_INITIATED", "LastModified": m.changed.Unix(),
	}
	if m.concurrency > 0 {
		out["ScalingConfig"] = map[string]any{"MaximumConcurrency": m.concurrency}
	}
	if m.low > 0 {
		out["ProvisionedPollerConfig"] = map[string]any{"MinimumPollers": m.low, "MaximumPollers": m.high}
	}
	return out
}

func (s *Server) getMapping(input map[string]any) (map[string]any, *failure) {
	uuid := text(input, "UUID")
	m := s.mappings[uuid]
	if m == nil {
		return nil, &failure{"ResourceNotFoundException", "The resource you requested does not exist."}
	}
	return s.describeMapping(uuid, m), nil
}

// updateMapping changes the scaling of a mapping. An empty configuration removes it; other settings are not served.
func (s *Server) updateMapping(input map[string]any) (map[string]any, *failure) {
	uuid := text(input, "UUID")
	m := s.mappings[uuid]
	if m == nil {
		return nil, &failure{"ResourceNotFoundException", "The resource you requested does not exist."}
	}
	if failed := onlyServed(input, "UUID", "ScalingConfig", "ProvisionedPollerConfig"); failed != nil {
		return nil, failed
	}
	if state := s.state(m); state != "Enabled" && state != "Disabled" {
		return nil, &failure{"ResourceInUseException", "Cannot update the event source mapping because it is in use."}
	}
	next := *m
	if scaling, ok := input["ScalingConfig"].(map[string]any); ok {
		next.concurrency = int(number(scaling, "MaximumConcurrency"))
	}
	if pollers, ok := input["ProvisionedPollerConfig"].(map[string]any); ok {
		next.low, next.high = int(number(pollers, "MinimumPollers")), int(number(pollers, "MaximumPollers"))
	}
	switch {
	case next.concurrency > 0 && next.low > 0:
		return nil, &failure{
			"InvalidParameterValueException", "ScalingConfig and ProvisionedPollerConfig cannot be used at the same time.",
		}
	case next.low > next.high:
		return nil, &failure{"InvalidParameterValueException", "MinimumPollers must not be greater than MaximumPollers."}
	}
	next.changed = s.now
	*m = next
	s.writes++
	return s.describeMapping(uuid, m), nil
}
