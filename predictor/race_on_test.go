//go:build race

package predictor_test

// raceDetector says that the tests run under the race detector, which makes every object larger.
const raceDetector = true
