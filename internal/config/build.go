package config

import (
	"cmp"
	"fmt"
	"math"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"pilotlight/models"
	"pilotlight/policy"
	"pilotlight/predictor"
)

// builder turns a document into a Config and collects every problem and warning.
type builder struct {
	decoder
	doc      *document
	raw      rawConfig
	cfg      *Config
	warnings []Problem
}

// indexPath appends an index to a path.
func indexPath(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// line returns the line of a path, or of the nearest thing above it that is there.
func (b *builder) line(path string) int { return find(b.doc.root, path).Line }

// bad notes a problem.
func (b *builder) bad(path, format string, args ...any) { b.add(path, b.line(path), format, args...) }

// warn notes a warning.
func (b *builder) warn(path, format string, args ...any) {
	b.warnings = append(b.warnings, Problem{File: b.doc.name, Path: path, Line: b.line(path), Text: fmt.Sprintf(format, args...)})
}

// build decodes and validates a document.
func build(doc *document, dir string, parts Parts, env Env) (*Config, error) {
	b := &builder{doc: doc, raw: defaults(), cfg: &Config{dir: dir, env: env}}
	b.value(doc.root, reflect.ValueOf(&b.raw).Elem(), "")
	if doc.mode != "" {
		b.raw.Engine.Mode = string(doc.mode)
	}
	unread := b.list
	b.list = nil
	b.engine()
	b.server()
	b.feeds()
	b.storage()
	b.kernels()
	b.families(parts)
	b.targets()
	b.shares()
	b.announced()
	b.list = append(unread, unrelated(b.list, unread)...)
	if err := b.err(doc.name); err != nil {
		return nil, err
	}
	slices.SortStableFunc(b.warnings, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	for _, w := range b.warnings {
		b.cfg.warnings = append(b.cfg.warnings, w.String())
	}
	return b.cfg, b.render()
}

// unrelated returns the problems that are not about what could not be read, above it or below it. That kept its default, and
// complaints about it would mislead.
func unrelated(list, unread []Problem) []Problem {
	read, above := map[string]bool{}, map[string]bool{}
	for _, u := range unread {
		read[u.Path] = true
		for _, a := range ancestors(u.Path) {
			above[a] = true
		}
	}
	return slices.DeleteFunc(list, func(p Problem) bool {
		return read[p.Path] || above[p.Path] || slices.ContainsFunc(ancestors(p.Path), func(a string) bool { return read[a] })
	})
}

// ancestors returns the paths above a path, the whole document ("") first.
func ancestors(path string) []string {
	var out []string
	if path != "" {
		out = append(out, "")
	}
	for i := range len(path) {
		if i > 0 && (path[i] == '.' || path[i] == '[') {
			out = append(out, path[:i])
		}
	}
	return out
}

// engine validates the engine block.
func (b *builder) engine() {
	r := &b.raw.Engine
	mode, err := models.ParseMode(r.Mode)
	if err != nil {
		b.bad("engine.mode", "%q is no mode: choose dry-run, approve or auto", r.Mode)
		mode = models.ModeDryRun
	}
	const second = models.Duration(time.Second)
	for _, d := range []struct {
		key        string
		value, min models.Duration
	}{
		{"interval", r.Interval, second},
		{"step", r.Step, second},
		{"ingestion_delay", r.IngestionDelay, 0},
		{"lookback", r.Lookback, 0},
		{"action_ttl", r.ActionTTL, second},
		{"stale_after", r.StaleAfter, second},
		{"out_of_band_backoff", r.OutOfBandBackoff, 0},
		{"observe_every", r.ObserveEvery, 0},
		{"restart_hold", r.RestartHold, 0},
		{"recent", r.Recent, 0},
		{"forget_after", r.ForgetAfter, 0},
		{"checkpoint_every", r.CheckpointEvery, second},
	} {
		if d.value < d.min {
			b.bad("engine."+d.key, "%s is below %s", d.value, d.min)
		}
	}
	if r.Workers < 0 {
		b.bad("engine.workers", "%d is negative: 0 takes one for each processor", r.Workers)
	}
	b.engineTogether(r)
	b.cfg.engine = Engine{
		Mode: mode, Interval: r.Interval.Std(), Step: r.Step.Std(), IngestionDelay: r.IngestionDelay.Std(),
		Lookback: r.Lookback.Std(), ActionTTL: r.ActionTTL.Std(), StaleAfter: r.StaleAfter.Std(),
		OutOfBandBackoff: r.OutOfBandBackoff.Std(), Workers: r.Workers, Rehearse: r.Rehearse, CheckpointEvery: r.CheckpointEvery.Std(),
		ObserveEvery: r.ObserveEvery.Std(), RestartHold: r.RestartHold.Std(), Recent: r.Recent.Std(),
		ForgetAfter: r.ForgetAfter.Std(),
	}
}

// engineTogether validates what keys of the engine block mean together.
func (b *builder) engineTogether(r *rawEngine) {
	if r.Step < models.Duration(time.Second) || r.Interval < models.Duration(time.Second) {
		return
	}
	switch steps := int64(r.Lookback / r.Step); {
	case r.Lookback >= 0 && steps < 2:
		b.bad("engine.lookback", "%s is less than two steps of %s: there would be no history to learn from", r.Lookback, r.Step)
	case steps > models.MaxSeriesLen:
		b.bad("engine.lookback", "%s is %d steps of %s, more than %d: shorten it or lengthen engine.step", r.Lookback, steps, r.Step, models.MaxSeriesLen)
	}
	if r.StaleAfter < r.Step {
		b.bad("engine.stale_after", "%s is shorter than one step of %s: all data would count as missing", r.StaleAfter, r.Step)
	}
	if r.StaleAfter > 0 && r.IngestionDelay >= r.StaleAfter {
		b.bad("engine.ingestion_delay", "%s is not below engine.stale_after %s: all data would count as missing", r.IngestionDelay, r.StaleAfter)
	}
	if r.Interval < r.Step {
		b.warn("engine.interval", "%s is shorter than a step of %s: most ticks will see no new data", r.Interval, r.Step)
	}
	if r.ActionTTL > 0 && r.ActionTTL < r.Interval/2 {
		b.warn("engine.action_ttl", "%s is short against the interval of %s: actions may expire before they are sent", r.ActionTTL, r.Interval)
	}
}

// storage validates the storage block.
func (b *builder) storage() {
	r := b.raw.Storage
	if r.Dir == "" {
		b.bad("storage.dir", "is empty: name the folder for the journal")
	}
	if strings.ContainsRune(r.Dir, 0) {
		b.bad("storage.dir", "has a zero byte")
	}
	if r.MaxAge < models.Duration(time.Hour) {
		b.bad("storage.max_age", "%s is below 1h: records are needed to restore cooldowns after a restart", r.MaxAge)
	}
	b.cfg.storage = Storage{Dir: below(b.cfg.dir, r.Dir), MaxAge: r.MaxAge.Std()}
}

// kernels validates the blocks of predictor and policy.
func (b *builder) kernels() {
	err := b.raw.Predictor.Validate()
	b.addValidation("predictor", err, hasField[predictor.Config], b.line)
	if err == nil && b.raw.Engine.Step >= models.Duration(time.Second) {
		_, err = predictor.New(b.raw.Predictor, b.raw.Engine.Step.Std())
		b.addValidation("predictor", err, hasField[predictor.Config], b.line)
	}
	b.addValidation("policy", b.raw.Policy.Validate(), hasField[policy.Config], b.line)
	b.cfg.predictor = b.raw.Predictor
	b.cfg.policies = []policy.Config{b.raw.Policy}
}

// families reads the collectors and the actuators.
func (b *builder) families(parts Parts) {
	if len(b.raw.Collectors) == 0 {
		b.bad("collectors", "is missing: name at least one source of samples, such as {name: prod, type: prometheus, config: {url: ...}}")
	}
	seen := map[string]int{}
	for i, r := range b.raw.Collectors {
		path := indexPath("collectors", i)
		b.name(joinPath(path, "name"), r.Name, i, seen)
		if p, ok := b.part(path, r.rawPart, parts.Collectors); ok {
			b.cfg.collectors = append(b.cfg.collectors, p)
		}
	}
	seen = map[string]int{}
	for i, r := range b.raw.Actuators {
		path := indexPath("actuators", i)
		b.name(joinPath(path, "name"), r.Name, i, seen)
		b.callLimits(joinPath(path, "limits"), r.Limits)
		if p, ok := b.part(path, r.rawPart, parts.Actuators); ok {
			p.Limits = r.Limits
			b.cfg.actuators = append(b.cfg.actuators, p)
		}
	}
}

// callLimits validates the limits of calls to an actuator.
func (b *builder) callLimits(path string, l CallLimits) {
	if !(l.Rate > 0) || math.IsInf(l.Rate, 0) {
		b.bad(joinPath(path, "rate"), "%v is not above 0: it is calls per second", l.Rate)
	}
	if l.Burst < 1 {
		b.bad(joinPath(path, "burst"), "%d is below 1: no call could be made", l.Burst)
	}
	if l.Timeout < models.Duration(time.Millisecond) {
		b.bad(joinPath(path, "timeout"), "%s is below 1ms", l.Timeout)
	}
	const most = 10
	if l.Retries < 0 || l.Retries > most {
		b.bad(joinPath(path, "retries"), "%d is not between 0 and %d", l.Retries, most)
	}
	if l.Budget != "" && !namePattern.MatchString(l.Budget) {
		b.bad(joinPath(path, "budget"), "%s is no name: use at most 63 letters, digits, dots, dashes and underscores", strconv.Quote(l.Budget))
	}
	b.breaker(joinPath(path, "breaker"), l.Breaker)
}

// breaker validates when a platform that fails is left alone.
func (b *builder) breaker(path string, l BreakerLimits) {
	if l.Failures < 0 {
		b.bad(joinPath(path, "failures"), "%d is negative: 0 never leaves the platform alone", l.Failures)
	}
	if l.Open <= 0 {
		b.bad(joinPath(path, "open"), "%s is not above 0; set failures: 0 to never leave the platform alone", l.Open)
	}
	if l.Max < l.Open {
		b.bad(joinPath(path, "max"), "%s is below open, %s", l.Max, l.Open)
	}
	if l.Probes < 1 {
		b.bad(joinPath(path, "probes"), "%d is below 1: no call could be made again", l.Probes)
	}
}

// server validates the server block. Who may ask is decided by the first rule that holds: tokens decide; without tokens only
// the loopback interface may be listened on; there everybody may ask in dry-run mode, where nothing is written, or if the
// block says open.
func (b *builder) server() {
	r := b.raw.Server
	b.tokens(r.Tokens)
	host, port, err := net.SplitHostPort(r.Listen)
	if err != nil {
		b.bad("server.listen", "%q is no address: write host:port, such as 127.0.0.1:8080", r.Listen)
		return
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		b.bad("server.listen", "%q is no port: use a number from 0 to 65535", port)
	} else if n == 0 {
		b.warn("server.listen", "port 0 takes another free port at each start")
	}
	b.cfg.server = Server{Listen: r.Listen, Open: b.open(r, isLoopback(host))}
}

// open decides whether everybody may use the API, and notes why a server block is not safe.
func (b *builder) open(r rawServer, loopback bool) bool {
	switch {
	case len(r.Tokens) > 0 && r.Open != nil && *r.Open:
		b.bad("server.open", "the API is open although it has tokens: remove server.open, or the tokens")
	case len(r.Tokens) > 0:
		if !loopback {
			b.warn("server.listen", "%s is reached from other machines without encryption: put a proxy with TLS before it", r.Listen)
		}
	case !loopback:
		b.bad("server.listen", "%s is reached from other machines, and there are no tokens: add server.tokens, or listen on 127.0.0.1", r.Listen)
	case r.Open == nil && b.cfg.engine.Mode == models.ModeDryRun:
		b.warn("server", "has no tokens: everybody on this machine may use the API, which dry-run mode allows; approve and auto ask for server.tokens or server.open: true")
		return true
	case r.Open == nil:
		b.bad("server", "has no tokens, so everybody on this machine could approve writes in mode %s: add server.tokens, or say server.open: true", b.cfg.engine.Mode)
	case !*r.Open:
		b.bad("server.open", "is false and there are no tokens, so nobody could use the API: add server.tokens, or say server.open: true")
	default:
		return true
	}
	return false
}

// isLoopback reports whether only this machine can reach an address with that host.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
