package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// asProgram is the variable that makes the test binary the program itself.
const asProgram = "PILOTLIGHT_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run())
	}
	os.Exit(m.Run())
}

// patience is how long one command may take; those that need it hang.
const patience = time.Minute

// result is how a command ended.
type result struct {
	code     int
	out, err string
}

// pilotlight runs the program with arguments.
func pilotlight(t *testing.T, args ...string) result {
	t.Helper()
	return pilotlightFrom(t, "", args...)
}

// pilotlightFrom runs the program with arguments and standard input.
func pilotlightFrom(t *testing.T, in string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, self, args...) //nolint:gosec // the test runs itself
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &errs
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || !exit.Exited()) {
		t.Fatalf("pilotlight %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// want checks the exit code and that the texts are in the output and the errors. Nothing else may be in the errors where none
// are wanted.
func (r result) want(t *testing.T, code int, out, errs []string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	for _, s := range out {
		if !strings.Contains(r.out, s) {
			t.Errorf("%q is not in the output", s)
		}
	}
	for _, s := range errs {
		if !strings.Contains(r.err, s) {
			t.Errorf("%q is not in the errors", s)
		}
	}
	if out == nil && r.out != "" {
		t.Error("there is output")
	}
	if errs == nil && r.err != "" {
		t.Error("there are errors")
	}
	if strings.Contains(r.err, "panic") || strings.Contains(r.err, "goroutine ") {
		t.Error("it panics")
	}
	if t.Failed() {
		t.Logf("exit code %d\noutput:\n%s\nerrors:\n%s", r.code, r.out, r.err)
	}
}

// configFile writes a configuration file, p.yaml in a folder of its own, and returns its path.
func configFile(t *testing.T, format string, args ...any) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
