package journal

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pilotlight/models"
)

// The defaults of Options.
const (
	DefaultMaxAge      = models.Duration(90 * 24 * time.Hour)
	DefaultMaxBytes    = int64(8 << 30)
	DefaultDedupWindow = 2 * time.Minute
)

// Options say where and how much the journal stores.
type Options struct {
	// Dir is the directory of the journal, created if missing with access for its owner only. Required.
	Dir string
	// Now returns the time of the clock that stamps events; events far from it are checked more slowly. Required.
	Now func() time.Time
	// MaxAge is how long events are kept; 0 is DefaultMaxAge. The newest approval, action and outcome of a target and the
	// newest control are kept beyond it.
	MaxAge models.Duration
	// MaxBytes is the space for events; the oldest are removed beyond it. 0 is DefaultMaxBytes.
	MaxBytes int64
	// DedupWindow is how long the server remembers ids of events in memory; 0 is DefaultDedupWindow. Events with a Time
	// further than half of it from Now are looked up on disk instead, so that it bounds memory and not correctness.
	DedupWindow time.Duration
	// Relaxed lets Append return before the events are on the disk: they survive the end of the process, but not a power
	// cut. For demonstrations and tests.
	Relaxed bool
	// Logger gets what the server has to say; nil discards it.
	Logger *slog.Logger
	// Registerer gets the metrics; nil keeps them private.
	Registerer prometheus.Registerer
}

// complete checks the options and fills in the defaults.
func (o Options) complete() (Options, error) {
	if o.MaxAge == 0 {
		o.MaxAge = DefaultMaxAge
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.DedupWindow == 0 {
		o.DedupWindow = DefaultDedupWindow
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
	return o, o.validate()
}

// validate says why the completed options cannot be used, or returns nil.
func (o *Options) validate() error {
	switch {
	case o.Dir == "":
		return invalid("no directory is given: set Dir")
	case o.Now == nil:
		return invalid("no clock is given: set Now")
	case o.MaxAge.Std() < minMaxAge:
		return invalid("max age %s is below %s", o.MaxAge, minMaxAge)
	case o.MaxBytes < minMaxBytes:
		return invalid("max bytes %d is below %d", o.MaxBytes, minMaxBytes)
	case o.DedupWindow < minDedupWindow || o.DedupWindow > o.MaxAge.Std():
		return invalid("window of ids %s is not between %s and the max age %s", o.DedupWindow, minDedupWindow, o.MaxAge)
	}
	return nil
}

const (
	minMaxAge      = time.Hour
	minMaxBytes    = 1 << 20
	minDedupWindow = time.Second
)
