// Package webhook gives the capacity of targets to any HTTP receiver: one signed POST for each change, and optionally a GET that
// shows the present state. It is for platforms that have no adapter of their own.
//
// Requests follow the Standard Webhooks specification, so that receivers can check the signature and the age of a request with
// the libraries that exist for it. The id of the action is the idempotency key: a repeated request has the same one.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"

	"pilotlight/actuators"
	"pilotlight/actuators/webapi"
	"pilotlight/models"
)

// Deps are what the actuator needs from the program.
type Deps struct {
	// Now is the clock of the signatures.
	Now func() time.Time
	// Lookup looks a variable of the environment up, as os.LookupEnv does; it is needed for secret_env only.
	Lookup func(name string) (string, bool)
}

// Actuator posts capacities to one receiver. It is safe for concurrent use.
type Actuator struct {
	config Config
	levers models.Lever
	secret source
	client *webapi.Client
	now    func() time.Time

	mu sync.Mutex
	// accepted is what the receiver took last, of each target; it is what is known where nothing can be observed. recalled are those
	// of which it is only known from the journal.
	accepted map[models.TargetID]models.Capacity
	recalled map[models.TargetID]bool
	// doubted are the targets of which the last request may have been carried out or not.
	doubted map[models.TargetID]bool
}

var (
	_ actuators.Actuator = (*Actuator)(nil)
	_ actuators.Recaller = (*Actuator)(nil)
)

// New returns an actuator of that configured name. It reads the secret once, to say at the start if it cannot be used, and sends
// nothing.
func New(name string, config Config, deps Deps) (*Actuator, error) {
	if deps.Now == nil {
		return nil, fmt.Errorf("actuator %q: a clock is needed: %w", name, models.ErrInvalid)
	}
	if deps.Lookup == nil {
		deps.Lookup = func(string) (string, bool) { return "", false }
	}
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("actuator %q: %w", name, err)
	}
	a := &Actuator{
		config: config, secret: source{config.SecretFile, config.SecretEnv, deps.Lookup}, now: deps.Now,
		accepted: make(map[models.TargetID]models.Capacity), recalled: make(map[models.TargetID]bool),
		doubted: make(map[models.TargetID]bool),
	}
	for _, lever := range config.Levers {
		l, _ := leverNamed(lever)
		a.levers |= l
	}
	if _, err := a.secret.key(); err != nil {
		return nil, fmt.Errorf("actuator %q: %w", name, err)
	}
	client, err := webapi.New(name, config.HTTP, deps.Now)
	if err != nil {
		return nil, fmt.Errorf("actuator %q: %w", name, err)
	}
	a.client = client
	return a, nil
}

// Close frees idle connections.
func (a *Actuator) Close() { a.client.Close() }

// Levers implements actuators.Actuator.
func (a *Actuator) Levers() models.Lever { return a.levers }

// Observe implements actuators.Actuator with one request, or none without an observe_url: then it shows what the receiver accepted
// last, as far as this process or the journal knows, and the initial capacity before that.
func (a *Actuator) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	op := "observe " + target.Ref
	if a.config.ObserveURL == "" {
		if err := actuators.Ended(ctx); err != nil {
			return models.Observation{}, &actuators.Error{Kind: models.KindTimeout, Op: op, Err: err}
		}
		return a.remembered(target.ID), nil
	}
	address, err := withQuery(a.config.ObserveURL, target)
	if err != nil {
		return models.Observation{}, &actuators.Error{Kind: models.KindInvalid, Op: op, Err: err}
	}
	at := a.now()
	// What is signed is the path and query, since there is no body.
	header, err := a.sign(op, models.NewID("observe", target.ID, at, target.Ref), at, []byte(address.RequestURI()))
	if err != nil {
		return models.Observation{}, err
	}
	answer, err := a.client.Read(ctx, webapi.Request{Op: op, Method: http.MethodGet, URL: address.String(), Header: header})
	if err != nil {
		return models.Observation{}, err
	}
	o, err := parseShown(answer, a.levers)
	if err != nil {
		return models.Observation{}, &actuators.Error{Kind: models.KindTransient, Op: op, Err: err}
	}
	return o, nil
}

// Apply implements actuators.Actuator with one request. It is sent also if the capacity is what was accepted last: the receiver
// may have lost it, and a repeated absolute capacity changes nothing.
func (a *Actuator) Apply(ctx context.Context, target models.Target, action models.Action) error {
	op := "post the capacity of " + target.Ref
	if missing := action.To.Levers() &^ a.levers; missing != 0 {
		return &actuators.Error{Kind: models.KindInvalid, Op: op, Err: fmt.Errorf(
			"%s was asked for, and a lever of it is not among the configured levers; add it there: %w", action.To, models.ErrInvalid)}
	}
	if action.To.Levers() == 0 {
		return nil
	}
	content, err := newBody(target, action)
	if err != nil {
		return &actuators.Error{Kind: models.KindInvalid, Op: op, Err: fmt.Errorf("write the body: %w", err)}
	}
	header, err := a.sign(op, action.ID, a.now(), content)
	if err != nil {
		return err
	}
	header.Set("Content-Type", "application/json")
	_, err = a.client.Write(ctx, webapi.Request{Op: op, Method: http.MethodPost, URL: a.config.URL, Header: header, Body: content})
	a.remember(target.ID, action.To, err)
	return err
}

// remember keeps what the receiver has accepted, and whether that is still so after a request that ended with the error.
func (a *Actuator) remember(id models.TargetID, to models.Capacity, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	failed, sent := errors.AsType[*actuators.Error](err)
	switch {
	case err == nil:
		a.accepted[id] = a.accepted[id].Merge(to)
		delete(a.recalled, id)
		delete(a.doubted, id)
	case sent && (failed.Kind == models.KindTimeout || failed.Kind == models.KindTransient):
		a.doubted[id] = true
	}
}

// Recall implements actuators.Recaller, so that without an observe_url a restart forgets neither what the receiver accepted nor
// what it may have accepted.
func (a *Actuator) Recall(target models.Target, set, asked models.Capacity) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.accepted[target.ID]; known || a.doubted[target.ID] {
		return
	}
	if set.Levers() != 0 {
		a.accepted[target.ID], a.recalled[target.ID] = set.Only(a.levers), true
	}
	if asked.Levers() != 0 {
		a.doubted[target.ID] = true
	}
}

// sign returns the headers of a request.
func (a *Actuator) sign(op, id string, at time.Time, content []byte) (http.Header, error) {
	k, err := a.secret.key()
	if err != nil {
		return nil, &actuators.Error{Kind: models.KindUnauthorized, Op: op, Err: err}
	}
	return k.headers(id, at, content), nil
}

// remembered returns what is known without asking.
func (a *Actuator) remembered(id models.TargetID) models.Observation {
	a.mu.Lock()
	defer a.mu.Unlock()
	initial := a.config.Initial.capacity().Only(a.levers)
	accepted, ok := a.accepted[id]
	if !ok {
		return models.Observation{Capacity: initial, Ready: -1, Assumed: true, Note: "nothing was accepted since the start, and there is no observe_url to ask"}
	}
	o := models.Observation{
		Capacity: initial.Merge(accepted), Ready: -1, Assumed: a.doubted[id], Note: "what the receiver accepted last; there is no observe_url to ask",
	}
	switch {
	case o.Assumed:
		o.Note = "what the receiver accepted before a request of which it is not known whether it was carried out; there is no observe_url to ask"
	case a.recalled[id]:
		o.Note = "what the receiver accepted last, before the start, as the journal knows; there is no observe_url to ask"
	}
	return o
}

// withQuery adds the names of the target to an address.
func withQuery(address string, target models.Target) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("the address cannot be used: %w", models.ErrInvalid)
	}
	query := u.Query()
	query.Set("target", string(target.ID))
	query.Set("ref", target.Ref)
	u.RawQuery = query.Encode()
	return u, nil
}

// maxNote bounds a note of the receiver, in characters.
const maxNote = 200

// clean makes untrusted text fit to be shown: one line of visible characters, not too long.
func clean(text string) string {
	n := 0
	return strings.Map(func(r rune) rune {
		if n++; n > maxNote || !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, text)
}
