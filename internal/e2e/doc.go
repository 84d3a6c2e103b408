// Package e2e tests the built program from the outside: real processes, real HTTP, real files. It has no code besides tests;
// the slow ones hide behind build tags (realprom, crash) and are run by make test-prometheus and make test-crash.
package e2e
