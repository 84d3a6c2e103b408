package awslambdatest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scalingtypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"pilotlight/actuators/awslambda/awslambdatest"
)

// TestScalingStrictness breaks the model of Application Auto Scaling in every way that is looked for.
func TestScalingStrictness(t *testing.T) {
	t.Parallel()
	const (
		op   = "RegisterScalableTarget"
		good = `{"ServiceNamespace":"lambda","ScalableDimension":"lambda:function:ProvisionedConcurrency","ResourceId":"function:fn:live","MinCapacity":1,"MaxCapacity":5}`
	)
	replaced := func(old, by string) string { return strings.Replace(good, old, by, 1) }
	for name, c := range map[string]struct {
		body      string
		edit      func(*http.Request)
		status    int
		kind      string
		violation string
	}{
		"good":              {body: good, status: 200},
		"no namespace":      {body: replaced(`"ServiceNamespace":"lambda",`, ""), status: 400, kind: "ValidationException", violation: "ServiceNamespace: required"},
		"other namespace":   {body: replaced(`"lambda"`, `"Lambda"`), status: 400, kind: "ValidationException", violation: "not one of the enum"},
		"other dimension":   {body: replaced(`lambda:function:P`, `lambda:alias:P`), status: 400, kind: "ValidationException", violation: "not one of the enum"},
		"no resource":       {body: replaced(`function:fn:live`, ""), status: 400, kind: "ValidationException", violation: "length 0"},
		"control character": {body: replaced(`function:fn:live`, `function:fn\u0001`), status: 400, kind: "ValidationException", violation: "does not match"},
		"text":              {body: replaced(`:1,`, `:"1",`), status: 400, kind: "ValidationException", violation: "is no integer"},
		"fraction":          {body: replaced(`:1,`, `:1.5,`), status: 400, kind: "ValidationException", violation: "is no integer"},
		"unknown member":    {body: replaced(`{`, `{"Force":true,`), status: 400, kind: "ValidationException", violation: "body.Force: unknown member"},
		"unknown operation": {
			body: good, status: 404, violation: "no known operation",
			edit: func(r *http.Request) { r.Header.Set("X-Amz-Target", "AnyScaleFrontendService.PutScheduledAction") },
		},
		"other service": {
			body: good, status: 404, violation: "no known operation",
			edit: func(r *http.Request) { r.Header.Set("X-Amz-Target", "Autoscaling."+op) },
		},
		"other path":   {body: good, status: 404, violation: "no known operation", edit: func(r *http.Request) { r.URL.Path = "/x" }},
		"other method": {body: good, status: 404, violation: "no known operation", edit: func(r *http.Request) { r.Method = http.MethodPut }},
		"content type": {
			body: good, status: 400, kind: "ValidationException", violation: "content type",
			edit: func(r *http.Request) { r.Header.Set("Content-Type", "application/json") },
		},
		"signed for another": {
			body: good, status: 400, kind: "IncompleteSignatureException", violation: "signed for lambda",
			edit: func(r *http.Request) { r.Header.Set("Authorization", signature+strings.Repeat("0", 64)) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, awslambdatest.Config{})
			status, kind, _ := send(t, s, "POST", "/", c.body, func(r *http.Request) {
				scalingRequest(op)(r)
				if c.edit != nil {
					c.edit(r)
				}
			})
			violations := strings.Join(s.TakeViolations(), "\n")
			if status != c.status || (c.kind != "" && kind != c.kind) || (violations == "") != (c.violation == "") || !strings.Contains(violations, c.violation) {
				t.Errorf("status %d, %s and violations %q, want %d, %s and %q", status, kind, violations, c.status, c.kind, c.violation)
			}
			if c.violation != "" && s.Writes() != 0 {
				t.Error("a request against the model was carried out")
			}
		})
	}
}

// scaler returns the SDK's client for Application Auto Scaling.
func scaler(s *awslambdatest.Server) *applicationautoscaling.Client {
	return applicationautoscaling.New(applicationautoscaling.Options{
		Region: awslambdatest.Region, BaseEndpoint: aws.String(s.URL()), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "not-a-secret", ""),
	})
}

// register registers fn:qualifier; a bound below 0 is not sent.
func register(ctx context.Context, s *awslambdatest.Server, qualifier string, low, high int32) error {
	input := &applicationautoscaling.RegisterScalableTargetInput{
		ServiceNamespace:  scalingtypes.ServiceNamespaceLambda,
		ScalableDimension: scalingtypes.ScalableDimensionLambdaFunctionProvisionedConcurrency,
		ResourceId:        aws.String("function:fn:" + qualifier),
	}
	if low >= 0 {
		input.MinCapacity = aws.Int32(low)
	}
	if high >= 0 {
		input.MaxCapacity = aws.Int32(high)
	}
	_, err := scaler(s).RegisterScalableTarget(ctx, input)
	return err
}

// requested returns what is requested for a qualifier of fn, 0 if there is none.
func requested(t *testing.T, s *awslambdatest.Server, qualifier string) int32 {
	t.Helper()
	out, err := client(s).GetProvisionedConcurrencyConfig(t.Context(), &lambda.GetProvisionedConcurrencyConfigInput{
		FunctionName: aws.String("fn"), Qualifier: aws.String(qualifier),
	})
	if err != nil {
		return 0
	}
	return aws.ToInt32(out.RequestedProvisionedConcurrentExecutions)
}

// TestScalingRules are what Application Auto Scaling does beyond the model: what it refuses, and that it keeps within its bounds what
// anybody puts.
func TestScalingRules(t *testing.T) {
	t.Parallel()
	s := newServer(t, awslambdatest.Config{})
	for _, c := range []struct {
		qualifier string
		low, high int32
		code      string
	}{
		{"nobody", 1, 5, "ValidationException"},
		{"$LATEST", 1, 5, "ValidationException"},
		{"live", 1, -1, "ValidationException"}, // not registered yet
		{"live", -1, 5, "ValidationException"},
		{"live", 6, 5, "ValidationException"},
		{"live", 3, 5, ""},
		{"live", 6, -1, "ValidationException"},
		{"live", 4, -1, ""},
	} {
		err := register(t.Context(), s, c.qualifier, c.low, c.high)
		if c.code != "" {
			wantCode(t, err, c.code)
		} else if err != nil {
			t.Errorf("register %s %d %d: %v", c.qualifier, c.low, c.high, err)
		}
	}
	if n := requested(t, s, "live"); n != 0 {
		t.Errorf("%d are requested at once", n)
	}
	s.Advance(20 * time.Second)
	if n := requested(t, s, "live"); n != 4 {
		t.Errorf("%d are requested, want the minimum 4", n)
	}
	s.Advance(time.Hour)
	// What somebody puts outside the bounds is put back when it looks again.
	if err := put(t.Context(), client(s), "live", 9); err != nil {
		t.Fatal(err)
	}
	if err := register(t.Context(), s, "live", 4, 5); err != nil {
		t.Fatal(err)
	}
	s.Advance(time.Hour)
	if n := requested(t, s, "live"); n != 5 {
		t.Errorf("%d are requested, want the maximum 5", n)
	}
	if _, err := scaler(s).DescribeScalableTargets(t.Context(), &applicationautoscaling.DescribeScalableTargetsInput{
		ServiceNamespace: scalingtypes.ServiceNamespaceLambda, ResourceIds: []string{"function:fn:live"},
	}); err == nil {
		t.Error("resource ids without a dimension were taken")
	}
	out, err := scaler(s).DescribeScalableTargets(t.Context(), &applicationautoscaling.DescribeScalableTargetsInput{
		ServiceNamespace: scalingtypes.ServiceNamespaceDynamodb,
	})
	if err != nil || len(out.ScalableTargets) != 0 {
		t.Errorf("another namespace has %v, %v", out, err)
	}
}

// TestDeploymentRules are what AWS Lambda does with updates, versions and aliases.
func TestDeploymentRules(t *testing.T) {
	t.Parallel()
	s := newServer(t, awslambdatest.Config{})
	c, name := client(s), aws.String("fn")
	read := func(qualifier string) *lambda.GetFunctionConfigurationOutput {
		t.Helper()
		out, err := c.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: name, Qualifier: aws.String(qualifier)})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	update := func(mb int32, revision *string) error {
		_, err := c.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{
			FunctionName: name, MemorySize: aws.Int32(mb), RevisionId: revision,
		})
		return err
	}
	publish := func(revision, sha *string) (string, error) {
		out, err := c.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: name, RevisionId: revision, CodeSha256: sha})
		if err != nil {
			return "", err
		}
		return *out.Version, nil
	}
	move := func(version string, revision *string) error {
		_, err := c.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{
			FunctionName: name, Name: aws.String("live"), FunctionVersion: aws.String(version), RevisionId: revision,
		})
		return err
	}
	wantCode(t, update(1024, aws.String("another")), "PreconditionFailedException")
	if err := update(1024, read("$LATEST").RevisionId); err != nil {
		t.Fatal(err)
	}
	if got := read("$LATEST"); got.LastUpdateStatus != types.LastUpdateStatusInProgress || read("live").MemorySize == got.MemorySize {
		t.Errorf("after an update $LATEST is %s, and the alias has %d MB", got.LastUpdateStatus, *read("live").MemorySize)
	}
	wantCode(t, update(2048, nil), "ResourceConflictException")
	_, err := publish(nil, nil)
	wantCode(t, err, "ResourceConflictException")
	s.Advance(time.Minute)
	_, err = publish(aws.String("another"), nil)
	wantCode(t, err, "PreconditionFailedException")
	_, err = publish(nil, aws.String("another"))
	wantCode(t, err, "InvalidParameterValueException")
	version, err := publish(read("$LATEST").RevisionId, read("$LATEST").CodeSha256)
	if err != nil || version != "4" {
		t.Fatalf("published %s, %v; want 4", version, err)
	}
	if again, err := publish(nil, nil); err != nil || again != "4" {
		t.Errorf("publishing the same again gave %s, %v", again, err)
	}
	wantCode(t, move("4", nil), "ResourceConflictException") // pending
	s.Advance(time.Minute)
	if err := put(t.Context(), c, "live", 5); err != nil {
		t.Fatal(err)
	}
	wantCode(t, move("4", nil), "ResourceConflictException") // allocating
	s.Advance(time.Hour)
	wantCode(t, move("4", aws.String("another")), "PreconditionFailedException")
	wantCode(t, move("5", nil), "ResourceNotFoundException")
	if err := move("4", nil); err != nil {
		t.Fatal(err)
	}
	wantCode(t, put(t.Context(), c, "live", 6), "InvalidParameterValueException") // weights of AWS
	moving, err := c.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: name, Name: aws.String("live")})
	if err != nil || moving.RoutingConfig == nil || moving.RoutingConfig.AdditionalVersionWeights["1"] != 1 {
		t.Errorf("a moving alias is %+v, %v", moving, err)
	}
	s.Advance(time.Hour)
	if err := put(t.Context(), c, "live", 6); err != nil {
		t.Errorf("after the move: %v", err)
	}
	_, err = c.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: name, Timeout: aws.Int32(9)})
	wantCode(t, err, "InvalidParameterValueException") // the fake serves memory only
}

// TestReserveRules are what AWS Lambda does with reserved concurrency.
func TestReserveRules(t *testing.T) {
	t.Parallel()
	s := newServer(t, awslambdatest.Config{AccountLimit: 200})
	c := client(s)
	reserve := func(n int32) error {
		_, err := c.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{
			FunctionName: aws.String("fn"), ReservedConcurrentExecutions: aws.Int32(n),
		})
		return err
	}
	if err := put(t.Context(), c, "live", 20); err != nil {
		t.Fatal(err)
	}
	wantCode(t, reserve(19), "InvalidParameterValueException")
	wantCode(t, reserve(101), "InvalidParameterValueException")
	if err := reserve(100); err != nil {
		t.Errorf("reserve all that may be: %v", err)
	}
}

// TestMappingRules are what AWS Lambda does with event source mappings.
func TestMappingRules(t *testing.T) {
	t.Parallel()
	s := newServer(t, awslambdatest.Config{})
	s.AddMapping(t, mapping, "arn:aws:sqs:eu-west-1:123456789012:orders", "fn")
	c := client(s)
	remap := func(concurrency, low, high int32) error {
		input := &lambda.UpdateEventSourceMappingInput{UUID: aws.String(mapping)}
		if concurrency > 0 {
			input.ScalingConfig = &types.ScalingConfig{MaximumConcurrency: aws.Int32(concurrency)}
		}
		if low > 0 {
			input.ProvisionedPollerConfig = &types.ProvisionedPollerConfig{MinimumPollers: aws.Int32(low), MaximumPollers: aws.Int32(high)}
		}
		_, err := c.UpdateEventSourceMapping(t.Context(), input)
		return err
	}
	wantCode(t, remap(5, 2, 10), "InvalidParameterValueException")
	wantCode(t, remap(0, 10, 2), "InvalidParameterValueException")
	if err := remap(5, 0, 0); err != nil {
		t.Fatal(err)
	}
	wantCode(t, remap(6, 0, 0), "ResourceInUseException")
	s.Advance(time.Minute)
	wantCode(t, remap(0, 2, 10), "InvalidParameterValueException")
	wantCode(t, remap(1, 0, 0), "ValidationException")
	if v := s.TakeViolations(); len(v) != 1 || !strings.Contains(v[0], "outside [2, 1000]") {
		t.Errorf("violations %v for a concurrency of 1", v)
	}
	_, err := c.UpdateEventSourceMapping(t.Context(), &lambda.UpdateEventSourceMappingInput{UUID: aws.String(mapping), BatchSize: aws.Int32(5)})
	wantCode(t, err, "InvalidParameterValueException") // the fake serves scaling only
}
