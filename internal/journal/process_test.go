package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotlight/models"
)

// The helper process: the test binary runs itself with these variables set.
const (
	roleVariable  = "PILOTLIGHT_JOURNAL_TEST_ROLE"
	dirVariable   = "PILOTLIGHT_JOURNAL_TEST_DIR"
	seedVariable  = "PILOTLIGHT_JOURNAL_TEST_SEED"
	startVariable = "PILOTLIGHT_JOURNAL_TEST_START"
	baseVariable  = "PILOTLIGHT_JOURNAL_TEST_BASE"
)

const (
	roleAppend   = "append"
	roleHold     = "hold"
	roleLimit    = "limit"
	roleReadOnly = "read-only"
)

// helper starts the test binary in a role.
func helper(t *testing.T, role, dir string, variables ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program) //nolint:gosec // The program is this test.
	cmd.Env = append(os.Environ(), append(variables, roleVariable+"="+role, dirVariable+"="+dir)...)
	cmd.Stderr = os.Stderr
	return cmd
}

// runRole is the main function of the helper process.
func runRole(role string) int {
	ctx := context.Background()
	var err error
	dir := os.Getenv(dirVariable)
	switch role {
	case roleAppend:
		err = appendForever(ctx, dir)
	case roleHold:
		err = hold(ctx, dir)
	case roleLimit:
		err = fillUp(ctx, dir)
	case roleReadOnly:
		err = openAsNobody(ctx, dir)
	default:
		err = errors.New("unknown role")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "helper process:", err)
		return 1
	}
	return 0
}

func numberVariable(name string) int {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		panic(name + ": " + err.Error())
	}
	return n
}

// group returns the events of the n-th call of Append; the same seed makes the same events.
func group(seed, n int, at time.Time) []models.Event {
	random := rand.New(rand.NewPCG(uint64(seed), uint64(n))) //nolint:gosec // A test needs the same numbers again.
	size := 1
	if random.IntN(3) > 0 {
		size = 1 + random.IntN(3*minBatch)
	}
	events := make([]models.Event, size)
	for i := range events {
		target := models.TargetID(fmt.Sprint("fn", random.IntN(5)))
		at := at.Add(time.Duration(n) * time.Millisecond)
		switch random.IntN(3) {
		case 0:
			events[i] = actionEvent(target, at, n*1000+i)
		case 1:
			events[i] = outcomeEvent(target, at, n*1000+i)
		default:
			events[i] = decisionEvent(target, at, n*1000+i)
		}
	}
	return events
}

const crashKey = "forecaster"

// crashState is the n-th state; its content follows from its beginning.
func crashState(n int) []byte {
	return []byte(strings.Repeat(fmt.Sprint(n, " "), 1+n%5000))
}

// appendForever appends group after group, and says after each that it is recorded, until the process is killed.
func appendForever(ctx context.Context, dir string) error {
	j, err := Open(ctx, Options{Dir: dir, Now: time.Now})
	if err != nil {
		return err
	}
	at := time.UnixMilli(int64(numberVariable(baseVariable))).UTC()
	seed := numberVariable(seedVariable)
	for n := numberVariable(startVariable); ; n++ {
		if err := j.Append(ctx, group(seed, n, at)...); err != nil {
			return err
		}
		fmt.Println(n)
		if err := j.SaveState(ctx, crashKey, crashState(n)); err != nil {
			return err
		}
	}
}

// TestKill kills the process that appends at random moments, again and again on the same directory. What was reported as
// recorded must be there, once and in order; of the call that was cut off there may be the beginning. The next process
// begins with two calls that were recorded and the one that was cut off.
func TestKill(t *testing.T) {
	t.Parallel()
	const rounds, seed = 20, 20260102
	dir := t.TempDir()
	at := base()
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // A test needs the same numbers again.
	var expected []models.Event              // of the groups that are recorded
	groups := 0                              // how many are recorded
	for round := range rounds {
		last := appendUntilKilled(t, dir, max(groups-2, 0), 1+random.IntN(30), seed, at)
		for ; groups <= last; groups++ {
			expected = append(expected, group(seed, groups, at)...)
		}
		checkAfterKill(t, dir, round, expected, group(seed, groups, at))
	}
	t.Logf("%d kills, %d calls, %d events", rounds, groups, len(expected))
}

// appendUntilKilled runs the helper process, kills it after it has reported so many calls, and returns the last reported.
func appendUntilKilled(t *testing.T, dir string, start, lines, seed int, at time.Time) (last int) {
	t.Helper()
	cmd := helper(t, roleAppend, dir, seedVariable+"="+strconv.Itoa(seed), startVariable+"="+strconv.Itoa(start),
		baseVariable+"="+strconv.FormatInt(at.UnixMilli(), 10))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last = -1
	// The process goes on while its last lines are read, so that it dies anywhere in its work.
	for scanner := bufio.NewScanner(out); scanner.Scan(); lines-- {
		if last, err = strconv.Atoi(scanner.Text()); err != nil {
			t.Fatal(err)
		}
		if lines == 1 {
			if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the process was not killed: %v", err)
	}
	return last
}

// checkAfterKill compares the journal with what was reported.
func checkAfterKill(t *testing.T, dir string, round int, expected, cut []models.Event) {
	t.Helper()
	j := open(t, dir, nil)
	got := ids(all(t, j))
	want := ids(expected)
	if len(got) < len(want) {
		t.Fatalf("round %d: %d events, but %d were recorded", round, len(got), len(want))
	}
	if diff := cmp.Diff(want, got[:len(want)]); diff != "" {
		t.Fatalf("round %d: recorded (-want +got):\n%s", round, diff)
	}
	rest := got[len(want):]
	if len(rest) > len(cut) {
		t.Fatalf("round %d: %d events too many", round, len(rest)-len(cut))
	}
	if diff := cmp.Diff(ids(cut)[:len(rest)], rest, cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
		t.Fatalf("round %d: cut off (-want +got):\n%s", round, diff)
	}
	checkLatest(t, j, append(slices.Clone(expected), cut[:len(rest)]...))
	state, err := j.LoadState(t.Context(), crashKey)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		t.Fatalf("round %d: %v", round, err)
	}
	if err == nil {
		first, _, _ := strings.Cut(string(state), " ")
		n, err := strconv.Atoi(first)
		if err != nil || string(crashState(n)) != string(state) {
			t.Fatalf("round %d: state %.50q is not one that was saved: %v", round, state, err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// checkLatest compares Latest with the newest of each type and target of the events.
func checkLatest(t *testing.T, j *Journal, events []models.Event) {
	t.Helper()
	type kind struct {
		Type   models.EventType
		Target models.TargetID
	}
	want, got := map[kind]string{}, map[kind]string{}
	for _, e := range events {
		want[kind{e.Type, e.Target}] = e.ID
	}
	err := j.Latest(t.Context(), func(e models.Event) error {
		if _, twice := got[kind{e.Type, e.Target}]; twice {
			t.Errorf("%s of %s twice", e.Type, e.Target)
		}
		got[kind{e.Type, e.Target}] = e.ID
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("latest (-want +got):\n%s", diff)
	}
}

// hold keeps the journal open until the standard input ends.
func hold(ctx context.Context, dir string) error {
	j, err := Open(ctx, Options{Dir: dir, Now: time.Now})
	if err != nil {
		return err
	}
	fmt.Println("open")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return j.Close()
}

func TestTwoProcessesAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := helper(t, roleHold, dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "open\n" {
		t.Fatalf("helper says %q, %v", line, err)
	}
	_, err = Open(t.Context(), Options{Dir: dir, Now: time.Now})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", cmd.Process.Pid)) {
		t.Errorf("got %v, want %v by process %d", err, ErrInUse, cmd.Process.Pid)
	}
	if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	open(t, dir, nil)
}

// fillUp appends until the system refuses to write more, as a full disk does.
func fillUp(ctx context.Context, dir string) error {
	j, err := Open(ctx, Options{Dir: dir, Now: time.Now})
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	var unlimited syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &unlimited); err != nil {
		return err
	}
	limited := syscall.Rlimit{Cur: 200 << 10, Max: unlimited.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limited); err != nil {
		return err
	}
	at := time.UnixMilli(int64(numberVariable(baseVariable))).UTC()
	failed := 0
	for n := 0; n < 5000; n++ {
		err := j.Append(ctx, decisionEvent("fn", at, n))
		switch {
		case err == nil && failed > 0:
			fmt.Println("recovered:", j.Ready())
			return j.Close()
		case err == nil:
			fmt.Println(n)
		case failed == 2:
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &unlimited); err != nil {
				return err
			}
			fallthrough
		default:
			fmt.Println("append:", err)
			fmt.Println("ready:", j.Ready())
			failed++
			n-- // The same event again.
		}
	}
	return errors.New("no error, or no recovery")
}

func TestDiskErrorIsReported(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := base()
	cmd := helper(t, roleLimit, dir, baseVariable+"="+strconv.FormatInt(at.UnixMilli(), 10))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	good := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "append:") })
	if good < 10 || len(lines) != good+7 || lines[good+6] != "recovered: <nil>" {
		t.Fatalf("helper says %q", lines[max(good, 0):])
	}
	for i := good; i < good+6; i += 2 {
		t.Log(lines[i])
		if !strings.Contains(lines[i], "file too large") {
			t.Errorf("append says %q, want the error of the disk", lines[i])
		}
		if !strings.Contains(lines[i+1], "check the disk") {
			t.Errorf("ready says %q", lines[i+1])
		}
	}
	j := open(t, dir, nil)
	var want []string
	for n := range good + 1 {
		want = append(want, decisionEvent("fn", at, n).ID)
	}
	if diff := cmp.Diff(want, ids(all(t, j))); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

// openAsNobody opens a directory that it cannot write to.
func openAsNobody(ctx context.Context, dir string) error {
	if os.Getuid() == 0 {
		if err := syscall.Setuid(65534); err != nil {
			return err
		}
	}
	_, err := Open(ctx, Options{Dir: dir, Now: time.Now})
	fmt.Println(err)
	return nil
}

func TestReadOnlyDirectoryIsReported(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	dir := filepath.Join(parent, "journal")
	for path, mode := range map[string]os.FileMode{parent: 0o755, filepath.Dir(parent): 0o755} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	//nolint:gosec // Another user must be able to see it.
	if err := os.Mkdir(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	out, err := helper(t, roleReadOnly, dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	if text := string(out); !strings.Contains(text, "permission denied") || !strings.Contains(text, "writable") {
		t.Errorf("got %q, want a denied permission and what to do", text)
	}
}
