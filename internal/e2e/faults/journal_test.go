package faults

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"

	"pilotlight/models"
)

// errGone is what a killed process gets from everything it calls: it must have no effect any more.
var errGone = errors.New("the process has been killed")

// log is the durable journal. Events pass through their JSON, as on disk, so that what it lacks is lost.
type log struct {
	mu     sync.Mutex
	events []models.Event
	ids    map[string]bool
}

func (l *log) append(events []models.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		if l.ids[e.ID] {
			continue
		}
		data, err := json.Marshal(e)
		if err != nil {
			return err
		}
		var back models.Event
		if err := json.Unmarshal(data, &back); err != nil {
			return err
		}
		l.ids[e.ID] = true
		back.Seq = uint64(len(l.events) + 1)
		l.events = append(l.events, back)
	}
	return nil
}

func (l *log) all() []models.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]models.Event(nil), l.events...)
}

// has reports whether the intent of an action is recorded.
func (l *log) has(action string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ids["action-"+action]
}

// process is one life of the program: when it is killed, nothing it does has an effect.
type process struct {
	*log
	number int
	dead   atomic.Bool
}

func (p *process) Append(_ context.Context, events ...models.Event) error {
	if p.dead.Load() {
		return errGone
	}
	return p.append(events)
}

func (p *process) Latest(_ context.Context, fn func(models.Event) error) error {
	newest := map[string]models.Event{}
	var order []string
	for _, e := range p.all() {
		key := string(e.Type) + "\x00" + string(e.Target)
		if _, ok := newest[key]; !ok {
			order = append(order, key)
		}
		newest[key] = e
	}
	for _, key := range order {
		if err := fn(newest[key]); err != nil {
			return err
		}
	}
	return nil
}

func (*process) SaveState(context.Context, string, []byte) error { return nil }

func (*process) LoadState(context.Context, string) ([]byte, error) { return nil, models.ErrNotFound }
