package awslambdatest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// dimension is the one that is served.
const dimension = "lambda:function:ProvisionedConcurrency"

// scalable is a version or alias whose provisioned concurrency Application Auto Scaling owns.
type scalable struct {
	function, qualifier string
	low, high           int
	// idle has a policy scale in to the minimum, as target tracking without load does.
	idle    bool
	created time.Time
	// due is when Application Auto Scaling acts on the bounds.
	due time.Time
}

// Own registers a scalable target as somebody else does. With idle a scaling policy goes down to the minimum by itself; without one
// the provisioned concurrency only moves when it is outside the bounds.
func (s *Server) Own(tb testing.TB, name, qualifier string, low, high int, idle bool) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scalables[resourceID(name, qualifier)] = &scalable{
		function: name, qualifier: qualifier, low: low, high: high, idle: idle, created: s.now, due: s.now.Add(s.config.ScalingDelay),
	}
}

// Disown deregisters a scalable target. What is provisioned stays.
func (s *Server) Disown(tb testing.TB, name, qualifier string) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.scalables, resourceID(name, qualifier))
}

// Bounds returns the bounds of a scalable target, and whether there is one.
func (s *Server) Bounds(name, qualifier string) (low, high int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.scalables[resourceID(name, qualifier)]
	if t == nil {
		return 0, 0, false
	}
	return t.low, t.high, true
}

func resourceID(name, qualifier string) string { return "function:" + name + ":" + qualifier }

// scale lets Application Auto Scaling do what was due until now; the caller holds mu. What AWS Lambda refuses is tried again.
func (s *Server) scale() {
	const again = 30 * time.Second
	for _, id := range sortedKeys(s.scalables) {
		t := s.scalables[id]
		f := s.functions[t.function]
		if f == nil {
			continue
		}
		for !t.due.IsZero() && !t.due.After(s.now) {
			if s.scaleAt(f, t, t.due) {
				t.due = time.Time{}
			} else {
				t.due = t.due.Add(again)
			}
		}
	}
}

// scaleAt moves the provisioned concurrency of a scalable target between its bounds, and reports whether it is there.
func (s *Server) scaleAt(f *function, t *scalable, at time.Time) bool {
	have := 0
	if config := f.configs[t.qualifier]; config != nil {
		have = config.requested
	}
	want := min(max(have, t.low), t.high)
	if t.idle {
		want = t.low
	}
	switch want {
	case have:
		return true
	case 0:
		return s.remove(f, t.qualifier, at) == nil
	}
	_, failed := s.put(f, t.qualifier, f.version(t.qualifier), want, at)
	return failed == nil
}

// describeScalables lists scalable targets.
func (s *Server) describeScalables(input map[string]any) (map[string]any, *failure) {
	ids := sortedKeys(s.scalables)
	if asked, ok := input["ResourceIds"].([]any); ok && len(asked) > 0 {
		ids = slices.DeleteFunc(ids, func(id string) bool { return !slices.Contains(asked, any(id)) })
		if input["ScalableDimension"] == nil {
			return nil, &failure{"ValidationException", "Scalable dimension cannot be null when resource ids are specified"}
		}
	}
	if d := input["ScalableDimension"]; text(input, "ServiceNamespace") != "lambda" || d != nil && d != dimension {
		ids = nil
	}
	from, size, failed := pageOf(input, len(ids))
	if failed != nil {
		return nil, failed
	}
	items, to := []any{}, min(from+size, len(ids))
	for _, id := range ids[from:to] {
		t := s.scalables[id]
		items = append(items, map[string]any{
			"ServiceNamespace": "lambda", "ResourceId": id, "ScalableDimension": dimension, "MinCapacity": t.low, "MaxCapacity": t.high,
			"RoleARN": "arn:aws:iam::" + Account + ":role/aws-service-role/lambda.application-autoscaling.amazonaws.com/" +
				"AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency",
			"CreationTime": t.created.Unix(), "ScalableTargetARN": scalableARN(id),
		})
	}
	out := map[string]any{"ScalableTargets": items}
	if to < len(ids) {
		out["NextToken"] = strconv.Itoa(to)
	}
	return out, nil
}

// pageOf returns where a page begins and how long it is.
func pageOf(input map[string]any, all int) (from, size int, failed *failure) {
	size = maxPage
	if n := number(input, "MaxResults"); input["MaxResults"] != nil {
		if n < 1 || n > maxPage {
			return 0, 0, &failure{"ValidationException", fmt.Sprintf("MaxResults must be between 1 and %d", maxPage)}
		}
		size = int(n)
	}
	if token := text(input, "NextToken"); token != "" {
		i, err := strconv.Atoi(token)
		if err != nil || i < 0 || i > all {
			return 0, 0, &failure{"InvalidNextTokenException", "The token is not valid"}
		}
		from = i
	}
	return from, size, nil
}

func scalableARN(id string) string {
	return fmt.Sprintf("arn:aws:application-autoscaling:%s:%s:scalable-target/%x", Region, Account, id)
}

// register registers a scalable target, or changes the bounds of one.
func (s *Server) register(input map[string]any) (map[string]any, *failure) {
	if text(input, "ServiceNamespace") != "lambda" || text(input, "ScalableDimension") != dimension {
		return nil, invalidScalable("Unsupported service namespace, resource type or scalable dimension")
	}
	id := text(input, "ResourceId")
	next, failed := s.scalableOf(id)
	if failed != nil {
		return nil, failed
	}
	_, hasLow := input["MinCapacity"]
	_, hasHigh := input["MaxCapacity"]
	if s.scalables[id] == nil && (!hasLow || !hasHigh) {
		return nil, invalidScalable("Both minimum and maximum capacity must be specified to register a new scalable target")
	}
	if hasLow {
		next.low = int(number(input, "MinCapacity"))
	}
	if hasHigh {
		next.high = int(number(input, "MaxCapacity"))
	}
	if next.low < 0 || next.high < next.low {
		return nil, invalidScalable("Maximum capacity cannot be less than minimum capacity")
	}
	next.due = s.now.Add(s.config.ScalingDelay)
	s.scalables[id] = &next
	s.writes++
	return map[string]any{"ScalableTargetARN": scalableARN(id)}, nil
}

// scalableOf returns a copy of the scalable target of that name, or a new one if there is none.
func (s *Server) scalableOf(id string) (scalable, *failure) {
	if old := s.scalables[id]; old != nil {
		return *old, nil
	}
	parts := strings.Split(id, ":")
	if len(parts) == 3 && parts[0] == "function" {
		if f := s.functions[parts[1]]; f != nil && parts[2] != latest && f.version(parts[2]) != "" {
			return scalable{function: parts[1], qualifier: parts[2], created: s.now}, nil
		}
	}
	return scalable{}, invalidScalable("No scalable resource found for service namespace: lambda, resource ID: %s, scalable dimension: %s", id, dimension)
}

func invalidScalable(format string, args ...any) *failure {
	return &failure{"ValidationException", fmt.Sprintf(format, args...)}
}
