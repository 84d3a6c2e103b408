package awslambdatest

import (
	"fmt"
	"maps"
	"strconv"
	"testing"
	"time"
)

// function is a function with its versions, of which the first is 1.
type function struct {
	latest   configuration
	versions []configuration
	// failUpdate is the reason for which the next update of $LATEST fails.
	failUpdate string
	aliases    map[string]*alias
	reserved   int // -1 is none
	tags       map[string]string
	configs    map[string]*provisioned
	// failNext is the reason for which the next allocation of a qualifier fails.
	failNext map[string]string
}

// alias points at a version, and shares its traffic with others by weight.
type alias struct {
	version  string
	weights  map[string]float64
	revision int
	// leaves is the version that it moves away from, until the provisioned concurrency is allocated on the new one.
	leaves string
}

// shares returns the weights that the alias shows. While it moves, AWS adds one of its own for the version that it leaves.
func (s *Server) shares(f *function, name string) map[string]float64 {
	a := f.aliases[name]
	config := f.configs[name]
	if a.leaves != "" && config != nil && config.at(s.now, s.config).status == inProgress {
		return map[string]float64{a.leaves: 1}
	}
	return a.weights
}

// provisioned is the configuration of one version or alias.
type provisioned struct {
	requested int
	// before is what was allocated and usable when the request came.
	before   int
	asked    time.Time
	failWith string
}

// inProgress is the status of an allocation that goes on.
const inProgress = "IN_PROGRESS"

// state is a configuration as it stands at a time.
type state struct {
	status, reason       string
	allocated, available int
}

// at returns how far the configuration is. Of a raise nothing is usable before all is allocated.
func (p *provisioned) at(now time.Time, c Config) state {
	passed := now.Sub(p.asked)
	if p.requested <= p.before {
		if passed < c.LowerDelay && p.requested < p.before {
			return state{status: inProgress, allocated: p.before, available: p.requested}
		}
		return state{status: "READY", allocated: p.requested, available: p.requested}
	}
	more := p.requested - p.before
	filled := int(max(0, passed-c.Delay).Minutes() * float64(c.PerMinute))
	switch {
	case passed < c.Delay || filled < more:
		return state{status: inProgress, allocated: p.before + min(filled, more), available: p.before}
	case p.failWith != "":
		return state{status: "FAILED", reason: p.failWith}
	default:
		return state{status: "READY", allocated: p.requested, available: p.requested}
	}
}

// AddFunction adds a function with that many published versions.
func (s *Server) AddFunction(tb testing.TB, name string, versions int) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &function{
		reserved: -1, latest: configuration{memory: 512, sha: "sha-1", timeout: 3, revision: 1, changed: s.now.Add(-time.Hour)},
		aliases: make(map[string]*alias), configs: make(map[string]*provisioned), failNext: make(map[string]string),
	}
	for range versions {
		f.versions = append(f.versions, f.latest)
	}
	s.functions[name] = f
}

// PutAlias points an alias at a version, with the weights of further versions; nil gives it all traffic.
func (s *Server) PutAlias(tb testing.TB, name, aliasName, version string, weights map[string]float64) {
	tb.Helper()
	s.change(tb, name, func(f *function) {
		revision := 1
		if before := f.aliases[aliasName]; before != nil {
			revision = before.revision + 1
		}
		f.aliases[aliasName] = &alias{version: version, weights: maps.Clone(weights), revision: revision}
	})
}

// Reserve reserves concurrency for a function; -1 for none.
func (s *Server) Reserve(tb testing.TB, name string, concurrency int) {
	tb.Helper()
	s.change(tb, name, func(f *function) { f.reserved = concurrency })
}

// Provisioned returns the provisioned concurrency that was asked for last, 0 for none.
func (s *Server) Provisioned(tb testing.TB, name, qualifier string) int {
	tb.Helper()
	n := 0
	s.change(tb, name, func(f *function) {
		if config := f.configs[qualifier]; config != nil {
			n = config.requested
		}
	})
	return n
}

// FailAllocation makes the next allocation of a version or alias end as FAILED for that reason.
func (s *Server) FailAllocation(tb testing.TB, name, qualifier, reason string) {
	tb.Helper()
	s.change(tb, name, func(f *function) { f.failNext[qualifier] = reason })
}

// change changes a function that must be there.
func (s *Server) change(tb testing.TB, name string, change func(*function)) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[name]
	if f == nil {
		tb.Fatalf("there is no function %s", name)
	}
	change(f)
}

// version returns the version that a qualifier stands for, "" if there is none.
func (f *function) version(qualifier string) string {
	if qualifier == latest {
		return latest
	}
	if a := f.aliases[qualifier]; a != nil {
		return a.version
	}
	if n, err := strconv.Atoi(qualifier); err == nil && n >= 1 && n <= len(f.versions) {
		return qualifier
	}
	return ""
}

// held returns the provisioned concurrency of all configurations but that of one qualifier.
func (f *function) held(but string) int {
	sum := 0
	for qualifier, config := range f.configs {
		if qualifier != but {
			sum += config.requested
		}
	}
	return sum
}

// unreserved returns the account's unreserved concurrency without one configuration; the caller holds mu. Provisioned
// concurrency counts against the function's own reserve if it has one, else against the account.
func (s *Server) unreserved(but *function, qualifier string) int {
	left := s.config.AccountLimit
	for _, f := range s.functions {
		switch {
		case f.reserved >= 0:
			left -= f.reserved
		case f == but:
			left -= f.held(qualifier)
		default:
			left -= f.held("")
		}
	}
	return left
}

func arn(name, qualifier string) string {
	text := fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", Region, Account, name)
	if qualifier != "" {
		text += ":" + qualifier
	}
	return text
}
