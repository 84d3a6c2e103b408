package app

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pilotlight/actuators"
	"pilotlight/actuators/awslambda"
	"pilotlight/actuators/azurefunctions"
	"pilotlight/actuators/cloudrun"
	"pilotlight/actuators/dryrun"
	"pilotlight/actuators/knative"
	"pilotlight/actuators/kubernetes"
	"pilotlight/actuators/openfaas"
	"pilotlight/actuators/published"
	"pilotlight/actuators/webhook"
	"pilotlight/collectors"
	promcollector "pilotlight/collectors/prometheus"
	"pilotlight/collectors/trace"
	"pilotlight/internal/config"
)

// env is what the process gives to the parts it builds.
type env struct {
	// ctx bounds what building may read, such as a file of credentials; it is not kept.
	ctx    context.Context //nolint:containedctx // it lives as long as the call it is made for
	logger *slog.Logger
	reg    prometheus.Registerer
	now    func() time.Time
	// aws is what the actuators of AWS share, such as the budget of requests of an account; build makes it.
	aws *awslambda.Shared
	// lookup looks a variable of the environment up.
	lookup func(name string) (string, bool)
	// dir is the folder of what must outlive the process.
	dir string
}

// collectorFactories is the list of collectors. To add one, add its folder and a line here.
func collectorFactories() []factory[collectors.Collector] {
	return []factory[collectors.Collector]{
		of("prometheus", promcollector.DefaultConfig, (*promcollector.Config).Validate,
			func(name string, c promcollector.Config, e env) (collectors.Collector, error) {
				return promcollector.New(name, c, e.logger, e.reg)
			}),
		of("trace", trace.DefaultConfig, (*trace.Config).Validate,
			func(name string, c trace.Config, _ env) (collectors.Collector, error) { return trace.New(name, c) }),
	}
}

// actuatorFactories is the list of actuators. To add one, add its folder and a line here.
func actuatorFactories() []factory[actuators.Actuator] {
	return []factory[actuators.Actuator]{
		of("dry_run", dryrun.DefaultConfig, validateBy[dryrun.Config],
			func(name string, c dryrun.Config, _ env) (actuators.Actuator, error) { return dryrun.New(name, c) }),
		of("aws_lambda", awslambda.DefaultConfig, validateBy[awslambda.Config],
			func(name string, c awslambda.Config, e env) (actuators.Actuator, error) {
				return awslambda.New(e.ctx, name, c, awslambda.Deps{Now: e.now, Shared: e.aws})
			}),
		of("aws_lambda_sqs", awslambda.DefaultQueuesConfig, validateBy[awslambda.QueuesConfig],
			func(name string, c awslambda.QueuesConfig, e env) (actuators.Actuator, error) {
				return awslambda.NewQueues(e.ctx, name, c, awslambda.Deps{Now: e.now, Shared: e.aws})
			}),
		of("azure_functions", azurefunctions.DefaultConfig, validateBy[azurefunctions.Config],
			func(name string, c azurefunctions.Config, e env) (actuators.Actuator, error) {
				return azurefunctions.New(name, c, e.now)
			}),
		of("cloud_run", cloudrun.DefaultConfig, validateBy[cloudrun.Config],
			func(name string, c cloudrun.Config, e env) (actuators.Actuator, error) {
				return cloudrun.New(name, c, e.now)
			}),
		of(kubernetes.TypeName, kubernetes.DefaultConfig, validateBy[kubernetes.Config],
			func(name string, c kubernetes.Config, e env) (actuators.Actuator, error) {
				return kubernetes.New(name, c, e.now)
			}),
		of(knative.TypeName, knative.DefaultConfig, validateBy[knative.Config],
			func(name string, c knative.Config, e env) (actuators.Actuator, error) {
				return knative.New(name, c, e.now)
			}),
		of("openfaas", openfaas.DefaultConfig, validateBy[openfaas.Config],
			func(name string, c openfaas.Config, e env) (actuators.Actuator, error) {
				return openfaas.New(name, c, e.now)
			}),
		of("published", published.DefaultConfig, nil,
			func(name string, _ published.Config, e env) (actuators.Actuator, error) {
				return published.New(name, filepath.Join(e.dir, "published-"+name+".jsonl")), nil
			}),
		of("webhook", webhook.DefaultConfig, validateBy[webhook.Config],
			func(name string, c webhook.Config, e env) (actuators.Actuator, error) {
				return webhook.New(name, c, webhook.Deps{Now: e.now, Lookup: e.lookup})
			}),
	}
}

// factory makes parts of one type. P is the contract that the parts fulfil.
type factory[P any] struct {
	kind   string
	decode config.Decoder
	build  func(name string, cfg any, e env) (P, error)
}

// of makes a factory from the functions of an adapter; C is the adapter's own configuration, so that none is decoded into a
// map and none is asserted by hand.
func of[C, P any](kind string, defaults func() C, validate func(*C) error, build func(string, C, env) (P, error)) factory[P] {
	return factory[P]{
		kind:   kind,
		decode: config.DecodeAs(defaults, validate),
		build: func(name string, cfg any, e env) (P, error) {
			c, ok := cfg.(C)
			if !ok {
				var none P
				return none, fmt.Errorf("%s %q: configuration is a %T", kind, name, cfg)
			}
			return build(name, c, e)
		},
	}
}

// validateBy adapts a Validate method of a value.
func validateBy[C interface{ Validate() error }](c *C) error { return (*c).Validate() }

// decoders returns the decoder of each type.
func decoders[P any](list []factory[P]) map[string]config.Decoder {
	all := make(map[string]config.Decoder, len(list))
	for _, f := range list {
		all[f.kind] = f.decode
	}
	return all
}

// construct builds a part by its type.
func construct[P any](list []factory[P], part config.Part, e env) (P, error) {
	for _, f := range list {
		if f.kind == part.Type {
			return f.build(part.Name, part.Config, e)
		}
	}
	var none P
	return none, fmt.Errorf("%q: there is no type %q", part.Name, part.Type)
}

// parts returns the decoders of all collectors and actuators, for the loader of the configuration.
func parts() config.Parts {
	return config.Parts{Collectors: decoders(collectorFactories()), Actuators: decoders(actuatorFactories())}
}
