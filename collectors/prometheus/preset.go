package prometheus

import (
	"fmt"
	"strings"

	"pilotlight/models"
)

// The names of the presets.
const (
	presetGeneric       = "generic"
	presetKnative       = "knative"
	presetKnativeLegacy = "knative-legacy"
	presetOpenFaaS      = "openfaas"
	presetLambda        = "aws-lambda-yace"
	presetCloudRun      = "cloud-run-stackdriver"
	presetCloudRunGauge = "cloud-run-stackdriver-gauge"
	presetAzure         = "azure-functions"
	presetCustom        = "custom"
)

// preset is a set of queries for the metrics of one platform, and how its labels name a target.
type preset struct {
	targetID, group string
	queries         [models.NumSignals]string
	meta            [numMeta]string
}

// Presets returns the names of the presets. The last, custom, has no queries: all of them and target_id are to be configured.
func Presets() []string {
	return []string{
		presetGeneric, presetKnative, presetKnativeLegacy, presetOpenFaaS, presetLambda, presetCloudRun, presetCloudRunGauge,
		presetAzure, presetCustom,
	}
}

func presetNamed(name string) (preset, error) {
	switch name {
	case presetGeneric:
		return generic(), nil
	case presetKnative:
		return knative(), nil
	case presetKnativeLegacy:
		return knativeLegacy(), nil
	case presetOpenFaaS:
		return openFaaS(), nil
	case presetLambda:
		return lambda(), nil
	case presetCloudRun:
		return cloudRun(), nil
	case presetCloudRunGauge:
		return cloudRunGauge(), nil
	case presetAzure:
		return azure(), nil
	case presetCustom:
		return preset{}, nil
	}
	return preset{}, fmt.Errorf("%q is not one of %s: %w", clean(name), strings.Join(Presets(), ", "), models.ErrInvalid)
}

// increase is the growth of counters within a step, summed by labels; matchers may be empty or end with a comma.
func increase(by, metric, matchers string) string {
	return "sum by (" + by + ") (increase(" + metric + "{" + matchers + "${selector}}[${window}]))"
}

// counted is the increase as a number per step.
func counted(by, metric, matchers string) string {
	return increase(by, metric, matchers) + " * ${scale}"
}

// overTime aggregates a gauge over a step: over time by inner, then over series by outer. A window that ends with the step
// makes a gauge that is not written any more a gap instead of the last value once more.
func overTime(outer, by, inner, metric, matchers string) string {
	return outer + " by (" + by + ") (" + inner + "(" + metric + "{" + matchers + "${selector}}[${step}]))"
}

// perPeriod turns samples that each hold the count of one period into the count of a step. The mean of the samples times the
// number of periods in a step does not depend on how often the exporter was scraped.
func perPeriod(by, metric, matchers string) string {
	return overTime("sum", by, "avg_over_time", metric, matchers) + " * (${step_seconds}/${period_seconds})"
}

// generic reads the names that docs/collectors/prometheus.md suggests for own instrumentation and recording rules.
func generic() preset {
	const by = "function, app"
	return preset{
		targetID: "${function}", group: "${app}",
		queries: [models.NumSignals]string{
			models.SignalInvocations: counted(by, "function_invocations_total", ""),
			models.SignalDuration: increase(by, "function_duration_seconds_sum", "") + " / " +
				increase(by, "function_duration_seconds_count", ""),
			models.SignalConcurrency: overTime("sum", by, "avg_over_time", "function_in_flight", ""),
			models.SignalErrors:      counted(by, "function_errors_total", ""),
			models.SignalColdStarts:  counted(by, "function_cold_starts_total", ""),
			models.SignalMemory:      overTime("max", by, "max_over_time", "function_memory_bytes", "") + " / 1048576",
			models.SignalQueueDepth:  overTime("sum", by, "avg_over_time", "function_queue_depth", ""),
		},
		meta: quantiles(by, "function_duration_seconds", ""),
	}
}

// openFaaS reads the metrics of the OpenFaaS gateway. function_name holds name.namespace.
func openFaaS() preset {
	const by = "function_name"
	return preset{
		targetID: "${function_name}",
		queries: [models.NumSignals]string{
			models.SignalInvocations: counted(by, "gateway_function_invocation_total", ""),
			models.SignalDuration: increase(by, "gateway_functions_seconds_sum", "") + " / " +
				increase(by, "gateway_functions_seconds_count", ""),
			models.SignalConcurrency: increase(by, "gateway_functions_seconds_sum", "") + " / ${window_seconds}",
			models.SignalErrors:      counted(by, "gateway_function_invocation_total", `code=~"5..",`),
			// A container has the name of its function. Those of other pods are left out: the gateway does not know them.
			models.SignalMemory: "max by (" + by + ") (label_join(max_over_time(" +
				`container_memory_working_set_bytes{container!="",${selector}}[${step}]), "function_name", ".", "container", "namespace"))` +
				" / 1048576 and on (" + by + ") gateway_function_invocation_total{${selector}}",
		},
		meta: quantiles(by, "gateway_functions_seconds", ""),
	}
}
