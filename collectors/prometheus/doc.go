// Package prometheus collects series of functions from Prometheus, or from any store with the same HTTP API, by one PromQL
// query per signal for all targets of the collector.
//
// Time. Value i of a series covers the step from its start to its end, so a query is evaluated at the END of each step and
// its value is filed under the step's start. PromQL looks back from the time of evaluation, so nothing later than the end of
// a step can reach its value.
//
// Variables. Queries are templates. ${step} is the step as a PromQL duration, ${window} the range for increase() and rate(),
// ${selector} the configured extra label matchers; docs/collectors/prometheus.md has the whole list and says why the window
// is a millisecond longer than the step.
//
// Trust. Label values, warnings and error texts of the server are untrusted: they are checked, quoted and shortened before
// they reach an id, an error or a log line. URLs in errors carry neither user, password nor query.
package prometheus
