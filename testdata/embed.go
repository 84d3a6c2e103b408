// Package testdata holds small real data sets for the demo and the tests; each folder's README gives source and licence.
package testdata

import "embed"

// Traces are recorded traces of functions, in the folders traces/NAME.
//
//go:embed traces
var Traces embed.FS
