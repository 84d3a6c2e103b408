package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestTune checks that what tune prints is a configuration that check accepts.
func TestTune(t *testing.T) {
	t.Parallel()
	_, dir := oneDay(t)
	r := pilotlight(t, "tune", "--trace", dir, "--setting", "provider", "--by", "class", "--workers", "1")
	r.want(t, 0, []string{"# pilotlight tune: ", "- held back: ", "targets:"}, nil)
	file := filepath.Join(t.TempDir(), "tuned.yaml")
	if err := os.WriteFile(file, []byte(r.out), 0o600); err != nil {
		t.Fatal(err)
	}
	pilotlight(t, "check", "--config", file).want(t, 0, []string{"is fine"}, []string{"limits.max_warm"})
	pilotlight(t, "tune").want(t, 2, nil, []string{"--trace or --config"})
	pilotlight(t, "tune", "--trace", dir, "--by", "team").want(t, 2, nil, []string{"all, class, target"})
	pilotlight(t, "tune", "--trace", dir, "extra").want(t, 2, nil, []string{"extra"})
}
