package engine

import (
	"context"

	"pilotlight/models"
)

// Journal is what the engine needs of the durable record of events.
type Journal interface {
	// Append records events; when it returns nil they survive a crash. Appending the same event ID again has no effect.
	Append(ctx context.Context, events ...models.Event) error
	// Latest calls fn with the newest event of each type and target.
	Latest(ctx context.Context, fn func(models.Event) error) error
}

// StateStore keeps the latest state of forecasters and policies. It may lose the last minutes in a crash; what it returns is
// never torn.
type StateStore interface {
	SaveState(ctx context.Context, key string, state []byte) error
	// LoadState returns models.ErrNotFound for a key that was never saved.
	LoadState(ctx context.Context, key string) ([]byte, error)
}

// Forgetful is a Journal and StateStore that keeps nothing, for replay and other runs that end with their results.
type Forgetful struct{}

var (
	_ Journal    = Forgetful{}
	_ StateStore = Forgetful{}
)

// Append implements Journal.
func (Forgetful) Append(context.Context, ...models.Event) error { return nil }

// Latest implements Journal.
func (Forgetful) Latest(context.Context, func(models.Event) error) error { return nil }

// SaveState implements StateStore.
func (Forgetful) SaveState(context.Context, string, []byte) error { return nil }

// LoadState implements StateStore.
func (Forgetful) LoadState(context.Context, string) ([]byte, error) { return nil, models.ErrNotFound }
