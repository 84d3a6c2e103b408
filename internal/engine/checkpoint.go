package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"pilotlight/models"
)

// unitStateVersion changes when the layout of a unit's state changes; other versions are ignored, and history is read again.
const unitStateVersion = 1

// checkpoint saves the state of a part of the units, so that each is saved once in CheckpointEvery, and how far each source
// was read at the oldest of these.
func (e *Engine) checkpoint(ctx context.Context) {
	set := &e.parts.Settings
	if set.CheckpointEvery <= 0 {
		return
	}
	turns := max(int64(set.CheckpointEvery/set.Interval), 1)
	// Turns are counted and not read from the clock, else Steps that take longer than an interval skip the same units for ever.
	turn := e.turn % turns
	if turn == 0 {
		if err := e.saveMerits(ctx); err != nil {
			e.log.WarnContext(ctx, "records of advice could not be saved", "err", err)
		}
		for _, s := range e.sources {
			s.mark = s.cursor
		}
	}
	for _, u := range e.units {
		if shard(u.id)%turns != turn {
			continue
		}
		if err := e.saveUnit(ctx, u); err != nil {
			e.log.WarnContext(ctx, "state could not be saved", "target", string(u.id), "err", err)
			e.metrics.journalFailed()
			return
		}
	}
	e.turn++
	for _, s := range e.sources {
		// Units are saved at different Steps: the oldest state is from the first of the last whole round.
		if turn == turns-1 || s.safe.IsZero() {
			s.safe = s.mark
		}
		if err := e.saveCursor(ctx, s, s.safe); err != nil {
			e.log.WarnContext(ctx, "state could not be saved", "collector", s.Name, "err", err)
		}
	}
}

// shard spreads targets evenly.
func shard(id models.TargetID) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // a hash never returns an error
	return int64(h.Sum32())
}

// saveAll saves every unit, and how far the sources were read if all units have been read as far.
func (e *Engine) saveAll(ctx context.Context) error {
	var errs []error
	for _, u := range e.units {
		if err := e.saveUnit(ctx, u); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	for _, s := range e.sources {
		errs = append(errs, e.saveCursor(ctx, s, s.cursor))
	}
	return errors.Join(errs...)
}

// saveCursor saves how far a source was read.
func (e *Engine) saveCursor(ctx context.Context, s *source, at time.Time) error {
	if at.IsZero() {
		return nil
	}
	return e.deps.State.SaveState(ctx, "cursor/"+s.Name, binary.AppendVarint(nil, at.UnixNano()))
}

// loadCursors continues each source where it stopped.
func (e *Engine) loadCursors(ctx context.Context) {
	for _, s := range e.sources {
		data, err := e.deps.State.LoadState(ctx, "cursor/"+s.Name)
		if err != nil {
			continue
		}
		if nanos, n := binary.Varint(data); n > 0 {
			s.cursor = time.Unix(0, nanos).UTC().Truncate(e.parts.Settings.Step)
			s.safe = s.cursor
		}
	}
}

// saveUnit saves the state of a unit.
func (e *Engine) saveUnit(ctx context.Context, u *unit) error {
	u.own.Lock()
	data, err := u.marshal()
	u.own.Unlock()
	if err != nil {
		return fmt.Errorf("target %q: %w", u.id, err)
	}
	return e.deps.State.SaveState(ctx, "target/"+string(u.id), data)
}

// loadUnit gives a new unit the state it had. A state that does not fit any more is no error: history is read again.
func (e *Engine) loadUnit(ctx context.Context, u *unit) {
	data, err := e.deps.State.LoadState(ctx, "target/"+string(u.id))
	if errors.Is(err, models.ErrNotFound) {
		return
	}
	if err == nil {
		err = u.unmarshal(data)
	}
	if err != nil {
		e.log.InfoContext(ctx, "saved state does not fit; history is read again", "target", string(u.id), "err", err)
		e.reset(u)
	}
}

// unitHeader is the fixed part of a unit's state.
type unitHeader struct {
	Version                      uint32
	StepNanos                    int64
	NextNanos, LastNanos         int64
	Known                        int64
	OutOfBandNanos               int64
	PredictorBytes, MemoryLength uint32
}

// marshal returns the state of the unit.
func (u *unit) marshal() ([]byte, error) {
	if u.next.IsZero() {
		return nil, nil
	}
	p, err := u.predictor.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("predictor: %w", err)
	}
	m, err := u.memory.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("policy memory: %w", err)
	}
	h := unitHeader{
		Version: unitStateVersion, StepNanos: int64(u.step), NextNanos: u.next.UnixNano(), Known: int64(u.known),
		LastNanos: nanos(u.lastSample), OutOfBandNanos: nanos(u.foreign.until),
		PredictorBytes: uint32(len(p)), MemoryLength: uint32(len(m)), //nolint:gosec // states are kilobytes
	}
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, h); err != nil {
		return nil, err
	}
	b.Write(p)
	b.Write(m)
	s, err := u.sizing.marshal()
	if err != nil {
		return nil, err
	}
	b.Write(s) // the rest, if there is one
	return b.Bytes(), nil
}

// nanos returns the time in nanoseconds since 1970, 0 for the zero time.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// when is the inverse of nanos.
func when(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}

// unmarshal takes over a saved state.
func (u *unit) unmarshal(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	var h unitHeader
	r := bytes.NewReader(data)
	if err := binary.Read(r, binary.LittleEndian, &h); err != nil {
		return fmt.Errorf("state of %d bytes: %w", len(data), err)
	}
	rest := data[len(data)-r.Len():]
	switch {
	case h.Version != unitStateVersion:
		return fmt.Errorf("state of version %d, not %d: %w", h.Version, unitStateVersion, models.ErrInvalid)
	case h.StepNanos != int64(u.step):
		return fmt.Errorf("state has steps of %s, not %s: %w", time.Duration(h.StepNanos), u.step, models.ErrInvalid)
	case uint64(len(rest)) < uint64(h.PredictorBytes)+uint64(h.MemoryLength):
		return fmt.Errorf("state is cut short: %w", models.ErrInvalid)
	}
	if err := u.predictor.UnmarshalBinary(rest[:h.PredictorBytes]); err != nil {
		return fmt.Errorf("predictor: %w", err)
	}
	rest = rest[h.PredictorBytes:]
	if err := u.memory.UnmarshalBinary(rest[:h.MemoryLength]); err != nil {
		return fmt.Errorf("policy memory: %w", err)
	}
	if err := u.recallSizing(rest[h.MemoryLength:]); err != nil {
		return err
	}
	u.next, u.lastSample, u.known = when(h.NextNanos), when(h.LastNanos), int(h.Known)
	if until := when(h.OutOfBandNanos); until.After(u.foreign.until) {
		u.foreign.until = until // the journal may know of a later one
	}
	return nil
}
