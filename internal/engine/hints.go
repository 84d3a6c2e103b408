package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"pilotlight/hints"
	"pilotlight/models"
)

// maxHints bounds the hints in force, since each is held against each target.
const maxHints = 10_000

// hint is a hint in force.
type hint struct {
	models.Hint
	plan *hints.Plan
}

// book holds the hints in force, sorted by ID. A book is never changed: whoever changes something makes another one.
type book struct {
	hints []hint
	turn  uint64
}

// find returns the place of a hint in the book.
func (b *book) find(id string) (int, bool) {
	return slices.BinarySearchFunc(b.hints, id, func(h hint, id string) int { return cmp.Compare(h.ID, id) })
}

// with returns a book in which the hints are too, in place of those with the same IDs.
func (b *book) with(more ...hint) *book {
	all := append(slices.Clone(b.hints), more...)
	slices.SortStableFunc(all, func(x, y hint) int { return cmp.Compare(x.ID, y.ID) })
	next := &book{hints: all[:0], turn: b.turn + 1}
	for i := range all {
		if i+1 == len(all) || all[i+1].ID != all[i].ID {
			next.hints = append(next.hints, all[i])
		}
	}
	return next
}

// without returns a book without the hints that drop tells.
func (b *book) without(drop func(*hint) bool) *book {
	next := &book{turn: b.turn + 1}
	for i := range b.hints {
		if !drop(&b.hints[i]) {
			next.hints = append(next.hints, b.hints[i])
		}
	}
	return next
}

// compile readies hints of the configuration.
func compile(all []models.Hint) ([]hint, error) {
	out := make([]hint, 0, len(all))
	seen := map[string]bool{}
	for i := range all {
		h := all[i]
		h.Source = models.HintConfig
		if h.ID == "" {
			h.ID = idOf(&h)
		}
		if seen[h.ID] {
			return nil, fmt.Errorf("two hints have the id %q: %w", h.ID, models.ErrInvalid)
		}
		seen[h.ID] = true
		plan, err := hints.Compile(h)
		if err != nil {
			return nil, fmt.Errorf("hint %q: %w", h.ID, err)
		}
		out = append(out, hint{Hint: h, plan: plan})
	}
	return out, nil
}

// idOf makes an id out of what a hint says, so that saying it again makes no second one.
func idOf(h *models.Hint) string {
	said := *h
	said.ID, said.Created = "", time.Time{}
	text, err := json.Marshal(said)
	if err != nil {
		text = []byte(err.Error()) // Validate refuses what cannot be written
	}
	return models.NewID("hint", "", h.Start, string(text))
}

// Hints returns the hints in force, sorted by ID.
func (e *Engine) Hints() []models.Hint {
	b := e.book.Load()
	all := make([]models.Hint, len(b.hints))
	for i := range b.hints {
		all[i] = b.hints[i].Hint
	}
	return all
}

// AddHints puts hints into force, all or none, in place of those with the same IDs. A hint without an ID gets one that depends on what
// it says. It returns models.ErrInvalid for a hint that cannot be used or lies in the past, models.ErrConflict for the ID of a hint
// of the configuration, and models.ErrQuota if there would be too many.
func (e *Engine) AddHints(ctx context.Context, all []models.Hint, by string) ([]models.Hint, error) {
	e.orders.Lock()
	defer e.orders.Unlock()
	now, b := e.deps.Clock().UTC(), e.book.Load()
	added := make([]models.Hint, 0, len(all))
	var fresh []hint
	var events []models.Event
	for i := range all {
		h, known, err := e.admitHint(b, all[i], by, now)
		if err != nil {
			return nil, err
		}
		added = append(added, h.Hint)
		if !known {
			fresh = append(fresh, h)
			events = append(events, models.NewHintEvent(models.HintRecord{At: now, By: by, Change: models.HintAdded, Hint: h.Hint}))
		}
	}
	if len(fresh) == 0 {
		return added, nil
	}
	next := b.with(fresh...)
	if len(next.hints) > maxHints {
		return nil, fmt.Errorf("there would be %d hints, more than %d: remove some, or use selectors with globs: %w",
			len(next.hints), maxHints, models.ErrInvalid)
	}
	if err := e.insist(ctx, events...); err != nil {
		return nil, fmt.Errorf("hints could not be recorded, so none is in force; add them again: %w", err)
	}
	e.book.Store(next)
	return added, nil
}

// admitHint checks a hint and completes it. It reports a hint that is in force already as known.
func (e *Engine) admitHint(b *book, h models.Hint, by string, now time.Time) (out hint, known bool, err error) {
	if h.Source == "" {
		h.Source = models.HintAPI
	}
	h.Author = cmp.Or(h.Author, by)
	h.Start, h.End, h.Created = h.Start.UTC(), h.End.UTC(), now
	if h.ID == "" {
		h.ID = idOf(&h)
	}
	plan, err := hints.Compile(h)
	if err != nil {
		return hint{}, false, err
	}
	if at, found := b.find(h.ID); found {
		before := b.hints[at]
		if before.Source == models.HintConfig {
			return hint{}, false, fmt.Errorf("hint %q is one of the configuration: change it there and reload: %w", h.ID, models.ErrConflict)
		}
		h.Created = before.Created
		if reflect.DeepEqual(before.Hint, h) {
			return before, true, nil
		}
		h.Created = now
	}
	if plan.Over(now) {
		return hint{}, false, fmt.Errorf("hint %q ended before %s: give it times to come, or a recurrence: %w",
			h.ID, now.Format(time.RFC3339), models.ErrInvalid)
	}
	return hint{Hint: h, plan: plan}, false, nil
}

// RemoveHint takes a hint out of force. It returns models.ErrNotFound for an unknown one, and models.ErrConflict for one of the
// configuration.
func (e *Engine) RemoveHint(ctx context.Context, id, by string) error {
	e.orders.Lock()
	defer e.orders.Unlock()
	b := e.book.Load()
	at, found := b.find(id)
	switch {
	case !found:
		return fmt.Errorf("hint %q: %w", id, models.ErrNotFound)
	case b.hints[at].Source == models.HintConfig:
		return fmt.Errorf("hint %q is one of the configuration: remove it there and reload: %w", id, models.ErrConflict)
	}
	r := models.HintRecord{At: e.deps.Clock().UTC(), By: by, Change: models.HintRemoved, Hint: b.hints[at].Hint}
	if err := e.insist(ctx, models.NewHintEvent(r)); err != nil {
		return fmt.Errorf("that the hint is removed could not be recorded, so it is still in force; remove it again: %w", err)
	}
	e.book.Store(b.without(func(h *hint) bool { return h.ID == id }))
	return nil
}

// installHints puts the hints of the configuration into force in place of those of the one before.
func (e *Engine) installHints(all []models.Hint) {
	configured, _ := compile(all) // they were checked before
	e.orders.Lock()
	defer e.orders.Unlock()
	b := e.book.Load()
	if b == nil {
		b = &book{}
	}
	e.book.Store(b.without(func(h *hint) bool { return h.Source == models.HintConfig }).with(configured...))
}

// recallHints puts hints of the journal into force. One that cannot be read any more is left out: the journal still has it.
func (e *Engine) recallHints(ctx context.Context, records []models.HintRecord) {
	b := e.book.Load()
	var back []hint
	for i := range records {
		h := records[i].Hint
		if at, found := b.find(h.ID); found && b.hints[at].Source == models.HintConfig || records[i].Change != models.HintAdded {
			continue
		}
		plan, err := hints.Compile(h)
		if err != nil {
			e.log.WarnContext(ctx, "a hint of the journal cannot be used and is left out", "hint", h.ID, "err", err)
			continue
		}
		back = append(back, hint{Hint: h, plan: plan})
	}
	e.book.Store(b.with(back...))
}

// endHints takes hints out of force that have been over for lookBack, for until then they still say what the load of the last minutes
// was. Those of the configuration stay, for only its author can remove them.
func (e *Engine) endHints(ctx context.Context, now time.Time) {
	over := func(h *hint) bool { return h.Source != models.HintConfig && h.plan.Over(now.Add(-lookBack)) }
	if !slices.ContainsFunc(e.book.Load().hints, func(h hint) bool { return over(&h) }) {
		return
	}
	e.orders.Lock()
	defer e.orders.Unlock()
	b := e.book.Load()
	var events []models.Event
	for i := range b.hints {
		if h := &b.hints[i]; over(h) {
			events = append(events, models.NewHintEvent(models.HintRecord{At: now, Change: models.HintEnded, Hint: h.Hint}))
		}
	}
	if err := e.append(ctx, events...); err == nil { // else it is tried again at the next Step
		e.book.Store(b.without(over))
	}
}
