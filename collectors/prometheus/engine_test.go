package prometheus

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"

	"pilotlight/collectors"
	"pilotlight/models"
)

// epoch is where promqltest loads the first sample.
var epoch = time.Unix(0, 0).UTC()

// engineTransport answers queries by the PromQL engine of Prometheus 3, which leaves the older end of a range out, over samples
// in the notation of promqltest.
func engineTransport(t *testing.T, samples string) transport {
	t.Helper()
	store := promqltest.LoadedStorage(t, samples)
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, Parser: newParser()})
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(r *http.Request) (*http.Response, error) {
		if err := r.ParseForm(); err != nil {
			return nil, err
		}
		query, err := parsedQuery(r.Context(), engine, store, r.URL.Path, r.Form)
		if err != nil {
			return nil, err
		}
		defer query.Close()
		result := query.Exec(r.Context())
		if result.Err != nil {
			return response(422, fmt.Sprintf(`{"status":"error","errorType":"execution","error":%q}`, result.Err)), nil
		}
		value, err := json.Marshal(result.Value)
		if err != nil {
			return nil, err
		}
		return response(200, fmt.Sprintf(`{"status":"success","data":{"resultType":%q,"result":%s}}`, result.Value.Type(), value)), nil
	}
}

func parsedQuery(ctx context.Context, engine *promql.Engine, store storage.Queryable, path string, form url.Values) (promql.Query, error) {
	at := func(name string) time.Time {
		v, _ := strconv.ParseFloat(form.Get(name), 64)
		return time.UnixMilli(int64(math.Round(v * 1000)))
	}
	if strings.HasSuffix(path, "/query") {
		return engine.NewInstantQuery(ctx, store, nil, form.Get("query"), at("time"))
	}
	return engine.NewRangeQuery(ctx, store, nil, form.Get("query"), at("start"), at("end"), at("step").Sub(epoch))
}

func engineCollector(t *testing.T, samples string, change func(*Config)) *Collector {
	t.Helper()
	cfg := DefaultConfig()
	cfg.URL = "http://engine.test"
	if change != nil {
		change(&cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	c, err := build("engine", cfg, nil, nil, engineTransport(t, samples))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func since(epochMinute, n int) collectors.Request {
	start := epoch.Add(time.Duration(epochMinute) * time.Minute)
	return collectors.Request{Start: start, End: start.Add(time.Duration(n) * time.Minute), Step: time.Minute, Signals: models.Signals()}
}

// TestPresetsGiveTheUnitsOfTheModel feeds each preset with what its exporter writes while a function runs 30 times a minute for
// 2 s, fails 3 times and starts cold 6 times, with 64 MB.
func TestPresetsGiveTheUnitsOfTheModel(t *testing.T) {
	t.Parallel()
	const run, cloud = "stackdriver_cloud_run_revision_run_googleapis_com_", `{project_id="p",location="l",service_name="s",`
	for _, test := range []struct {
		preset, samples string
		id              models.TargetID
		group           string
		want            map[models.Signal]float64
	}{
		{
			preset: presetGeneric, id: "f", group: "shop",
			samples: `load 30s
				function_invocations_total{function="f",app="shop",pod="1"} 0+10x20
				function_invocations_total{function="f",app="shop",pod="2"} 0+5x20
				function_duration_seconds_sum{function="f",app="shop"} 0+30x20
				function_duration_seconds_count{function="f",app="shop"} 0+15x20
				function_in_flight{function="f",app="shop"} 1+0x20
				function_errors_total{function="f",app="shop"} 0+1.5x20
				function_cold_starts_total{function="f",app="shop"} 0+3x20
				function_memory_bytes{function="f",app="shop",pod="1"} 67108864+0x20
				function_memory_bytes{function="f",app="shop",pod="2"} 33554432+0x20
				function_queue_depth{function="f",app="shop"} 4+0x20`,
			want: map[models.Signal]float64{
				models.SignalInvocations: 30, models.SignalDuration: 2, models.SignalConcurrency: 1, models.SignalErrors: 3,
				models.SignalColdStarts: 6, models.SignalMemory: 64, models.SignalQueueDepth: 4,
			},
		},
		{
			preset: presetKnative, id: "ns/hello", group: "ns",
			samples: `load 30s
				kn_serving_invocation_duration_seconds_count{k8s_namespace_name="ns",kn_configuration_name="hello",kn_revision_name="hello-00001",http_response_status_code="200"} 0+13.5x20
				kn_serving_invocation_duration_seconds_count{k8s_namespace_name="ns",kn_configuration_name="hello",kn_revision_name="hello-00002",http_response_status_code="503"} 0+1.5x20
				kn_serving_invocation_duration_seconds_sum{k8s_namespace_name="ns",kn_configuration_name="hello",kn_revision_name="hello-00001",http_response_status_code="200"} 0+30x20
				container_memory_working_set_bytes{namespace="ns",pod="hello-00001-deployment-7c9f5-abcde",container="user-container"} 67108864+0x20
				container_memory_working_set_bytes{namespace="ns",pod="hello-00001-deployment-7c9f5-abcde",container="queue-proxy"} 99999999+0x20
				container_memory_working_set_bytes{namespace="kube-system",pod="coredns-1",container="coredns"} 67108864+0x20`,
			want: map[models.Signal]float64{
				models.SignalInvocations: 30, models.SignalDuration: 2, models.SignalConcurrency: 1, models.SignalErrors: 3,
				models.SignalMemory: 64,
			},
		},
		{
			preset: presetKnativeLegacy, id: "ns/hello", group: "ns",
			samples: `load 30s
				revision_app_request_count{namespace_name="ns",configuration_name="hello",revision_name="hello-00001",response_code_class="2xx"} 0+13.5x20
				revision_app_request_count{namespace_name="ns",configuration_name="hello",revision_name="hello-00001",response_code_class="5xx"} 0+1.5x20
				revision_app_request_latencies_sum{namespace_name="ns",configuration_name="hello",revision_name="hello-00001"} 0+30000x20
				revision_app_request_latencies_count{namespace_name="ns",configuration_name="hello",revision_name="hello-00001"} 0+15x20
				container_memory_working_set_bytes{namespace="ns",pod="hello-00001-deployment-7c9f5-abcde",container="user-container"} 67108864+0x20`,
			want: map[models.Signal]float64{
				models.SignalInvocations: 30, models.SignalDuration: 2, models.SignalConcurrency: 1, models.SignalErrors: 3,
				models.SignalMemory: 64,
			},
		},
		{
			preset: presetOpenFaaS, id: "hello.openfaas-fn",
			samples: `load 30s
				gateway_function_invocation_total{function_name="hello.openfaas-fn",code="200"} 0+13.5x20
				gateway_function_invocation_total{function_name="hello.openfaas-fn",code="500"} 0+1.5x20
				gateway_functions_seconds_sum{function_name="hello.openfaas-fn"} 0+30x20
				gateway_functions_seconds_count{function_name="hello.openfaas-fn"} 0+15x20
				container_memory_working_set_bytes{namespace="openfaas-fn",pod="hello-7c9f5-abcde",container="hello"} 67108864+0x20
				container_memory_working_set_bytes{namespace="openfaas-fn",pod="hello-7c9f5-abcdf",container="hello"} 33554432+0x20
				container_memory_working_set_bytes{namespace="openfaas-fn",pod="hello-7c9f5-abcde"} 99999999+0x20
				container_memory_working_set_bytes{namespace="kube-system",pod="coredns-1",container="coredns"} 99999999+0x20`,
			want: map[models.Signal]float64{
				models.SignalInvocations: 30, models.SignalDuration: 2, models.SignalConcurrency: 1, models.SignalErrors: 3,
				models.SignalMemory: 64,
			},
		},
		{
			preset: presetLambda, id: "1/eu-west-1/f", group: "1",
			samples: `load 30s
				aws_lambda_invocations_sum{account_id="1",region="eu-west-1",dimension_FunctionName="f",name="arn"} 30+0x20
				aws_lambda_invocations_sum{account_id="1",region="eu-west-1",dimension_FunctionName="f",dimension_Resource="f:live"} 30+0x20
				aws_lambda_invocations_sum{account_id="1",region="eu-west-1"} 30+0x20
				aws_lambda_duration_average{account_id="1",region="eu-west-1",dimension_FunctionName="f"} 2000+0x20
				aws_lambda_errors_sum{account_id="1",region="eu-west-1",dimension_FunctionName="f"} 3+0x20
				aws_lambdainsights_used_memory_max_maximum{account_id="1",region="eu-west-1",dimension_function_name="f"} 64+0x20
				aws_lambdainsights_used_memory_max_maximum{account_id="1",region="eu-west-1",dimension_function_name="f",dimension_version="3"} 60+0x20`,
			want: map[models.Signal]float64{
				models.SignalInvocations: 30, models.SignalDuration: 2, models.SignalConcurrency: 1, models.SignalErrors: 3,
				models.SignalMemory: 64,
			},
		},
		{
			preset: presetCloudRun, id: "p/l/s", group: "p",
			samples: "load 30s\n" +
				run + "request_count" + cloud + `response_code_class="2xx"} 0+13.5x20` + "\n" +
				run + "request_count" + cloud + `response_code_class="5xx"} 0+1.5x20` + "\n" +
				run + "request_latencies_sum" + cloud + `unit="ms"} 0+30000x20` + "\n" +
				run + "request_latencies_count" + cloud + `unit="ms"} 0+15x20` + "\n" +
				run + "container_startup_latencies_count" + cloud + `unit="ms"} 0+3x20`,
			want: map[models.Signal]float64{
				models.SignalInvocations: 30, models.SignalDuration: 2, models.SignalConcurrency: 1, models.SignalErrors: 3,
				models.SignalColdStarts: 6,
			},
		},
		{
			preset: presetCloudRunGauge, id: "p/l/s", group: "p",
			samples: "load 30s\n" +
				run + "request_count" + cloud + `response_code_class="2xx"} 27+0x20` + "\n" +
				run + "request_count" + cloud + `response_code_class="5xx"} 3+0x20` + "\n" +
				run + "request_latencies_sum" + cloud + `unit="ms"} 60000+0x20` + "\n" +
				run + "request_latencies_count" + cloud + `unit="ms"} 30+0x20` + "\n" +
				run + "container_startup_latencies_count" + cloud + `unit="ms"} 6+0x20`,
			want: map[models.Signal]float64{
				models.SignalInvocations: 30, models.SignalDuration: 2, models.SignalConcurrency: 1, models.SignalErrors: 3,
				models.SignalColdStarts: 6,
			},
		},
		{
			preset: presetAzure, id: "rg/app", group: "rg",
			samples: `load 30s
				azurerm_resource_metric{subscriptionID="x",resourceGroup="rg",resourceName="app",metric="OnDemandFunctionExecutionCount",aggregation="total"} 20+0x20
				azurerm_resource_metric{subscriptionID="x",resourceGroup="rg",resourceName="app",metric="AlwaysReadyFunctionExecutionCount",aggregation="total"} 10+0x20
				azurerm_resource_metric{subscriptionID="x",resourceGroup="rg",resourceName="app",metric="AlwaysReadyFunctionExecutionCount",aggregation="maximum"} 9+0x20
				azurerm_resource_metric{subscriptionID="x",resourceGroup="rg",resourceName="app",metric="HttpResponseTime",aggregation="average"} 2+0x20
				azurerm_resource_metric{subscriptionID="x",resourceGroup="rg",resourceName="app",metric="Http5xx",aggregation="total"} 3+0x20
				azurerm_resource_metric{subscriptionID="x",resourceGroup="rg",resourceName="app",metric="MemoryWorkingSet",aggregation="average"} 67108864+0x20`,
			want: map[models.Signal]float64{
				models.SignalInvocations: 30, models.SignalDuration: 2, models.SignalErrors: 3, models.SignalMemory: 64,
			},
		},
	} {
		t.Run(test.preset, func(t *testing.T) {
			t.Parallel()
			c := engineCollector(t, test.samples, func(c *Config) { c.Preset = test.preset })
			got := mustCollect(t, c, since(5, 3))
			if len(got.Targets) != 1 || len(got.Problems) > 0 {
				t.Fatalf("%d targets, problems %q", len(got.Targets), problems(got))
			}
			target := got.Targets[0]
			if target.ID != test.id || target.Meta.Group != test.group {
				t.Errorf("target %q of group %q, want %q of %q", target.ID, target.Meta.Group, test.id, test.group)
			}
			values := map[models.Signal]float64{}
			for signal, series := range target.Series {
				if series.Len() > 0 {
					values[models.Signal(signal)] = series.At(1)
				}
			}
			if diff := cmp.Diff(test.want, values, cmpopts.EquateApprox(1e-6, 0)); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			// Twice the step gives twice the count.
			longer := since(4, 4)
			longer.Step = 2 * time.Minute
			if v := mustCollect(t, c, longer).Targets[0].Series[models.SignalInvocations].At(0); math.Abs(v-60) > 1e-3 {
				t.Errorf("invocations in two minutes: %v, want 60", v)
			}
		})
	}
}

// TestCountersSampledOncePerStep checks that counters are read exactly where there is just one sample per step, at its end,
// although Prometheus 3 leaves the sample at the older end of a range out: counts, a reset, a pause of the scrapes, and the
// end of the series.
func TestCountersSampledOncePerStep(t *testing.T) {
	t.Parallel()
	samples := "load 60s\n" + `function_invocations_total{function="f"} 100 103 103 1203 4 _ _ 10 12`
	got := mustCollect(t, engineCollector(t, samples, nil), since(0, 12))
	nan := math.NaN()
	want := []float64{3, 0, 1100, 4, nan, nan, nan, 2, nan, nan, nan, nan}
	if diff := cmp.Diff(want, got.Targets[0].Series[models.SignalInvocations].Values(), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

// TestWindow checks that a longer window serves counters that are scraped less often than twice per step.
func TestWindow(t *testing.T) {
	t.Parallel()
	// Scrapes drift: 65 s apart.
	samples := "load 65s\n" + `function_invocations_total{function="f"} 1000+65x20`
	for window, present := range map[time.Duration]int{0: 0, 3 * time.Minute: 10} {
		c := engineCollector(t, samples, func(c *Config) { c.Window = models.Duration(window) })
		got, err := c.Collect(t.Context(), since(5, 10))
		if present == 0 {
			if err == nil {
				t.Errorf("window %s: %v, want no data", window, got.Targets[0].Series[models.SignalInvocations].Values())
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		series := got.Targets[0].Series[models.SignalInvocations]
		for i, v := range series.Values() {
			if math.Abs(v-60) > 1e-6 {
				t.Errorf("window %s, minute %d: %v, want 60", window, i, v)
			}
		}
	}
}

// TestNoLookAhead checks on the engine that what comes later does not change a value.
func TestNoLookAhead(t *testing.T) {
	t.Parallel()
	common := "load 20s\n" + `function_invocations_total{function="f"} 0 5 9 9 14 20 28 28 28 28`
	memory := "\n" + `function_memory_bytes{function="f"} 1 2 3 4 5 6 7 8 9 10`
	short := mustCollect(t, engineCollector(t, common+memory, nil), since(0, 3))
	long := mustCollect(t, engineCollector(t, common+" 900 1800 5 6 7"+memory+" 1e9 1e9 1e9", nil), since(0, 3))
	for _, signal := range []models.Signal{models.SignalInvocations, models.SignalMemory} {
		if diff := cmp.Diff(short.Targets[0].Series[signal].Values(), long.Targets[0].Series[signal].Values(), cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s changes with later samples (-without +with):\n%s", signal, diff)
		}
	}
}
