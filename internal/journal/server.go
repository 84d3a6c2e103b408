package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	// maxPayload bounds one message, headers included.
	maxPayload = 8 << 20
	// maxStore is beyond any disk: the space is bounded by Options.MaxBytes and the number of states.
	maxStore = 1 << 50
	// maxMemory bounds what JetStream keeps in memory streams, of which there are none; consumers need a little.
	maxMemory = 64 << 20
	// relaxedSync is how often files are synced that are not synced at every write.
	relaxedSync = 15 * time.Second
	// writeTime bounds one write of events, of which a slow disk is the greater part.
	writeTime = 30 * time.Second
	// startTime bounds the recovery of a journal at the start.
	startTime = 5 * time.Minute
	// criticalError is what the server logs when it will not write to a stream any more.
	criticalError = "critical write error"
)

// server is the embedded NATS server and the connection to it.
type server struct {
	nats *natsd.Server
	conn *nats.Conn
	log  *serverLog
}

// startServer starts the server in the process, without a port and without signal handlers, and connects to it.
func startServer(ctx context.Context, opt Options) (*server, error) {
	srv, err := natsd.NewServer(&natsd.Options{
		ServerName: "pilotlight", DontListen: true, NoSigs: true,
		JetStream: true, StoreDir: opt.Dir, JetStreamMaxStore: maxStore, JetStreamMaxMemory: maxMemory,
		SyncAlways: !opt.Relaxed, SyncInterval: relaxedSync,
		MaxPayload: maxPayload, DisableJetStreamBanner: true, NoSystemAccount: true, MaxClosedClients: 16,
		JetStreamLimits: natsd.JSLimitOpts{MaxBatchSize: maxBatch, MaxBatchTimeout: writeTime},
	})
	if err != nil {
		return nil, fmt.Errorf("configure the embedded server: %w", err)
	}
	s := &server{nats: srv, log: &serverLog{log: opt.Logger}}
	srv.SetLoggerV2(s.log, false, false, false)
	if err := s.start(ctx); err != nil {
		s.stop()
		return nil, err
	}
	s.conn, err = nats.Connect("", nats.InProcessServer(srv), nats.Name("pilotlight journal"), nats.NoCallbacksAfterClientClose())
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("connect to the embedded server: %w", err)
	}
	return s, nil
}

// start waits until the server has recovered its files. A server that cannot start says so in its log only.
func (s *server) start(ctx context.Context) error {
	started := make(chan struct{})
	go func() {
		defer close(started)
		s.nats.Start()
	}()
	timer := time.NewTimer(startTime)
	defer timer.Stop()
	select {
	case <-started:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return fmt.Errorf("the embedded server did not start within %s", startTime)
	}
	if !s.nats.JetStreamEnabled() || !s.nats.ReadyForConnections(startTime) {
		return s.explain(errors.New("the embedded server cannot use the directory"))
	}
	return nil
}

// stop closes the connection and stops the server; it returns when all is written and no goroutine is left.
func (s *server) stop() {
	if s.conn != nil {
		s.conn.Close()
	}
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}

// running says why the server is not usable, or returns nil.
func (s *server) running() error {
	if !s.nats.Running() || !s.nats.JetStreamEnabled() {
		return s.explain(errors.New("the embedded server has stopped"))
	}
	if !s.conn.IsConnected() {
		return fmt.Errorf("the embedded server is not connected: %s", s.conn.Status())
	}
	return nil
}

// broken reports whether the server has met an error of the disk, after which it must be started anew.
func (s *server) broken() bool { return s.log.broken.Load() }

// whileUsable returns a context for a write, which ends after some time, or at an error of the disk: the server says that
// only in its log, and leaves the client without an answer.
func (s *server) whileUsable(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithTimeoutCause(ctx, writeTime, fmt.Errorf("no answer from the store within %s", writeTime))
	ctx, cancel := context.WithCancelCause(ctx)
	onBroken := func() { cancel(errDisk) }
	s.log.onBroken.Store(&onBroken)
	return ctx, func() {
		s.log.onBroken.Store(nil)
		cancel(nil)
		stop()
	}
}

// errDisk says that the server met an error of the disk.
var errDisk = errors.New("the disk is full or failing")

// explain adds the last error that the server has logged: a client often learns only that no answer came.
func (s *server) explain(err error) error {
	if text := s.log.lastError.Load(); err != nil && text != nil {
		return fmt.Errorf("%w (the store says: %s)", err, *text)
	}
	return err
}

// serverLog passes the log of the server on, and remembers its last error. It never ends the process.
type serverLog struct {
	log       *slog.Logger
	lastError atomic.Pointer[string]
	broken    atomic.Bool
	onBroken  atomic.Pointer[func()]
}

var _ natsd.Logger = (*serverLog)(nil)

func (l *serverLog) print(level slog.Level, format string, args []any) {
	text := fmt.Sprintf(format, args...)
	if level >= slog.LevelError {
		l.lastError.Store(&text)
	}
	if strings.Contains(text, criticalError) {
		l.broken.Store(true)
		if f := l.onBroken.Load(); f != nil {
			(*f)()
		}
	}
	//nolint:forbidigo // The interface of the server's log has no context.
	l.log.LogAttrs(context.Background(), level, "embedded nats server", slog.String("text", text))
}

// Noticef implements the server's Logger. What the server thinks notable is detail to an operator of Pilotlight.
func (l *serverLog) Noticef(format string, v ...any) { l.print(slog.LevelDebug, format, v) }

// Warnf implements the server's Logger.
func (l *serverLog) Warnf(format string, v ...any) { l.print(slog.LevelWarn, format, v) }

// Fatalf implements the server's Logger.
func (l *serverLog) Fatalf(format string, v ...any) { l.print(slog.LevelError, format, v) }

// Errorf implements the server's Logger.
func (l *serverLog) Errorf(format string, v ...any) { l.print(slog.LevelError, format, v) }

// Debugf implements the server's Logger.
func (l *serverLog) Debugf(format string, v ...any) { l.print(slog.LevelDebug, format, v) }

// Tracef implements the server's Logger.
func (l *serverLog) Tracef(format string, v ...any) { l.print(slog.LevelDebug, format, v) }
