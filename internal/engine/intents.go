package engine

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"pilotlight/models"
)

// leastLot is how many intents of a platform are recorded at a time at least.
const leastLot = 32

// sendAll records intents and sends them, the most valuable first. Intents are recorded in lots, each shortly before it is sent, so
// that what waits for its turn in vain is not in the journal: it is told by its recommendation, the metrics and the log.
func (e *Engine) sendAll(ctx context.Context, writes []*write) {
	if len(writes) == 0 {
		return
	}
	slices.SortStableFunc(writes, func(a, b *write) int { return a.worth.before(&b.worth) })
	send := func(w *write) {
		w.unit.own.Lock()
		defer w.unit.own.Unlock()
		e.send(ctx, w)
		w.unit.refresh()
	}
	var left dropped
	defer e.tellDropped(ctx, &left)
	calls := e.settings().Calls
	if calls == 0 {
		sent := e.recordLot(ctx, writes, &left)
		e.each(len(sent), func(i int) { send(sent[i]) })
		return
	}
	queues := map[string]*queue{}
	for _, w := range writes {
		q := queues[w.unit.target.Actuator]
		if q == nil {
			q = &queue{}
			queues[w.unit.target.Actuator] = q
		}
		q.waiting = append(q.waiting, w)
	}
	var group sync.WaitGroup
	for _, q := range queues {
		lot := max(calls, leastLot)
		for range min(calls, len(q.waiting)) {
			group.Go(func() {
				for w := e.nextOf(ctx, q, lot, &left); w != nil; w = e.nextOf(ctx, q, lot, &left) {
					send(w)
				}
			})
		}
	}
	group.Wait()
}

// tellDropped logs in one line what was held back before its intents were recorded.
func (e *Engine) tellDropped(ctx context.Context, left *dropped) {
	if n := left.count.Load(); n > 0 {
		e.log.InfoContext(ctx, "changes were not sent, and are decided anew", "targets", n, "why", *left.why.Load())
	}
}

// queue are the writes of one platform in their order.
type queue struct {
	mu sync.Mutex
	// waiting are not recorded yet, ready are.
	waiting, ready []*write
}

// dropped counts the writes that were held back before their intents were recorded.
type dropped struct {
	count atomic.Int64
	// why is one of the reasons.
	why atomic.Pointer[string]
}

// nextOf takes the next write of a queue whose intent is recorded, recording the next lot if there is none; nil is the end.
func (e *Engine) nextOf(ctx context.Context, q *queue, lot int, left *dropped) *write {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) == 0 && len(q.waiting) > 0 {
		n := min(lot, len(q.waiting))
		q.ready = e.recordLot(ctx, q.waiting[:n], left)
		q.waiting = q.waiting[n:]
	}
	if len(q.ready) == 0 {
		return nil
	}
	w := q.ready[0]
	q.ready = q.ready[1:]
	return w
}

// recordLot records the intents that would pass the gate now, and returns those of them that are recorded.
func (e *Engine) recordLot(ctx context.Context, lot []*write, left *dropped) []*write {
	passing := make([]*write, 0, len(lot))
	events := make([]models.Event, 0, len(lot))
	for _, w := range lot {
		if h := e.passes(w); h != nil {
			text := h.Error()
			left.count.Add(1)
			left.why.CompareAndSwap(nil, &text)
			continue
		}
		passing, events = append(passing, w), append(events, models.NewActionEvent(w.action))
	}
	if len(events) == 0 {
		return nil
	}
	if e.append(ctx, events...) != nil {
		for _, w := range passing {
			w.unit.own.Lock()
			w.unit.withdraw(&w.action)
			w.unit.own.Unlock()
		}
		return nil
	}
	return passing
}

// passes asks the gate before an intent is recorded. What does not pass is told by its recommendation, and decided anew.
func (e *Engine) passes(w *write) *held {
	u := w.unit
	if !u.own.TryLock() {
		return nil // somebody works on it, and sending asks again
	}
	defer u.own.Unlock()
	h := e.admitWrite(w, e.deps.Clock(), sending)
	if h == nil {
		return nil
	}
	out := models.Outcome{Action: w.action.ID, Decision: w.action.Decision, Target: u.id}
	e.finishing(u, &out, h)
	e.metrics.acted(&out)
	u.endWith(&out)
	u.refresh()
	return h
}
