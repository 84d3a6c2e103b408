// Package insights finds what targets waste. It is pure: what was measured goes in, advice comes out, and time is an argument.
//
// Right-sizing compares the memory that instances have with the most that they have used. A Usage takes down what was measured of one
// target, in memory that does not grow; Advise makes a recommendation of it. docs/right-sizing.md has the formulas.
package insights
