// Package engine is the one code path of Pilotlight: Step collects what was measured, forecasts, decides and, if the mode
// permits, acts. The daemon ticks it; replay, backtest and demo loop it over recorded time.
//
// One Step runs at a time, and inside it one goroutine at a time owns a target (unit). An operator's approval takes the
// same ownership. Readers see the last published state and never wait for a platform.
//
// The order of a Step is: collect all sources; feed and decide each target; record decisions and intents durably; send the
// intents; record each outcome. Nothing is sent whose intent could not be recorded.
package engine
