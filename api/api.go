// Package api serves Pilotlight over HTTP: the REST interface under /api/v1 with its OpenAPI 3.1 description, a page for
// people at /, health, readiness and metrics.
//
// The package speaks models only and declares the interfaces it needs; what serves them is composed elsewhere. Everything
// that comes in (paths, queries, bodies, headers) and every name that goes out (targets, labels, notes) is untrusted text.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pilotlight/models"
)

// Fleet answers what is known about the targets. Implementations are safe for concurrent use and return at once, except
// Series, which may read from a collector's source.
type Fleet interface {
	// Targets returns the status of all targets, sorted by their ID bytewise. The caller does not change it.
	Targets() []models.TargetStatus
	// Target returns the status of one target, or ErrNotFound.
	Target(id models.TargetID) (models.TargetStatus, error)
	// Forecast returns the latest forecast of the target's load. It returns ErrNotFound for an unknown target, and
	// ErrInsufficientHistory, ErrNoData or ErrStale if there is no forecast.
	Forecast(id models.TargetID) (models.Forecast, error)
	// Series returns the samples whose steps lie between from and to. It returns ErrNotFound for an unknown target and
	// ErrNoData if there are none.
	Series(ctx context.Context, id models.TargetID, sig models.Signal, from, to time.Time) (models.Series, error)
}

// Refusals answers what cannot be used. It is safe for concurrent use.
type Refusals interface {
	// Refused returns what collectors have found and cannot be used, with the reasons, sorted by ID.
	Refused() []models.RefusedTarget
}

// Explanations says how forecasts come about. It is safe for concurrent use.
type Explanations interface {
	// Explain returns what the predictor of a target knows about its series, or ErrNotFound.
	Explain(id models.TargetID) (models.Explanation, error)
}

// Recommendations answers and settles recommendations by their id. The latest of each target comes from Fleet.
type Recommendations interface {
	// Recommendation returns the recommendation of that id, or ErrNotFound.
	Recommendation(id string) (models.Recommendation, error)
	// Approve lets a pending recommendation be carried out. It returns ErrNotFound, ErrConflict if it is not pending, and
	// ErrExpired if it waited too long.
	Approve(ctx context.Context, id, by, note string) (models.Recommendation, error)
	// Reject closes a pending recommendation; its errors are those of Approve.
	Reject(ctx context.Context, id, by, note string) (models.Recommendation, error)
}

// Audit reads the journal.
type Audit interface {
	// Query returns the events that the filter selects, newest first, and the Before that continues the query, 0 at the end.
	Query(ctx context.Context, f models.EventFilter) ([]models.Event, uint64, error)
	// Watch calls fn with each event whose Seq is above after, in order, first those recorded already and then new ones, until
	// ctx ends or fn returns an error, which it returns. fn may block.
	Watch(ctx context.Context, after uint64, fn func(models.Event) error) error
}

// Control is the kill switch.
type Control interface {
	// Pause holds back every write until Resume; pausing twice keeps the first state.
	Pause(ctx context.Context, by, note string) (models.PauseState, error)
	// Resume lets writes through again.
	Resume(ctx context.Context, by, note string) (models.PauseState, error)
	// PauseState returns the present state.
	PauseState() models.PauseState
}

// Admin answers for the process.
type Admin interface {
	// ConfigYAML returns the configuration in force without its secrets, and its hash.
	ConfigYAML() (text, hash string)
	// Reload loads the configuration again and returns the hash of the new one; on error the old one stays in force.
	Reload(ctx context.Context) (hash string, err error)
	// Ready returns the reasons why the process is not ready; none means ready.
	Ready() []string
	// Mode says how far Pilotlight may go.
	Mode() models.Mode
}

// Restorer gives targets back the capacity that they had before.
type Restorer interface {
	// PutBack pauses all other writes and restores the targets of the order; tell, unless nil, is told of each as it is done. What could
	// not be restored is in the results, sorted by target.
	PutBack(ctx context.Context, order models.RestoreOrder, tell func(models.Restored)) ([]models.Restored, error)
}

// Deps is what New builds the handler from.
type Deps struct {
	Fleet           Fleet
	Explanations    Explanations
	Refusals        Refusals
	Recommendations Recommendations
	Audit           Audit
	Control         Control
	Restorer        Restorer
	Hints           Hints
	Advisor         Advisor
	Proposals       Proposals
	Narrator        Narrator
	Notes           Notes
	Admin           Admin
	Backtests       Backtests
	// Gatherer is what /metrics shows; Registerer takes the metrics of this package.
	Gatherer   prometheus.Gatherer
	Registerer prometheus.Registerer
	Logger     *slog.Logger
	// Tokens are who may ask. Without Open there must be at least one.
	Tokens []Token
	// Open lets everybody do everything without a token. It is only for a server that listens on the loopback interface; the
	// Host header must then name it, so that no web page can reach the server under another name.
	Open bool
	// Now is the time of the data, which a simulation may choose: it is the default end of a range.
	Now func() time.Time
	// Version is the version of the program.
	Version string
}

// validate says which dependency is missing or wrong, all at once.
func (d *Deps) validate() error {
	var errs []error
	need := func(ok bool, text string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: %w", text, models.ErrInvalid))
		}
	}
	need(d.Fleet != nil, "fleet is missing")
	need(d.Explanations != nil, "explanations are missing")
	need(d.Refusals != nil, "refusals are missing")
	need(d.Recommendations != nil, "recommendations are missing")
	need(d.Audit != nil, "audit is missing")
	need(d.Control != nil, "control is missing")
	need(d.Restorer != nil, "restorer is missing")
	need(d.Hints != nil, "hints are missing")
	need(d.Advisor != nil, "advisor is missing")
	need(d.Proposals != nil, "proposals are missing")
	need(d.Narrator != nil, "narrator is missing")
	need(d.Notes != nil, "notes are missing")
	need(d.Admin != nil, "admin is missing")
	need(d.Backtests != nil, "backtests are missing")
	need(d.Gatherer != nil, "gatherer is missing")
	need(d.Registerer != nil, "registerer is missing")
	need(d.Logger != nil, "logger is missing")
	need(d.Now != nil, "now is missing")
	need(d.Open || len(d.Tokens) > 0, "no token is configured: add one, or listen on the loopback interface and open the API")
	need(!d.Open || len(d.Tokens) == 0, "the API is open and has tokens: choose one of the two")
	errs = append(errs, validateTokens(d.Tokens)...)
	return errors.Join(errs...)
}

// New builds the handler of all routes. It starts no goroutine and does no I/O. It returns ErrInvalid, naming everything that
// is missing or wrong in deps. A stream of events ends when the context of its request ends, so the server that serves the
// handler must end the contexts of its requests before it waits for them.
func New(deps Deps) (http.Handler, error) {
	if err := deps.validate(); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	s, err := newServer(deps)
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	return s, nil
}
