package app

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// testEnv is what parts are built with in tests.
func testEnv(t *testing.T) env {
	t.Helper()
	return env{
		ctx: t.Context(), logger: quiet(), reg: prometheus.NewRegistry(), now: now,
		lookup: func(name string) (string, bool) { return name + "-0123456789abcdef-0123456789", true },
	}
}

// read returns the text of a file.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path) //nolint:gosec // tests name files of the repository and their own
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// write writes a file and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, filepath.Base(name))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
