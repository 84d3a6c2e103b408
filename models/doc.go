// Package models holds the domain types of Pilotlight: the one language that collectors, predictor, policy, actuators,
// engine, journal and API speak. It imports the standard library only.
//
// Values are valid once built: constructors check and normalise, and fields that could break an invariant are unexported.
// Zero, absent and unknown are three different things: a missing sample is a gap (NaN inside a Series, an error outside),
// a lever that is not set is absent from a Capacity, and the sentinel errors say why something is unknown.
//
// Units: durations are time.Duration (seconds in JSON), memory is MB of 1024*1024 bytes, times are UTC.
package models
