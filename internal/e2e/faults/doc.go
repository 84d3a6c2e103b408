// Package faults is the fault matrix: the engine over every actuator, with each kind of error at each moment of a write, and with
// the process killed between intent and outcome. It never applies twice, loses no record, stays within the bounds, and
// writes nothing in dry-run mode.
//
// An actuator joins with one entry in subjects_test.go: a function that returns its adapter over its fake platform.
package faults
