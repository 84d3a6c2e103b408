package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotlight/models"
)

// withTokens parses a file with two tokens: one in a file of dir, one in the variable PL_VIEW.
func withTokens(t *testing.T, dir string, env Env) *Config {
	t.Helper()
	text := minimal + "server: {tokens: [{name: ops, role: operator, token_file: ops.token}, {name: view, role: viewer, token_env: PL_VIEW}]}\n"
	c, err := Parse(filepath.Join(dir, "p.yaml"), []byte(text), testParts(), env)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTokens(t *testing.T) {
	t.Parallel()
	const long = "0123456789abcdef"
	for name, tc := range map[string]struct {
		file, variable string
		want           []string
	}{
		"good":           {long + "\n", " x" + long, nil},
		"no file":        {"", "x" + long, []string{"token ops: ", "ops.token: no such file"}},
		"nothing there":  {"", "", []string{"token ops: ", "token view: the variable PL_VIEW is not set"}},
		"short":          {"short", "x" + long, []string{"token ops: its secret of 5 bytes is shorter than 16"}},
		"same":           {long, long, []string{"token view: has the same secret as ops"}},
		"not for HTTP":   {long + " x", "ü" + long, []string{"token ops: its secret has spaces or letters", "token view: its secret has spaces or letters"}},
		"file too large": {strings.Repeat("x", 70000), long, []string{"has 70000 bytes and is no token"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if tc.file != "" {
				if err := os.WriteFile(filepath.Join(dir, "ops.token"), []byte(tc.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			c := withTokens(t, dir, func(name string) (string, bool) { return tc.variable, name == "PL_VIEW" && tc.variable != "" })
			got, err := c.Tokens()
			if tc.want == nil {
				want := []Token{{"ops", RoleOperator, long}, {"view", RoleViewer, "x" + long}}
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Errorf("%v (-want +got):\n%s", err, diff)
				}
				return
			}
			for _, w := range tc.want {
				if err == nil || !strings.Contains(err.Error(), w) {
					t.Errorf("error %v, want %q", err, w)
				}
			}
			if got != nil || strings.Contains(err.Error(), long) {
				t.Errorf("tokens %v, %v", got, err)
			}
		})
	}
}

func TestTokenHidesItsSecret(t *testing.T) {
	t.Parallel()
	token := Token{Name: "ops", Role: RoleOperator, Secret: "s3cret"}
	for _, format := range []string{"%v", "%+v", "%s", "%#v", "%q"} {
		if got := fmt.Sprintf(format, []Token{token}); strings.Contains(got, "s3cret") {
			t.Errorf("%s prints %s", format, got)
		}
	}
}

func TestTokensAreReadAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := withTokens(t, dir, func(string) (string, bool) { return "fedcba9876543210", true })
	if _, err := c.Tokens(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ops.token"), []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Tokens(); err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := parse(t, minimal).Tokens(); err != nil || len(got) != 0 {
		t.Errorf("without tokens: %v, %v", got, err)
	}
	if _, err := withTokens(t, dir, noEnv).Tokens(); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
}

// TestWhoMayAsk checks the rule for an API without tokens.
func TestWhoMayAsk(t *testing.T) {
	t.Parallel()
	const tokens = "tokens: [{name: a, role: viewer, token_env: A}]" //nolint:gosec // the name of a variable is no secret
	for _, tc := range []struct {
		server, mode string
		open         bool
		problem      string
		warning      string
	}{
		{"{}", "dry-run", true, "", "has no tokens: everybody on this machine"},
		{"{}", "auto", false, "server: has no tokens, so everybody on this machine could approve writes in mode auto", ""},
		{"{}", "approve", false, "server: has no tokens", ""},
		{"{open: true}", "auto", true, "", ""},
		{"{open: true}", "dry-run", true, "", ""},
		{"{open: true, listen: 'localhost:1'}", "auto", true, "", ""},
		{"{open: true, listen: '[::1]:1'}", "auto", true, "", ""},
		{"{open: true, listen: '[::]:1'}", "dry-run", false, "server.listen: [::]:1 is reached from other machines", ""},
		{"{open: true, listen: '10.0.0.1:1'}", "dry-run", false, "server.listen", ""},
		{"{" + tokens + "}", "auto", false, "", ""},
		{"{" + tokens + ", open: false}", "auto", false, "", ""},
		{"{" + tokens + ", listen: ':80'}", "auto", false, "", "put a proxy with TLS before it"},
		{"{" + tokens + ", listen: '127.0.0.1:0'}", "auto", false, "", "port 0 takes another free port"},
	} {
		text := minimal + "server: " + tc.server + "\nengine: {mode: " + tc.mode + "}\nactuators: [{name: l, type: dry_run}]\n"
		c, err := Parse("p.yaml", []byte(text), testParts(), noEnv)
		if tc.problem != "" {
			if err == nil || !strings.Contains(err.Error(), tc.problem) {
				t.Errorf("%s in %s: error %v, want %q", tc.server, tc.mode, err, tc.problem)
			}
			continue
		}
		if err != nil || c.Server().Open != tc.open {
			t.Errorf("%s in %s: %v, want open %v", tc.server, tc.mode, err, tc.open)
			continue
		}
		if got := strings.Join(c.Warnings(), "\n"); !strings.Contains(got, tc.warning) || (got == "") != (tc.warning == "") {
			t.Errorf("%s in %s: warnings %q, want %q", tc.server, tc.mode, got, tc.warning)
		}
	}
}
