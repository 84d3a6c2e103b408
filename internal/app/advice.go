package app

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"pilotlight/internal/advice"
	"pilotlight/internal/config"
	"pilotlight/internal/engine"
	"pilotlight/internal/journal"
	"pilotlight/predictor"
	"pilotlight/predictor/advisor"
)

// newAdvisor returns the client of the configured advisor, nil if it is not enabled.
func newAdvisor(cfg *config.Config, e env) (*advisor.Client, error) {
	c := cfg.Advisor()
	if !c.Enabled {
		return nil, nil //nolint:nilnil // no advisor is no error, and the service knows nil
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	return advisor.New(c, advisor.Deps{Now: e.now, Lookup: e.lookup, BoundaryKey: key})
}

// newAdvice makes the service of the advisor around an engine.
func newAdvice(e *engine.Engine, j *journal.Journal, now func() time.Time, log *slog.Logger, step time.Duration) *advice.Service {
	return advice.New(advice.Deps{
		Fleet: e, Hints: e, Forecasters: e, Journal: j, State: j, Now: now, Logger: log, Step: step, Members: onlineModels(),
	})
}

// onlineModels are the names of the forecasters that can follow a target.
func onlineModels() []string {
	var names []string
	for _, m := range predictor.OnlineModels() {
		names = append(names, m.Name)
	}
	return names
}

// pause waits, or returns false when ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
