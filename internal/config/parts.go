package config

import (
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	promconfig "github.com/prometheus/common/config"
	"go.yaml.in/yaml/v3"

	"pilotlight/models"
)

// Decoder reads the config block of a part into the part's own configuration. Its errors are *Errors with paths below the
// block.
type Decoder func(node *yaml.Node) (any, error)

// Parts are the types of parts that a configuration may name, each with what reads its config block.
type Parts struct {
	Collectors, Actuators map[string]Decoder
}

// Part is a configured collector or actuator.
type Part struct {
	// Name is what targets call it, Type what it is.
	Name, Type string
	// Config is of the type that the Decoder of Type returns. It must not be changed.
	Config any
	// Limits are how often and how long it may be called; only actuators have them.
	Limits CallLimits
}

// CallLimits bound the calls to an actuator.
type CallLimits struct {
	// Rate is how many calls may start in a second, on average; Burst how many at once.
	Rate  float64 `yaml:"rate"`
	Burst int     `yaml:"burst"`
	// Timeout bounds one call.
	Timeout models.Duration `yaml:"timeout"`
	// Retries is how often a call that failed for a passing reason is tried again; 0 is never.
	Retries int `yaml:"retries"`
	// Budget names the budget that rate and burst are of; actuators that name the same share it. Empty is one of its own.
	Budget string `yaml:"budget,omitempty"`
	// Breaker says when a platform that fails is left alone.
	Breaker BreakerLimits `yaml:"breaker"`
}

// BreakerLimits say when a platform that fails is left alone, and for how long.
type BreakerLimits struct {
	// Failures is how many calls in a row must fail, over all targets; 0 never leaves it alone.
	Failures int `yaml:"failures"`
	// Open is for how long then; it doubles each time that it still fails afterwards, up to Max.
	Open models.Duration `yaml:"open"`
	Max  models.Duration `yaml:"max"`
	// Probes is how many calls, one at a time, must succeed before all are made again.
	Probes int `yaml:"probes"`
}

// DecodeAs returns a Decoder for the configuration C of a part: the defaults overlaid by the block, strictly decoded, then
// validated. Messages of validate should begin with the path of the field, such as "url: is empty"; errors.Join joins many.
// The Decoder returns a C.
func DecodeAs[C any](defaults func() C, validate func(*C) error) Decoder {
	return func(node *yaml.Node) (any, error) {
		cfg := defaults()
		if node == nil {
			node = &yaml.Node{Kind: yaml.MappingNode}
		}
		var d decoder
		d.value(node, reflect.ValueOf(&cfg).Elem(), "")
		if len(d.list) == 0 && validate != nil {
			d.addValidation("", validate(&cfg), hasField[C], func(path string) int { return find(node, path).Line })
		}
		if err := d.err(""); err != nil {
			return nil, err
		}
		return cfg, nil
	}
}

// hasField reports whether the struct C has a field with that path of YAML keys.
func hasField[C any](path string) bool {
	t := reflect.TypeFor[C]()
	for _, step := range splitPath(path) {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch t.Kind() { //nolint:exhaustive // nothing else has fields
		case reflect.Struct:
			field, ok := fieldsOf(reflect.New(t).Elem()).byKey[step]
			if !ok {
				return false
			}
			t = field.Type()
		case reflect.Slice, reflect.Map:
			t = t.Elem()
		default:
			return false
		}
	}
	return true
}

// rawPart is what all parts have, as written.
type rawPart struct {
	Name   string    `yaml:"name"`
	Type   string    `yaml:"type"`
	Config yaml.Node `yaml:"config"`
}

// rawCollector is a collector as written.
type rawCollector struct {
	rawPart `yaml:",inline"`
}

// rawActuator is an actuator as written.
type rawActuator struct {
	rawPart `yaml:",inline"`
	Limits  CallLimits `yaml:"limits"`
}

// namePattern is what parts and tokens may be called: names appear in metrics and logs.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// part reads one part; it reports whether that worked.
func (b *builder) part(path string, raw rawPart, known map[string]Decoder) (Part, bool) {
	decode, ok := known[raw.Type]
	switch {
	case raw.Type == "":
		b.bad(joinPath(path, "type"), "is missing: known are %s", strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		return Part{}, false
	case !ok:
		b.bad(joinPath(path, "type"), "%s", unknownName("type", raw.Type, slices.Sorted(maps.Keys(known))))
		return Part{}, false
	}
	cfg, err := decode(partNode(&raw.Config))
	b.adopt(joinPath(path, "config"), err)
	return Part{Name: raw.Name, Type: raw.Type, Config: cfg}, err == nil
}

// partNode returns the block of a part, or an empty one if there is none.
func partNode(node *yaml.Node) *yaml.Node {
	if isNull(node) {
		return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: node.Line}
	}
	return node
}

// name checks the name of entry i of a list: it must be there, be plain, and be the only one of its kind.
func (b *builder) name(path, name string, i int, seen map[string]int) {
	switch {
	case name == "":
		b.bad(path, "is missing: give it a name")
		return
	case !namePattern.MatchString(name):
		b.bad(path, "%s is no name: use at most 63 letters, digits, dots, dashes and underscores", strconv.Quote(name))
		return
	}
	if first, ok := seen[name]; ok {
		b.bad(path, "%q is the name of entry [%d] too: names must differ", name, first)
		return
	}
	seen[name] = i
}

// adopt takes over the problems of a part and puts them below path.
func (b *builder) adopt(path string, err error) {
	if err == nil {
		return
	}
	es, ok := err.(*Errors) //nolint:errorlint // a Decoder of this package returns *Errors as they are
	if !ok {
		b.bad(path, "%s", err.Error())
		return
	}
	for _, p := range es.Problems {
		p.Path = joinPath(path, p.Path)
		if p.Line == 0 {
			p.Line = b.line(path)
		}
		b.keep(p)
	}
}

// resolved returns a copy of a part's configuration whose relative file paths are below dir.
func resolved(cfg any, dir string) any {
	if cfg == nil {
		return nil
	}
	v := reflect.New(reflect.TypeOf(cfg))
	v.Elem().Set(reflect.ValueOf(cfg))
	setDirectory(v.Elem(), dir)
	return v.Elem().Interface()
}

// setDirectory gives dir to everything inside v that has relative file paths.
func setDirectory(v reflect.Value, dir string) {
	if !v.CanInterface() {
		return
	}
	if v.Kind() == reflect.Pointer {
		if !v.IsNil() {
			setDirectory(v.Elem(), dir)
		}
		return
	}
	if v.CanAddr() {
		if s, ok := reflect.TypeAssert[promconfig.DirectorySetter](v.Addr()); ok {
			s.SetDirectory(dir)
			return
		}
	}
	switch v.Kind() { //nolint:exhaustive // nothing else holds files
	case reflect.Struct:
		for _, field := range v.Fields() {
			setDirectory(field, dir)
		}
	case reflect.Slice:
		for i := range v.Len() {
			setDirectory(v.Index(i), dir)
		}
	}
}

// below returns path, or if it is relative path below dir.
func below(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
