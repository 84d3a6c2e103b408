package app

import (
	"context"
	"crypto/rand"
	"time"

	"pilotlight/internal/advice"
	"pilotlight/internal/config"
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

// startAdvice makes the service of the advisor and restores what it knew.
func (d *daemon) startAdvice(ctx context.Context, cfg *config.Config, client *advisor.Client) {
	d.advice = advice.New(advice.Deps{
		Fleet: d.engine, Hints: d.engine, Forecasters: d.engine, Journal: d.journal, State: d.journal, Now: now,
		Logger: d.log.With("component", "advisor"), Step: cfg.Engine().Step, Members: onlineModels(),
	})
	d.advice.Configure(cfg.Advisor(), client)
	d.advice.Restore(ctx)
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
