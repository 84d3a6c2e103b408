package prometheus

import "pilotlight/models"

// lambda reads the metrics of AWS Lambda as YACE exports them from CloudWatch: gauges that each hold one period (set
// sample_period to it), durations in milliseconds. The matcher on the empty resource leaves out the copies per version and
// alias, which would count every invocation again. Concurrency is not the metric of CloudWatch, whose usual statistic is the
// maximum of a period, but the mean by Little's law: invocations times duration. CloudWatch has the memory of functions only with Lambda
// Insights, in a namespace of its own whose dimension has another name; without it these two queries give nothing.
func lambda() preset {
	const by = "account_id, region, dimension_FunctionName"
	const function = `dimension_FunctionName!="",dimension_Resource="",`
	invocations := overTime("sum", by, "avg_over_time", "aws_lambda_invocations_sum", function)
	duration := overTime("avg", by, "avg_over_time", "aws_lambda_duration_average", function)
	return preset{
		targetID: "${account_id}/${region}/${dimension_FunctionName}", group: "${account_id}",
		queries: [models.NumSignals]string{
			models.SignalInvocations: perPeriod(by, "aws_lambda_invocations_sum", function),
			models.SignalDuration:    duration + " / 1000",
			models.SignalConcurrency: invocations + " * " + duration + " / (1000 * ${period_seconds})",
			models.SignalErrors:      perPeriod(by, "aws_lambda_errors_sum", function),
			models.SignalMemory:      insight(by, "max", "max_over_time", "used_memory_max_maximum", "step"),
		},
		meta: [numMeta]string{metaMemory: insight(by, "max", "last_over_time", "total_memory_maximum", "window")},
	}
}

// insight is a metric of Lambda Insights, in MB, as YACE exports it from the namespace LambdaInsights.
func insight(by, outer, inner, metric, span string) string {
	return outer + " by (" + by + ") (label_replace(" + inner + "(aws_lambdainsights_" + metric + `{dimension_function_name!="",${selector}}[${` + span +
		`}]), "dimension_FunctionName", "$1", "dimension_function_name", "(.+)"))`
}

const (
	cloudRunBy     = "project_id, location, service_name"
	cloudRunID     = "${project_id}/${location}/${service_name}"
	cloudRunPrefix = "stackdriver_cloud_run_revision_run_googleapis_com_"
)

// cloudRun reads the metrics of Google Cloud Run from stackdriver_exporter with --monitoring.aggregate-deltas, which makes
// counters of what Cloud Monitoring calls DELTA metrics. Latencies are milliseconds. A start of a container is taken for a
// cold start.
func cloudRun() preset {
	const latency = cloudRunPrefix + "request_latencies"
	return preset{
		targetID: cloudRunID, group: "${project_id}",
		queries: [models.NumSignals]string{
			models.SignalInvocations: counted(cloudRunBy, cloudRunPrefix+"request_count", ""),
			models.SignalDuration: increase(cloudRunBy, latency+"_sum", "") + " / " +
				increase(cloudRunBy, latency+"_count", "") + " / 1000",
			models.SignalConcurrency: increase(cloudRunBy, latency+"_sum", "") + " / (1000 * ${window_seconds})",
			models.SignalErrors:      counted(cloudRunBy, cloudRunPrefix+"request_count", `response_code_class="5xx",`),
			models.SignalColdStarts:  counted(cloudRunBy, cloudRunPrefix+"container_startup_latencies_count", ""),
		},
		meta: cloudRunMeta(),
	}
}

// cloudRunMeta adds the mean time that containers took to start.
func cloudRunMeta() [numMeta]string {
	const start = cloudRunPrefix + "container_startup_latencies"
	meta := quantiles(cloudRunBy, cloudRunPrefix+"request_latencies", " / 1000")
	meta[metaColdStart] = increase(cloudRunBy, start+"_sum", "") + " / " + increase(cloudRunBy, start+"_count", "") + " / 1000"
	return meta
}

// cloudRunGauge reads the same metrics from stackdriver_exporter without that flag: every sample is the latest period alone,
// histograms included.
func cloudRunGauge() preset {
	const latency = cloudRunPrefix + "request_latencies"
	sum := overTime("sum", cloudRunBy, "avg_over_time", latency+"_sum", "")
	return preset{
		targetID: cloudRunID, group: "${project_id}",
		queries: [models.NumSignals]string{
			models.SignalInvocations: perPeriod(cloudRunBy, cloudRunPrefix+"request_count", ""),
			models.SignalDuration: sum + " / " + overTime("sum", cloudRunBy, "avg_over_time", latency+"_count", "") +
				" / 1000",
			models.SignalConcurrency: sum + " / (1000 * ${period_seconds})",
			models.SignalErrors:      perPeriod(cloudRunBy, cloudRunPrefix+"request_count", `response_code_class="5xx",`),
			models.SignalColdStarts:  perPeriod(cloudRunBy, cloudRunPrefix+"container_startup_latencies_count", ""),
		},
	}
}

// azure reads the metrics of Azure Functions as azure-metrics-exporter exports them, under its default metric name and with
// interval PT1M (set sample_period if it differs). The first name is that of the Consumption and Premium plans, the other
// two are of Flex Consumption. Azure measures durations only for functions that HTTP triggers: HttpResponseTime.
func azure() preset {
	const by = "subscriptionID, resourceGroup, resourceName"
	const metric = "azurerm_resource_metric"
	const executions = `aggregation="total",metric=~"FunctionExecutionCount|OnDemandFunctionExecutionCount|` +
		`AlwaysReadyFunctionExecutionCount",`
	return preset{
		targetID: "${resourceGroup}/${resourceName}", group: "${resourceGroup}",
		queries: [models.NumSignals]string{
			models.SignalInvocations: perPeriod(by, metric, executions),
			models.SignalDuration: overTime("avg", by, "avg_over_time", metric,
				`aggregation="average",metric="HttpResponseTime",`),
			models.SignalErrors: perPeriod(by, metric, `aggregation="total",metric="Http5xx",`),
			models.SignalMemory: overTime("max", by, "max_over_time", metric,
				`aggregation="average",metric=~"AverageMemoryWorkingSet|MemoryWorkingSet",`) + " / 1048576",
		},
	}
}
