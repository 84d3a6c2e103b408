package awslambdatest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"pilotlight/actuators/awslambda/awslambdatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	path      = "/2019-09-30/functions/fn/provisioned-concurrency"
	signature = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260302/eu-west-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature="
)

// mapping is the identifier of an event source mapping.
const mapping = "14e0db71-5d35-4eb5-b481-8945cf9d10c2"

// scalingRequest makes a request one to Application Auto Scaling.
func scalingRequest(op string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", "AnyScaleFrontendService."+op)
		r.Header.Set("Authorization", strings.Replace(signature, "/lambda/", "/application-autoscaling/", 1)+strings.Repeat("0", 64))
	}
}

// newServer returns a server with the function fn, versions 1 to 3, and alias live on version 1.
func newServer(t *testing.T, config awslambdatest.Config) *awslambdatest.Server {
	t.Helper()
	s := awslambdatest.New(t, config)
	s.AddFunction(t, "fn", 3)
	s.PutAlias(t, "fn", "live", "1", nil)
	return s
}

// send sends a request that is valid but for what edit changes, and returns status, error type and body.
func send(t *testing.T, s *awslambdatest.Server, method, url, body string, edit func(*http.Request)) (status int, kind, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Date", "20260302T120000Z")
	r.Header.Set("Authorization", signature+strings.Repeat("0", 64))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if edit != nil {
		edit(r)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("X-Amzn-Errortype"), string(data)
}

// TestStrictness breaks the model and the signature in every way that is looked for.
func TestStrictness(t *testing.T) {
	t.Parallel()
	const good = `{"ProvisionedConcurrentExecutions":5}`
	put := path + "?Qualifier=live"
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	sign := func(text string) func(*http.Request) { return header("Authorization", text) }
	for name, c := range map[string]struct {
		method, url, body string
		edit              func(*http.Request)
		status            int
		violation         string
	}{
		"good":            {method: "PUT", url: put, body: good, status: 202},
		"unknown path":    {method: "PUT", url: "/2019-09-30/functions/fn/x", body: good, status: 404, violation: "no known operation"},
		"wrong method":    {method: "POST", url: put, body: good, status: 404, violation: "no known operation"},
		"old version":     {method: "PUT", url: strings.Replace(put, "2019", "2018", 1), body: good, status: 404, violation: "no known operation"},
		"no qualifier":    {method: "PUT", url: path, body: good, status: 400, violation: "Qualifier: required, but missing"},
		"twice":           {method: "PUT", url: put + "&Qualifier=2", body: good, status: 400, violation: "given 2 times"},
		"unknown query":   {method: "PUT", url: put + "&Force=1", body: good, status: 400, violation: "query Force: unknown"},
		"bad qualifier":   {method: "PUT", url: path + "?Qualifier=a.b", body: good, status: 400, violation: "does not match"},
		"long qualifier":  {method: "PUT", url: path + "?Qualifier=" + strings.Repeat("x", 129), body: good, status: 400, violation: "length 129"},
		"bad function":    {method: "PUT", url: strings.Replace(put, "/fn/", "/f%20n/", 1), body: good, status: 400, violation: "FunctionName"},
		"zero":            {method: "PUT", url: put, body: `{"ProvisionedConcurrentExecutions":0}`, status: 400, violation: "0 is outside [1, +Inf]"},
		"missing member":  {method: "PUT", url: put, body: `{}`, status: 400, violation: "ProvisionedConcurrentExecutions: required"},
		"null member":     {method: "PUT", url: put, body: `{"ProvisionedConcurrentExecutions":null}`, status: 400, violation: "<nil> is no integer"},
		"fraction":        {method: "PUT", url: put, body: `{"ProvisionedConcurrentExecutions":1.5}`, status: 400, violation: "is no integer"},
		"text":            {method: "PUT", url: put, body: `{"ProvisionedConcurrentExecutions":"5"}`, status: 400, violation: "is no integer"},
		"list":            {method: "PUT", url: put, body: `{"ProvisionedConcurrentExecutions":[5]}`, status: 400, violation: "is no integer"},
		"object":          {method: "PUT", url: put, body: `{"ProvisionedConcurrentExecutions":{}}`, status: 400, violation: "is no integer"},
		"too large":       {method: "PUT", url: put, body: `{"ProvisionedConcurrentExecutions":2147483648}`, status: 400, violation: "is no integer"},
		"unknown member":  {method: "PUT", url: put, body: `{"ProvisionedConcurrentExecutions":5,"Force":true}`, status: 400, violation: "body.Force: unknown member"},
		"label in body":   {method: "PUT", url: put, body: `{"ProvisionedConcurrentExecutions":5,"Qualifier":"2"}`, status: 400, violation: "body.Qualifier: unknown member"},
		"no JSON":         {method: "PUT", url: put, body: `five`, status: 400, violation: "body:"},
		"more JSON":       {method: "PUT", url: put, body: good + good, status: 400, violation: "more after the JSON object"},
		"large body":      {method: "PUT", url: put, body: good + strings.Repeat(" ", 1<<16), status: 400, violation: "larger than"},
		"content type":    {method: "PUT", url: put, body: good, edit: header("Content-Type", "text/plain"), status: 400, violation: "content type"},
		"body of a read":  {method: "GET", url: put, body: good, status: 400, violation: "the operation has none"},
		"page size":       {method: "GET", url: path + "?List=ALL&MaxItems=51", status: 400, violation: "51 is outside [1, 50]"},
		"page size text":  {method: "GET", url: path + "?List=ALL&MaxItems=many", status: 400, violation: "is no integer"},
		"list with alias": {method: "GET", url: path + "?List=ALL&Qualifier=live", status: 400, violation: "query Qualifier: unknown"},
		"numeric alias":   {method: "GET", url: "/2015-03-31/functions/fn/aliases/12", status: 400, violation: "does not match"},
		"unsigned":        {method: "PUT", url: put, body: good, edit: sign(""), status: 403, violation: "no Authorization header"},
		"basic auth":      {method: "PUT", url: put, body: good, edit: sign("Basic QUtJQTpz"), status: 400, violation: "not the form"},
		"short signature": {method: "PUT", url: put, body: good, edit: sign(signature + "00"), status: 400, violation: "not the form"},
		"other region": {
			method: "PUT", url: put, body: good, status: 400, violation: "signed for lambda in us-east-1",
			edit: sign(strings.Replace(signature, "eu-west-1", "us-east-1", 1) + strings.Repeat("0", 64)),
		},
		"other service": {
			method: "PUT", url: put, body: good, status: 400, violation: "signed for s3",
			edit: sign(strings.Replace(signature, "lambda", "s3", 1) + strings.Repeat("0", 64)),
		},
		"other day": {method: "PUT", url: put, body: good, edit: header("X-Amz-Date", "20260303T120000Z"), status: 400, violation: "is not on the day"},
		"no date":   {method: "PUT", url: put, body: good, edit: header("X-Amz-Date", ""), status: 400, violation: "is no time"},
		"date not signed": {
			method: "PUT", url: put, body: good, status: 400, violation: "not sorted with host and x-amz-date",
			edit: sign(strings.Replace(signature, ";x-amz-date", "", 1) + strings.Repeat("0", 64)),
		},
		"signed header missing": {
			method: "PUT", url: put, body: good, status: 400, violation: "signed header x-amz-zz is not there",
			edit: sign(strings.Replace(signature, "x-amz-date", "x-amz-date;x-amz-zz", 1) + strings.Repeat("0", 64)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, awslambdatest.Config{})
			status, _, _ := send(t, s, c.method, c.url, c.body, c.edit)
			violations := strings.Join(s.TakeViolations(), "\n")
			if status != c.status || (violations == "") != (c.violation == "") || !strings.Contains(violations, c.violation) {
				t.Errorf("status %d and violations %q, want %d and %q", status, violations, c.status, c.violation)
			}
			if c.violation != "" && s.Writes() != 0 {
				t.Error("a request against the model was carried out")
			}
		})
	}
}

// TestAnswersAreChecked has the server answer with what the model forbids.
func TestAnswersAreChecked(t *testing.T) {
	t.Parallel()
	s := newServer(t, awslambdatest.Config{})
	s.Inject(1, awslambdatest.Conflict().On("GetAlias"))
	send(t, s, "GET", "/2015-03-31/functions/fn/aliases/live", "", nil)
	if v := s.TakeViolations(); len(v) != 1 || !strings.Contains(v[0], "GetAlias must not answer with ResourceConflictException") {
		t.Errorf("violations %v for an error that the operation does not have", v)
	}
	s.PutAlias(t, "fn", "odd", "1", map[string]float64{"two": 1.5})
	send(t, s, "GET", "/2015-03-31/functions/fn/aliases/odd", "", nil)
	v := strings.Join(s.TakeViolations(), "\n")
	for _, want := range []string{`"two" does not match ^[0-9]+$`, "1.5 is outside [0, 1]"} {
		if !strings.Contains(v, want) {
			t.Errorf("violations %q, want %q among them", v, want)
		}
	}
}

// client returns the SDK's client for the server.
func client(s *awslambdatest.Server) *lambda.Client {
	return lambda.New(lambda.Options{
		Region: awslambdatest.Region, BaseEndpoint: aws.String(s.URL()), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "not-a-secret", ""),
	})
}

func put(ctx context.Context, c *lambda.Client, qualifier string, n int32) error {
	_, err := c.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{
		FunctionName: aws.String("fn"), Qualifier: aws.String(qualifier), ProvisionedConcurrentExecutions: aws.Int32(n),
	})
	return err
}

// TestListPages pages through configurations with the SDK's own paginator.
func TestListPages(t *testing.T) {
	t.Parallel()
	s := newServer(t, awslambdatest.Config{})
	s.AddFunction(t, "fn", 7)
	c := client(s)
	for i := range 7 {
		if err := put(t.Context(), c, strconv.Itoa(i+1), int32(i)+1); err != nil {
			t.Fatal(err)
		}
	}
	pages := lambda.NewListProvisionedConcurrencyConfigsPaginator(c, &lambda.ListProvisionedConcurrencyConfigsInput{
		FunctionName: aws.String("fn"), MaxItems: aws.Int32(3),
	})
	var got []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.ProvisionedConcurrencyConfigs {
			arn := aws.ToString(item.FunctionArn)
			got = append(got, fmt.Sprintf("%s=%d", arn[strings.LastIndex(arn, ":")+1:], aws.ToInt32(item.RequestedProvisionedConcurrentExecutions)))
		}
	}
	if diff := cmp.Diff([]string{"1=1", "2=2", "3=3", "4=4", "5=5", "6=6", "7=7"}, got); diff != "" {
		t.Errorf("configurations (-want +got):\n%s", diff)
	}
	if n := s.CallsOf("ListProvisionedConcurrencyConfigs"); n != 3 {
		t.Errorf("%d pages, want 3", n)
	}
	_, err := c.ListProvisionedConcurrencyConfigs(t.Context(), &lambda.ListProvisionedConcurrencyConfigsInput{
		FunctionName: aws.String("fn"), Marker: aws.String("nowhere"),
	})
	wantCode(t, err, "InvalidParameterValueException")
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("got error %v, want code %s", err, code)
	}
}

// TestRules are what the service does beyond the model.
func TestRules(t *testing.T) {
	t.Parallel()
	s := newServer(t, awslambdatest.Config{AccountLimit: 200})
	s.PutAlias(t, "fn", "twin", "1", nil)
	s.PutAlias(t, "fn", "split", "2", map[string]float64{"3": 0.5})
	s.PutAlias(t, "fn", "raw", "$LATEST", nil)
	c := client(s)
	for _, step := range []struct {
		qualifier string
		n         int32
		code      string
	}{
		{"nobody", 1, "ResourceNotFoundException"},
		{"4", 1, "ResourceNotFoundException"},
		{"$LATEST", 1, "InvalidParameterValueException"},
		{"raw", 1, "InvalidParameterValueException"},
		{"split", 1, "InvalidParameterValueException"},
		{"live", 101, "InvalidParameterValueException"},
		{"live", 60, ""},
		{"live", 61, "ResourceConflictException"}, // in progress
		{"twin", 1, "ResourceConflictException"},
		{"1", 1, "ResourceConflictException"},
		{"3", 41, "InvalidParameterValueException"},
		{"3", 40, ""},
	} {
		err := put(t.Context(), c, step.qualifier, step.n)
		if step.code != "" {
			wantCode(t, err, step.code)
		} else if err != nil {
			t.Errorf("put %d of %s: %v", step.n, step.qualifier, err)
		}
	}
	s.Reserve(t, "fn", 50)
	s.Advance(time.Hour)
	wantCode(t, put(t.Context(), c, "live", 11), "InvalidParameterValueException")
	if err := put(t.Context(), c, "live", 10); err != nil {
		t.Errorf("put within the reserve: %v", err)
	}
	remove := func(qualifier string) error {
		_, err := c.DeleteProvisionedConcurrencyConfig(t.Context(), &lambda.DeleteProvisionedConcurrencyConfigInput{
			FunctionName: aws.String("fn"), Qualifier: aws.String(qualifier),
		})
		return err
	}
	wantCode(t, remove("live"), "ResourceConflictException")
	s.Advance(time.Hour)
	for range 2 {
		if err := remove("live"); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	_, err := c.GetProvisionedConcurrencyConfig(t.Context(), &lambda.GetProvisionedConcurrencyConfigInput{
		FunctionName: aws.String("fn"), Qualifier: aws.String("live"),
	})
	if _, none := errors.AsType[*types.ProvisionedConcurrencyConfigNotFoundException](err); !none {
		t.Errorf("after the delete: %v", err)
	}
	if n := s.Writes(); n != 4 {
		t.Errorf("%d writes, want 4", n)
	}
}

// TestEveryOperationIsServed makes sure that no operation of the extract is forgotten.
func TestEveryOperationIsServed(t *testing.T) {
	t.Parallel()
	s := newServer(t, awslambdatest.Config{})
	urls := map[string][3]string{
		"PutProvisionedConcurrencyConfig":    {"PUT", path + "?Qualifier=live", `{"ProvisionedConcurrentExecutions":5}`},
		"GetProvisionedConcurrencyConfig":    {"GET", path + "?Qualifier=live", ""},
		"ListProvisionedConcurrencyConfigs":  {"GET", path + "?List=ALL", ""},
		"DeleteProvisionedConcurrencyConfig": {"DELETE", path + "?Qualifier=live", ""},
		"GetAlias":                           {"GET", "/2015-03-31/functions/fn/aliases/live", ""},
		"GetAccountSettings":                 {"GET", "/2016-08-19/account-settings", ""},
		"GetFunctionConcurrency":             {"GET", "/2019-09-30/functions/fn/concurrency", ""},
		"PutFunctionConcurrency":             {"PUT", "/2017-10-31/functions/fn/concurrency", `{"ReservedConcurrentExecutions":50}`},
		"DeleteFunctionConcurrency":          {"DELETE", "/2017-10-31/functions/fn/concurrency", ""},
		"GetFunctionConfiguration":           {"GET", "/2015-03-31/functions/fn/configuration?Qualifier=live", ""},
		"UpdateFunctionConfiguration":        {"PUT", "/2015-03-31/functions/fn/configuration", `{"MemorySize":1024}`},
		"PublishVersion":                     {"POST", "/2015-03-31/functions/fn/versions", `{}`},
		"UpdateAlias":                        {"PUT", "/2015-03-31/functions/fn/aliases/live", `{"FunctionVersion":"2"}`},
		"TagResource":                        {"POST", "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Afn", `{"Tags":{"a":"b"}}`},
		"UntagResource":                      {"DELETE", "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Afn?tagKeys=a", ""},
		"GetEventSourceMapping":              {"GET", "/2015-03-31/event-source-mappings/" + mapping, ""},
		"UpdateEventSourceMapping":           {"PUT", "/2015-03-31/event-source-mappings/" + mapping, `{"ScalingConfig":{"MaximumConcurrency":5}}`},
		"RegisterScalableTarget":             {"", "", `{"ServiceNamespace":"lambda","ScalableDimension":"lambda:function:ProvisionedConcurrency","ResourceId":"function:fn:3","MinCapacity":0,"MaxCapacity":5}`},
		"DescribeScalableTargets":            {"", "", `{"ServiceNamespace":"lambda"}`},
	}
	s.AddMapping(t, mapping, "arn:aws:sqs:eu-west-1:123456789012:orders", "fn")
	// The put comes first, and must have settled before the delete.
	names := s.Operations()
	slices.Reverse(names)
	for _, name := range names {
		request, ok := urls[name]
		if !ok {
			t.Errorf("the test does not know %s", name)
			continue
		}
		var edit func(*http.Request)
		if request[0] == "" {
			request[0], request[1], edit = "POST", "/", scalingRequest(name)
		}
		status, kind, answer := send(t, s, request[0], request[1], request[2], edit)
		if status/100 != 2 {
			t.Errorf("%s: status %d %s %s", name, status, kind, answer)
		}
		if answer != "" && !json.Valid([]byte(answer)) {
			t.Errorf("%s answers %q", name, answer)
		}
		s.Advance(time.Hour)
	}
}
