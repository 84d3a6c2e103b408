// Package app is the composition root: it holds the lists of collectors and actuators, builds the engine from configuration,
// and runs each command's work. A new collector, forecaster or actuator is one new file or folder and one line in a list
// (components.go here, models.go in predictor).
package app
