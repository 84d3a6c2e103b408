// Package planted plants events into recorded traffic that are announced in words only, and compares what an honest advisor, one that
// is always wrong and a dead one are worth. Everything but the model and the platform is what the daemon runs: engine, policy,
// forecasters, the service of the advisor and its client over HTTP. The tests are slow and have the build tag planted.
package planted
