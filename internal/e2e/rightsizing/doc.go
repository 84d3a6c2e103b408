// Package rightsizing tests right-sizing from samples to the cloud: the engine, the actuator of AWS Lambda with all its decorators, and a
// strict fake of AWS. It has no code besides the test.
package rightsizing
