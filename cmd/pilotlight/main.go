// Command pilotlight predicts the traffic of serverless functions and pre-warms or resizes their capacity before it arrives.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // time zones must work on machines without a database of them

	"pilotlight/internal/app"
)

func main() { os.Exit(run()) }

// run is the one way out of the program: 0 fine, 1 an error, 2 bad usage or (plan) changes.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := root(app.IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.LookupEnv}).ExecuteContext(ctx)
	var code exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, app.ErrUsage):
		fmt.Fprintf(os.Stderr, "pilotlight: %v\n", err)
		return 2
	}
	fmt.Fprintf(os.Stderr, "pilotlight: %v\n", err)
	return 1
}

// exitError is an exit status that is not an error, such as that of plan when there are changes.
type exitError int

// Error implements error.
func (c exitError) Error() string { return fmt.Sprintf("exit status %d", int(c)) }
