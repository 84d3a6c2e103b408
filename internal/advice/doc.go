// Package advice runs the advisor beside the loop of minutes: from time to time it tells a language model what is known about the targets,
// turns what comes back into hints that are tried in shadow, reads operators' words, and puts decisions into words. Without a model
// everything but the reading of words works the same. Nothing here is waited for by a decision.
package advice
