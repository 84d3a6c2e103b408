package prometheus

import "pilotlight/models"

// knative reads what the queue-proxy of Knative Serving 1.19 and later exports with request-metrics-protocol: prometheus,
// after the names of OpenTelemetry. The memory of instances comes from cAdvisor, whose pod name holds the configuration.
func knative() preset {
	const by = "k8s_namespace_name, kn_configuration_name"
	const seconds = "kn_serving_invocation_duration_seconds"
	return preset{
		targetID: "${k8s_namespace_name}/${kn_configuration_name}", group: "${k8s_namespace_name}",
		queries: [models.NumSignals]string{
			models.SignalInvocations: counted(by, seconds+"_count", ""),
			models.SignalDuration:    increase(by, seconds+"_sum", "") + " / " + increase(by, seconds+"_count", ""),
			models.SignalConcurrency: increase(by, seconds+"_sum", "") + " / ${window_seconds}",
			models.SignalErrors:      counted(by, seconds+"_count", `http_response_status_code=~"5..",`),
			models.SignalMemory:      podMemory("k8s_namespace_name", "kn_configuration_name"),
		},
		meta: quantiles(by, seconds, ""),
	}
}

// knativeLegacy reads the names of Knative Serving up to 1.18 (OpenCensus); its latencies are milliseconds.
func knativeLegacy() preset {
	const by = "namespace_name, configuration_name"
	const millis = "revision_app_request_latencies"
	return preset{
		targetID: "${namespace_name}/${configuration_name}", group: "${namespace_name}",
		queries: [models.NumSignals]string{
			models.SignalInvocations: counted(by, "revision_app_request_count", ""),
			models.SignalDuration: increase(by, millis+"_sum", "") + " / " + increase(by, millis+"_count", "") +
				" / 1000",
			models.SignalConcurrency: increase(by, millis+"_sum", "") + " / (1000 * ${window_seconds})",
			models.SignalErrors:      counted(by, "revision_app_request_count", `response_code_class="5xx",`),
			models.SignalMemory:      podMemory("namespace_name", "configuration_name"),
		},
		meta: quantiles(by, millis, " / 1000"),
	}
}

// podMemory is the most memory that an instance used within a step, in MB. Knative names the pods of a revision
// <configuration>-<five digits>-deployment-<hash>-<hash>.
func podMemory(namespace, configuration string) string {
	const pods = `container="user-container",pod=~".+-[0-9]{5}-deployment-.+",`
	return "max by (" + namespace + ", " + configuration + ") (label_replace(label_replace(max_over_time(" +
		"container_memory_working_set_bytes{" + pods + "${selector}}[${step}]), " +
		`"` + namespace + `", "$1", "namespace", "(.+)"), ` +
		`"` + configuration + `", "$1", "pod", "(.+)-[0-9]{5}-deployment-.+")) / 1048576`
}
