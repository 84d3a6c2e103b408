package engine

import (
	"sync/atomic"

	"pilotlight/models"
)

// Gate is the one switch that every write passes: the decorators around all actuators ask it just before they call the
// platform. The zero Gate lets nothing through.
type Gate struct {
	// open is true in the modes approve and auto.
	open   atomic.Bool
	paused atomic.Bool
	// restoring lets writes through that put back what was there before Pilotlight, whatever the mode; the engine holds all others back
	// meanwhile. stopped says that an operator has paused since it began.
	restoring, stopped atomic.Bool
}

// SetMode opens the gate for the modes that may write.
func (g *Gate) SetMode(mode models.Mode) {
	g.open.Store(mode == models.ModeApprove || mode == models.ModeAuto)
}

// SetPaused closes the gate at once, whatever the mode, until it is called with false.
func (g *Gate) SetPaused(paused bool) {
	g.paused.Store(paused)
	if paused {
		g.stopped.Store(true)
	}
}

// restore lets the writes of a restore through until the returned function is called.
func (g *Gate) restore() (done func()) {
	g.stopped.Store(false)
	g.restoring.Store(true)
	return func() { g.restoring.Store(false) }
}

// Permit returns nil if a write may happen now, models.ErrDryRun or models.ErrPaused if not.
func (g *Gate) Permit() error {
	switch {
	case g.restoring.Load():
		return nil
	case !g.open.Load():
		return models.ErrDryRun
	case g.paused.Load():
		return models.ErrPaused
	}
	return nil
}
