package awslambda

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go/logging"
	"golang.org/x/time/rate"

	"pilotlight/actuators"
	"pilotlight/models"
)

// Connection is how an account and region are reached, and how often.
type Connection struct {
	// Region is the AWS region; empty takes it from the environment or the profile.
	Region string `yaml:"region"`
	// AccountID is the account whose budget of requests is shared; empty takes it from the credentials where they tell. Actuators that do
	// not know their account share the budget of their region.
	AccountID string `yaml:"account_id"`
	// Profile is the profile of the shared configuration; empty takes AWS_PROFILE or the default one. A profile may
	// assume a role.
	Profile string `yaml:"profile"`
	// ConfigFiles and CredentialsFiles replace ~/.aws/config and ~/.aws/credentials.
	ConfigFiles      []string `yaml:"config_files"`
	CredentialsFiles []string `yaml:"credentials_files"`
	// Endpoint replaces the address of the service, such as that of a VPC endpoint; empty is the public one of the region.
	Endpoint string `yaml:"endpoint"`
	// Requests bounds the requests per second of all actuators for the account and region together; the smallest of theirs
	// holds. All requests to the control plane of an account and region, whoever makes them, share 15 per second.
	Requests actuators.RateLimitConfig `yaml:"requests"`
}

// SetDirectory makes relative names of files ones below the folder of the configuration file. The slices are replaced, not
// changed: other copies of the configuration share them.
func (c *Connection) SetDirectory(dir string) {
	c.ConfigFiles, c.CredentialsFiles = below(dir, c.ConfigFiles), below(dir, c.CredentialsFiles)
}

// below returns the paths, relative ones below dir.
func below(dir string, paths []string) []string {
	out := slices.Clone(paths)
	for i, p := range out {
		if p != "" && !filepath.IsAbs(p) {
			out[i] = filepath.Join(dir, p)
		}
	}
	return out
}

// maxPerSecond is how many requests per second the control plane of an account takes in a region; AWS does not raise it.
const maxPerSecond = 15

// defaultConnection is that of the environment, with 10 requests per second: rate and burst together are what the busiest second can hold,
// which is no more than maxPerSecond.
func defaultConnection() Connection {
	return Connection{Requests: actuators.RateLimitConfig{PerSecond: 10, Burst: 5}}
}

// validate says all that is wrong.
func (c *Connection) validate() []error {
	var errs []error
	if err := c.Requests.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("requests: %w", err))
	}
	if c.Requests.PerSecond > maxPerSecond {
		errs = append(errs, fmt.Errorf("requests: per_second %v is above %d, which is all that AWS allows an account in a region: %w",
			c.Requests.PerSecond, maxPerSecond, models.ErrInvalid))
	}
	if c.AccountID != "" && !isAccountID(c.AccountID) {
		errs = append(errs, fmt.Errorf("account_id %q is not 12 digits in quotes: %w", c.AccountID, models.ErrInvalid))
	}
	if err := checkEndpoint("endpoint", c.Endpoint); err != nil {
		errs = append(errs, err)
	}
	return errs
}

func isAccountID(text string) bool {
	return len(text) == 12 && !slices.ContainsFunc([]byte(text), func(b byte) bool { return b < '0' || b > '9' })
}

// checkEndpoint says why an address cannot be an endpoint. It does not repeat the address, which may hold a password.
func checkEndpoint(key, endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "":
		return fmt.Errorf("%s is not an address like https://lambda.eu-west-1.amazonaws.com: %w", key, models.ErrInvalid)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%s must have no user, query or fragment: %w", key, models.ErrInvalid)
	}
	return nil
}

// Deps are what an actuator needs from the program.
type Deps struct {
	// Now is the clock for remembering what was read.
	Now func() time.Time
	// Shared is that of the process.
	Shared *Shared
}

// link reaches an account and region. It is safe for concurrent use.
type link struct {
	config      Connection
	region      string
	credentials aws.CredentialsProvider
	lambda      *lambda.Client
	scaling     *applicationautoscaling.Client
	now         func() time.Time
	shared      *Shared
}

// connect returns the link of an actuator. It reads the environment and the shared configuration files of AWS as all AWS tools do,
// and makes no request. The SDK's own retries are off.
func connect(ctx context.Context, config Connection, scalingEndpoint string, deps Deps) (*link, error) {
	if deps.Now == nil || deps.Shared == nil {
		return nil, fmt.Errorf("a clock and what is shared are needed: %w", models.ErrInvalid)
	}
	options := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithAppID("pilotlight"),
		awsconfig.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		// What the SDK would log to the standard error is returned as an error too.
		awsconfig.WithLogger(logging.Nop{}),
	}
	if config.Region != "" {
		options = append(options, awsconfig.WithRegion(config.Region))
	}
	if config.Profile != "" {
		options = append(options, awsconfig.WithSharedConfigProfile(config.Profile))
	}
	if len(config.ConfigFiles) > 0 {
		options = append(options, awsconfig.WithSharedConfigFiles(config.ConfigFiles))
	}
	if len(config.CredentialsFiles) > 0 {
		options = append(options, awsconfig.WithSharedCredentialsFiles(config.CredentialsFiles))
	}
	loaded, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	if loaded.Region == "" {
		return nil, fmt.Errorf("no AWS region; set region here or AWS_REGION: %w", models.ErrInvalid)
	}
	l := &link{config: config, region: loaded.Region, credentials: markedCredentials{loaded.Credentials}, now: deps.Now, shared: deps.Shared}
	l.lambda = lambda.NewFromConfig(loaded, func(o *lambda.Options) {
		o.Credentials = l.credentials
		if config.Endpoint != "" {
			o.BaseEndpoint = aws.String(config.Endpoint)
		}
	})
	l.scaling = applicationautoscaling.NewFromConfig(loaded, func(o *applicationautoscaling.Options) {
		o.Credentials = l.credentials
		if scalingEndpoint != "" {
			o.BaseEndpoint = aws.String(scalingEndpoint)
		}
	})
	return l, nil
}

// area returns what is shared with the other actuators of the account and region.
func (l *link) area(ctx context.Context) (*area, error) {
	key := areaKey{account: l.config.AccountID, region: l.region}
	if key.account == "" {
		credentials, err := l.credentials.Retrieve(ctx)
		if err != nil {
			return nil, err
		}
		key.account = credentials.AccountID
	}
	return l.shared.of(key, l.config.Requests), nil
}

// request waits for its turn, sends one request to AWS Lambda that only reads, and classifies its error.
func request[T any](ctx context.Context, l *link, op string, send func(context.Context) (T, error)) (T, error) {
	return requestAt(ctx, l, ofLambda, op, send)
}

// write is like request for one that writes: it asks once more whether it may.
func write[T any](ctx context.Context, l *link, op string, send func(context.Context) (T, error)) (T, error) {
	return writeAt(ctx, l, ofLambda, op, send)
}

// ofLambda and ofScaling choose the budget of a service.
func ofLambda(a *area) *rate.Limiter  { return a.lambda }
func ofScaling(a *area) *rate.Limiter { return a.scaling }

// turn waits for the turn of a request.
func (l *link) turn(ctx context.Context, budget func(*area) *rate.Limiter) error {
	if err := actuators.Ended(ctx); err != nil {
		return err
	}
	shared, err := l.area(ctx)
	if err != nil {
		return err
	}
	return actuators.AwaitTurn(ctx, budget(shared))
}

func requestAt[T any](
	ctx context.Context, l *link, budget func(*area) *rate.Limiter, op string, send func(context.Context) (T, error),
) (T, error) {
	var out T
	err := l.turn(ctx, budget)
	if err == nil {
		out, err = send(ctx)
	}
	return out, l.classify(ctx, op, err)
}

func writeAt[T any](
	ctx context.Context, l *link, budget func(*area) *rate.Limiter, op string, send func(context.Context) (T, error),
) (T, error) {
	var out T
	err := l.turn(ctx, budget)
	if err == nil {
		if held := actuators.MayWrite(ctx); held != nil && ctx.Err() == nil {
			return out, held
		}
		out, err = send(ctx)
	}
	return out, l.classify(ctx, op, err)
}

// refused is an error of this package's own.
func refused(kind models.ErrorKind, op, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if kind == models.KindInvalid && !errors.Is(err, models.ErrInvalid) {
		err = fmt.Errorf("%w: %w", err, models.ErrInvalid)
	}
	return &actuators.Error{Kind: kind, Op: op, Err: err}
}
