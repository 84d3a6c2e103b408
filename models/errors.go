package models

import "errors"

// Sentinel errors. Wrap them with what was attempted; test with errors.Is.
var (
	// ErrNoData says that a source answered but had no samples for the target.
	ErrNoData = errors.New("no data")
	// ErrStale says that the newest sample is older than the source is allowed to lag.
	ErrStale = errors.New("data is stale")
	// ErrInsufficientHistory says that there are samples, but too few for a forecast.
	ErrInsufficientHistory = errors.New("insufficient history")
	// ErrInvalid says that a value breaks an invariant of its type.
	ErrInvalid = errors.New("invalid value")
	// ErrNotFound says that the named thing does not exist.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that the request contradicts the present state, such as a target that two collectors claim.
	ErrConflict = errors.New("conflict")
	// ErrExpired says that an action or recommendation was not carried out in time and must be decided anew.
	ErrExpired = errors.New("expired")
	// ErrUnavailable says that something outside, without which there is no answer, does not work or may not be asked now.
	ErrUnavailable = errors.New("unavailable")
	// ErrDryRun says that a write was held back because Pilotlight runs in dry-run mode.
	ErrDryRun = errors.New("dry run: nothing was written")
	// ErrPaused says that a write was held back because Pilotlight is paused.
	ErrPaused = errors.New("paused: nothing was written")
	// ErrHeld says that a write was held back by a check of the gate other than mode and pause.
	ErrHeld = errors.New("held back: nothing was written")
)
