package app

import (
	"errors"
	"strings"
	"testing"

	"pilotlight/models"
)

// TestReloadDoesNotPretendToRevokeTokens changes a secret and reloads: the API answers to the old one until a restart, so the
// reload must be refused, without showing either secret.
func TestReloadDoesNotPretendToRevokeTokens(t *testing.T) {
	t.Parallel()
	const first, second = "first-secret-of-ann-0001", "second-secret-of-ann-002"
	dir := t.TempDir()
	write(t, dir, "token", first)
	path := write(t, dir, "pilotlight.yaml", `
server: {listen: "127.0.0.1:0", tokens: [{name: ann, role: operator, token_file: token}]}
storage: {dir: data}
collectors: [{name: prod, type: prometheus, config: {url: "http://127.0.0.1:9", preset: generic, target_id: "${function}"}}]
targets: [{match: "*", memory_mb: 512}]
`)
	stdio := IO{Out: t.Output(), Err: t.Output(), Env: func(string) (string, bool) { return "", false }}
	cfg, mode, err := load(stdio, path, "")
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{options: RunOptions{Config: path}, stdio: stdio, log: quiet(), reg: newRegistry()}
	if err := d.start(t.Context(), cfg, mode); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.journal.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := d.handler(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Reload(t.Context()); err != nil {
		t.Errorf("nothing has changed: %v", err)
	}
	write(t, dir, "token", second)
	switch _, err := d.Reload(t.Context()); {
	case !errors.Is(err, models.ErrConflict) || !strings.Contains(err.Error(), "restart"):
		t.Errorf("another secret: %v", err)
	case strings.Contains(err.Error(), first) || strings.Contains(err.Error(), second):
		t.Error("the error shows a secret")
	}
}
