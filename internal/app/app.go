package app

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/common/promslog"
	"github.com/prometheus/common/version"

	"pilotlight/internal/config"
	"pilotlight/models"
)

// ErrUsage says that a command was called in a way it cannot work; the message says what to change.
var ErrUsage = errors.New("usage")

// IO is how a command meets its surroundings.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
	// Env looks up an environment variable.
	Env func(string) (string, bool)
}

// newLogger returns the logger of the process.
func newLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	cfg := promslog.Config{Level: promslog.NewLevel(), Format: promslog.NewFormat(), Writer: w}
	if err := cfg.Level.Set(level); err != nil {
		return nil, fmt.Errorf("%w: --log-level: %w", ErrUsage, err)
	}
	if err := cfg.Format.Set(format); err != nil {
		return nil, fmt.Errorf("%w: --log-format: %w", ErrUsage, err)
	}
	return promslog.New(&cfg), nil
}

// Version prints the version of the program.
func Version(stdio IO) error {
	_, err := fmt.Fprintln(stdio.Out, version.Print("pilotlight"))
	return err
}

// load reads a configuration file; a mode other than "" takes the place of the file's.
func load(stdio IO, path, mode string) (*config.Config, models.Mode, error) {
	if mode != "" {
		if _, err := models.ParseMode(mode); err != nil {
			return nil, "", fmt.Errorf("%w: --mode: %w", ErrUsage, err)
		}
	}
	cfg, err := config.Load(path, models.Mode(mode), parts(), stdio.Env)
	if err != nil {
		return nil, "", err
	}
	return cfg, cfg.Engine().Mode, nil
}

// Check reads a configuration file as the daemon does and says what it found.
func Check(stdio IO, path string) error {
	cfg, _, err := load(stdio, path, "")
	if err != nil {
		return err
	}
	for _, w := range append(cfg.Warnings(), cfg.OldPrices(time.Now())...) {
		if _, err := fmt.Fprintf(stdio.Err, "warning: %s\n", w); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(stdio.Out, "%s is fine: %d collectors, %d actuators, %d policies, mode %s, hash %s\n",
		path, len(cfg.Collectors()), len(cfg.Actuators()), len(cfg.Policies()), cfg.Engine().Mode, cfg.Hash())
	return err
}
