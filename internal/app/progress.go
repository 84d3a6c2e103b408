package app

import (
	"log/slog"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress is a bar on a terminal, and nothing elsewhere.
type progress struct{ bar *progressbar.ProgressBar }

// newProgress starts a bar of so many steps on standard error if that is a terminal.
func newProgress(stdio IO, what string, steps int) *progress {
	if !isTerminal(stdio.Err) {
		return &progress{}
	}
	return &progress{bar: progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(stdio.Err), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))}
}

// add moves the bar on. A bar that cannot be drawn is no reason to stop the work.
func (p *progress) add(n int) {
	if p.bar != nil {
		_ = p.bar.Add(n)
	}
}

// set moves the bar to a number of steps.
func (p *progress) set(done int) {
	if p.bar != nil {
		_ = p.bar.Set(done) // as add
	}
}

// finish removes the bar.
func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// isTerminal reports whether a reader or writer is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// quiet returns a logger that says nothing.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
