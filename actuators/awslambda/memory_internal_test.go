package awslambda

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// TestDifferences looks at what publishing would release.
func TestDifferences(t *testing.T) {
	t.Parallel()
	type output = lambda.GetFunctionConfigurationOutput
	for name, c := range map[string]struct {
		change func(*output)
		want   []string
	}{
		"nothing":     {func(*output) {}, nil},
		"memory":      {func(o *output) { o.MemorySize = aws.Int32(1024) }, nil},
		"revision":    {func(o *output) { o.RevisionId, o.Version = aws.String("2"), aws.String("7") }, nil},
		"state":       {func(o *output) { o.State, o.LastUpdateStatus = types.StateInactive, types.LastUpdateStatusFailed }, nil},
		"environment": {func(o *output) { o.Environment.Variables = map[string]string{"STAGE": "test", "DEBUG": "1"} }, []string{"Environment"}},
		"no layers":   {func(o *output) { o.Layers = nil }, []string{"Layers"}},
		"role":        {func(o *output) { o.Role = aws.String("arn:aws:iam::123456789012:role/other") }, []string{"Role"}},
		"two":         {func(o *output) { o.Timeout, o.Handler = aws.Int32(9), aws.String("b") }, []string{"Handler", "Timeout"}},
		"snapshots": {
			func(o *output) {
				o.SnapStart = &types.SnapStartResponse{ApplyOn: types.SnapStartApplyOnPublishedVersions}
			}, []string{"SnapStart"},
		},
		"no snapshots": {func(o *output) {
			o.SnapStart = &types.SnapStartResponse{ApplyOn: types.SnapStartApplyOnNone, OptimizationStatus: types.SnapStartOptimizationStatusOff}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			build := func() *output {
				return &output{
					MemorySize: aws.Int32(512), Timeout: aws.Int32(3), Handler: aws.String("a"), Role: aws.String("arn:aws:iam::123456789012:role/fn"),
					Environment: &types.EnvironmentResponse{Variables: map[string]string{"STAGE": "test"}},
					Layers:      []types.Layer{{Arn: aws.String("arn:aws:lambda:eu-west-1:123456789012:layer:a:1")}},
				}
			}
			changed := build()
			c.change(changed)
			if got := (configuration{changed}).differences(configuration{build()}); !slices.Equal(slices.Sorted(slices.Values(got)), c.want) {
				t.Errorf("differences %v, want %v", got, c.want)
			}
		})
	}
}
