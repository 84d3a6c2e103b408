package engine

import (
	"context"
	"fmt"
	"time"

	"pilotlight/models"
)

const (
	// clockSlack is how far the clock may go back between two Steps without being refused.
	clockSlack = time.Minute
	// clockTrust is how many Steps in a row must run on at an earlier time before it is believed: a clock that was ahead and
	// has been corrected, not one that is wrong now.
	clockTrust = 3
)

// doubt is an earlier time than before that the clock says and that is not believed yet.
type doubt struct {
	at    time.Time
	times int
}

// admit reports as an error whether a Step at that time must not happen. A clock that went back is refused at first; when it
// runs on from there, the earlier time is believed and everything that lies in its future is forgotten.
func (e *Engine) admit(ctx context.Context, now time.Time) error {
	if !now.Before(e.last.Add(-clockSlack)) {
		e.doubt = doubt{}
		return nil
	}
	if !now.After(e.doubt.at) {
		e.doubt = doubt{}
	}
	e.doubt.at = now
	if e.doubt.times++; e.doubt.times < clockTrust {
		return fmt.Errorf("the clock went back from %s to %s: check the time service of this machine; capacity is held until it has "+
			"run on for %d steps (%d so far): %w",
			e.last.Format(time.RFC3339), now.Format(time.RFC3339), clockTrust, e.doubt.times, models.ErrInvalid)
	}
	e.log.WarnContext(ctx, "the clock was ahead and is believed again; what was seen in its future is forgotten", "was", e.last, "now", now)
	e.doubt = doubt{}
	e.turnBack(now)
	return nil
}

// turnBack forgets what lies after now. Nothing is lowered for a while, as after a start.
func (e *Engine) turnBack(now time.Time) {
	end := e.end(now)
	earlier := func(t time.Time) time.Time {
		if t.After(end) {
			return end
		}
		return t
	}
	sources := map[string]*source{}
	for _, s := range e.sources {
		s.cursor, s.mark, s.safe, s.backfilled = earlier(s.cursor), earlier(s.mark), earlier(s.safe), time.Time{}
		sources[s.Name] = s
	}
	for _, u := range e.units {
		u.own.Lock()
		ahead := u.next.After(end)
		u.observedAt = time.Time{}
		if limit := now.Add(e.parts.Settings.OutOfBandBackoff); u.foreign.until.After(limit) {
			u.foreign.until = limit
		}
		u.unseen, u.refused, u.asked = backoff{}, backoff{}, time.Time{} // what was refused in the future may be tried again
		u.own.Unlock()
		if ahead {
			e.reset(u)
			sources[u.source].waiting = append(sources[u.source].waiting, u)
		}
	}
	e.started = now
}

// end returns the end of the newest step whose samples are in at that time.
func (e *Engine) end(now time.Time) time.Time {
	return now.Add(-e.parts.Settings.IngestionDelay).Truncate(e.parts.Settings.Step)
}
