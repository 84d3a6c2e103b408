// Package policy turns load into capacity: what was measured and what is forecast become the number of warm instances and
// the keep-alive that cost least, and an ordered list of guards keeps the result within what an operator allows.
//
// Everything is decided by one exchange rate: a second of cold start is worth X GB-seconds of idle memory. One cold start is
// then worth B = X·cold/mem seconds of idling of one instance (see Spec). The rule and its derivation are in docs/policy.md.
//
// The package is pure: time is an argument, and the same facts and memory give the same decision.
package policy
