// Package journal is the memory of Pilotlight: a durable log of events (decisions, approvals, action intents, outcomes,
// operator's orders) and the latest state of each forecaster, on NATS JetStream. The NATS server runs inside the process
// without any port; its types never leave this package.
//
// What holds, and what does not, is written down in docs/journal.md.
package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"pilotlight/models"
)

// ErrClosed says that the journal was closed.
var ErrClosed = errors.New("journal is closed")

// ErrInUse says that another process holds the directory.
var ErrInUse = errors.New("journal is in use")

// Journal stores events and states. All methods may be called from many goroutines.
type Journal struct {
	options Options
	lock    *dirLock
	log     *slog.Logger
	metrics *metrics
	// store is replaced after an error of the disk.
	store atomic.Pointer[store]

	keeper keeper

	requests chan *appendRequest
	// life ends when Close is called; afterClose runs a function then.
	life       <-chan struct{}
	endLife    context.CancelFunc
	afterClose func(func()) (stop func() bool)
	// written is closed when the writer has ended: nothing that is queued later will be recorded.
	written   chan struct{}
	closeOnce sync.Once
	closeErr  error

	spread  spread
	problem atomic.Pointer[error]
}

// Open starts the embedded server on the directory of the options, creates what is missing, and recovers what an earlier
// process left, however it ended. It returns ErrInUse when another process holds the directory. The context bounds the
// opening only; the journal lives until Close.
func Open(ctx context.Context, opt Options) (*Journal, error) {
	opt, err := opt.complete()
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	lock, err := lockDir(opt.Dir)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j, err := openLocked(ctx, opt, lock)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open journal in %s: %w", opt.Dir, err), lock.release())
	}
	return j, nil
}

// store is a running server and the client of it.
type store struct {
	server *server
	client *client
}

// openStore starts the server on the directory of the options and prepares the streams.
func openStore(ctx context.Context, opt Options) (*store, error) {
	srv, err := startServer(ctx, opt)
	if err != nil {
		return nil, err
	}
	c, err := newClient(ctx, srv.conn, opt)
	if err != nil {
		err = srv.explain(err)
		srv.stop()
		return nil, err
	}
	return &store{server: srv, client: c}, nil
}

func (j *Journal) client() *client { return j.store.Load().client }
func (j *Journal) server() *server { return j.store.Load().server }

// openLocked opens the journal in a directory that this process holds.
func openLocked(ctx context.Context, opt Options, lock *dirLock) (*Journal, error) {
	s, err := openStore(ctx, opt)
	if err != nil {
		return nil, err
	}
	life, endLife := context.WithCancel(context.WithoutCancel(ctx))
	j := &Journal{
		options: opt, lock: lock, log: opt.Logger, requests: make(chan *appendRequest, maxQueued),
		life: life.Done(), endLife: endLife, written: make(chan struct{}),
		afterClose: func(f func()) func() bool { return context.AfterFunc(life, f) },
	}
	j.store.Store(s)
	if err := j.begin(ctx); err != nil {
		endLife()
		s.server.stop()
		return nil, err
	}
	return j, nil
}

// begin reads what is needed from the store and starts the writer.
func (j *Journal) begin(ctx context.Context) (err error) {
	if err := j.recoverSpread(ctx); err != nil {
		return err
	}
	if err := j.reportLosses(ctx); err != nil {
		return err
	}
	if err := j.keeper.recover(ctx, j.client()); err != nil {
		return err
	}
	if err := j.keeper.catchUp(ctx, j.client()); err != nil {
		return err
	}
	j.metrics, err = newMetrics(j.options.Registerer, j.client)
	if err != nil {
		return err
	}
	go j.write(context.WithoutCancel(ctx))
	return nil
}

// Close records what is queued, stops the server and gives the directory free. Further calls return the first result.
func (j *Journal) Close() error {
	j.closeOnce.Do(func() {
		j.endLife()
		<-j.written
		j.metrics.unregister()
		j.server().stop()
		j.closeErr = j.lock.release()
	})
	return j.closeErr
}

// Ready says why events cannot be recorded at present, or returns nil.
func (j *Journal) Ready() error {
	if j.closed() {
		return ErrClosed
	}
	if err := j.server().running(); err != nil {
		return err
	}
	if p := j.problem.Load(); p != nil {
		return fmt.Errorf("the last events were not recorded, check the disk: %w", *p)
	}
	return nil
}

func (j *Journal) closed() bool {
	select {
	case <-j.life:
		return true
	default:
		return false
	}
}

// bound returns a context that also ends when the journal is closed.
func (j *Journal) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := j.afterClose(func() { cancel(ErrClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// cause prefers the reason why the context ended over what the client made of it.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// reportLosses logs the gaps that damage on the disk has left: events are only ever removed from the old end.
func (j *Journal) reportLosses(ctx context.Context) error {
	s, err := j.client().stats(ctx)
	if err != nil {
		return err
	}
	if s.Lost > 0 {
		j.log.LogAttrs(ctx, slog.LevelError, "the journal is damaged: events are missing",
			slog.Uint64("missing", s.Lost), slog.Uint64("first_seq", s.FirstSeq), slog.Uint64("last_seq", s.LastSeq))
	}
	return nil
}

// Stats says what the journal holds.
type Stats struct {
	// Events and Bytes are what is stored of events, FirstSeq and LastSeq the ends.
	Events   uint64
	Bytes    uint64
	FirstSeq uint64
	LastSeq  uint64
	// First and Last are when the ends were recorded; zero when the journal is empty.
	First time.Time
	Last  time.Time
	// Lost is how many events between the ends are missing because of damage on the disk.
	Lost uint64
	// States and StateBytes are what is stored of states.
	States     uint64
	StateBytes uint64
}

// Stats returns what the journal holds.
func (j *Journal) Stats(ctx context.Context) (Stats, error) {
	ctx, cancel := j.bound(ctx)
	defer cancel()
	s, err := j.client().stats(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("journal stats: %w", cause(ctx, err))
	}
	return s, nil
}

// invalid makes an error about a value that the caller must change.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), models.ErrInvalid)
}
