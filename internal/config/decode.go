package config

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"
	"go.yaml.in/yaml/v3"

	"pilotlight/models"
)

// decoder reads YAML nodes into Go values and collects every problem with its path and line. The decoder of the YAML library
// stops short of that: it knows no paths, and Node.Decode has no strict mode. A key without a value keeps the default.
//
// Values are replaced, never changed in place: pointers, slices and maps that the destination already holds are copied
// first, so that a default can be overlaid many times.
type decoder struct {
	problems
}

// defaulter is an entry of a list whose fields have defaults.
type defaulter interface{ setDefaults() }

// value decodes node into out, which must be settable.
func (d *decoder) value(node *yaml.Node, out reflect.Value, path string) {
	node = target(node)
	if isNull(node) {
		return
	}
	if out.Type() == reflect.TypeFor[yaml.Node]() {
		out.Set(reflect.ValueOf(*node))
		return
	}
	if d.special(node, out, path) {
		return
	}
	switch out.Kind() { //nolint:exhaustive // the default takes all other kinds
	case reflect.Pointer:
		fresh := reflect.New(out.Type().Elem())
		if !out.IsNil() {
			fresh.Elem().Set(out.Elem())
		}
		d.value(node, fresh.Elem(), path)
		out.Set(fresh)
	case reflect.Struct:
		d.structure(node, out, path)
	case reflect.Slice:
		d.slice(node, out, path)
	case reflect.Map:
		d.mapping(node, out, path)
	case reflect.Interface:
		d.library(node, out, path)
	default:
		d.scalar(node, out, path)
	}
}

// special decodes types that decode themselves, durations and secrets; it reports whether out was one of them.
func (d *decoder) special(node *yaml.Node, out reflect.Value, path string) bool {
	if out.Type() == reflect.TypeFor[promconfig.Secret]() {
		d.secret(node, path)
		return true
	}
	if out.Type() == reflect.TypeFor[promconfig.ProxyHeader]() {
		d.library(node, out, path)
		return true
	}
	if out.Type() == reflect.TypeFor[time.Duration]() {
		if text, ok := d.text(node, path, "a duration such as 90s, 15m or 14d"); ok {
			parsed, err := models.ParseDuration(text)
			d.invalid(node, path, err)
			out.SetInt(int64(parsed))
		}
		return true
	}
	switch u := out.Addr().Interface().(type) {
	case yaml.Unmarshaler, interface{ UnmarshalYAML(func(any) error) error }:
		// What the type does inside may be lenient, so unknown keys and wrong types are looked for first.
		if out.Kind() == reflect.Struct && node.Kind == yaml.MappingNode {
			before := len(d.list)
			d.structure(node, reflect.New(out.Type()).Elem(), path)
			if len(d.list) > before {
				return true
			}
		}
		d.library(node, out, path)
		return true
	case encoding.TextUnmarshaler:
		if text, ok := d.text(node, path, "a single value"); ok {
			d.invalid(node, path, u.UnmarshalText([]byte(text)))
		}
		return true
	}
	return false
}

// secret refuses a secret that stands in the configuration.
func (d *decoder) secret(node *yaml.Node, path string) {
	if node.Kind == yaml.ScalarNode && node.Value == "" {
		return
	}
	d.add(path, node.Line, "a secret must not stand in the configuration: put it into a file and name that with %s", fileKey(path))
}

// fileKey returns the key that names a file instead of a secret.
func fileKey(path string) string {
	key := path[strings.LastIndexByte(path, '.')+1:]
	switch {
	case strings.HasPrefix(key, "secrets["):
		return "files"
	case key == "key":
		return "key_file"
	default:
		return key + "_file"
	}
}

// lineOfLibrary matches the place in an error of the YAML library.
var lineOfLibrary = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)

// library leaves a node to the YAML library.
func (d *decoder) library(node *yaml.Node, out reflect.Value, path string) {
	err := decodeNode(node, out)
	if err == nil {
		return
	}
	texts := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	if te, ok := errors.AsType[*yaml.TypeError](err); ok {
		texts = te.Errors
	}
	for _, text := range texts {
		line := node.Line
		if m := lineOfLibrary.FindStringSubmatch(text); m != nil {
			line, _ = strconv.Atoi(m[1]) // digits, or 0 for absurdly many
			text = m[2]
		}
		d.add(path, line, "%s", strings.ReplaceAll(text, "\n", " "))
	}
}

// decodeNode lets the YAML library decode a node. A panic inside somebody's UnmarshalYAML becomes an error: the document is
// untrusted.
func decodeNode(node *yaml.Node, out reflect.Value) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("cannot be read: %v", r)
		}
	}()
	return node.Decode(out.Addr().Interface())
}

// slice decodes a list.
func (d *decoder) slice(node *yaml.Node, out reflect.Value, path string) {
	if node.Kind != yaml.SequenceNode {
		d.add(path, node.Line, "is %s: write a list, such as [a, b]", describe(node))
		return
	}
	list := reflect.MakeSlice(out.Type(), len(node.Content), len(node.Content))
	for i, item := range node.Content {
		entry, entryPath := list.Index(i), indexPath(path, i)
		if f, ok := reflect.TypeAssert[defaulter](entry.Addr()); ok {
			f.setDefaults()
		}
		if entry.Kind() == reflect.Struct && isNull(target(item)) {
			d.add(entryPath, item.Line, "is empty: fill it in, or remove the dash")
		}
		d.value(item, entry, entryPath)
	}
	out.Set(list)
}

// mapping decodes a map from strings; its keys are added to those of the default.
func (d *decoder) mapping(node *yaml.Node, out reflect.Value, path string) {
	if out.Type().Key().Kind() != reflect.String {
		d.library(node, out, path)
		return
	}
	pairs, ok := d.pairs(node, path)
	if !ok {
		return
	}
	fresh := reflect.MakeMapWithSize(out.Type(), out.Len()+len(pairs))
	for iter := out.MapRange(); iter.Next(); {
		fresh.SetMapIndex(iter.Key(), iter.Value())
	}
	for _, p := range pairs {
		v := reflect.New(out.Type().Elem()).Elem()
		key := reflect.ValueOf(p.key).Convert(out.Type().Key())
		if old := fresh.MapIndex(key); old.IsValid() {
			v.Set(old)
		}
		d.value(p.value, v, joinPath(path, p.key))
		fresh.SetMapIndex(key, v)
	}
	out.Set(fresh)
}

// structure decodes a mapping into the fields of a struct.
func (d *decoder) structure(node *yaml.Node, out reflect.Value, path string) {
	pairs, ok := d.pairs(node, path)
	if !ok {
		return
	}
	fields := fieldsOf(out)
	for _, p := range pairs {
		field, known := fields.byKey[p.key]
		switch {
		case known:
			d.value(p.value, field, joinPath(path, p.key))
		case fields.rest.IsValid():
			m := &yaml.Node{Kind: yaml.MappingNode, Line: p.line, Content: []*yaml.Node{
				{Kind: yaml.ScalarNode, Tag: "!!str", Value: p.key, Line: p.line}, p.value,
			}}
			d.mapping(m, fields.rest, path)
		default:
			d.add(joinPath(path, p.key), p.line, "%s", d.unknownKey(p.key, fields.keys))
		}
	}
}

// unknownKey says what to do about a key that is not known.
func (d *decoder) unknownKey(key string, known []string) string {
	for _, k := range known {
		if k == key+"_file" || k == key+"_env" {
			return fmt.Sprintf("unknown key %q: a secret must not stand in the configuration; name where it is with %s", key, k)
		}
	}
	return unknownName("key", key, known)
}

// pair is a key and its value.
type pair struct {
	key   string
	line  int
	value *yaml.Node
}

// pairs returns the keys and values of a mapping with merges (<<) resolved; it reports whether node is a mapping at all.
func (d *decoder) pairs(node *yaml.Node, path string) ([]pair, bool) {
	if node.Kind != yaml.MappingNode {
		d.add(path, node.Line, "is %s: write keys and values, such as key: value", describe(node))
		return nil, false
	}
	seen := make(map[string]int, len(node.Content)/2)
	out := make([]pair, 0, len(node.Content)/2)
	var merged []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := target(node.Content[i]), node.Content[i+1]
		switch {
		case key.ShortTag() == "!!merge":
			merged = append(merged, value)
		case key.Kind != yaml.ScalarNode:
			d.add(path, key.Line, "has a key that is %s: write plain keys", describe(key))
		case seen[key.Value] > 0:
			d.add(joinPath(path, key.Value), key.Line, "is given twice, first in line %d: remove one", seen[key.Value])
		default:
			seen[key.Value] = max(key.Line, 1)
			out = append(out, pair{key: key.Value, line: key.Line, value: value})
		}
	}
	for _, m := range merged {
		out = d.merge(m, out, seen, path)
	}
	return out, true
}

// merge adds the pairs of a merged mapping, or a list of them, whose keys are not yet there.
func (d *decoder) merge(node *yaml.Node, out []pair, seen map[string]int, path string) []pair {
	node = target(node)
	sources := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		sources = node.Content
	}
	for _, s := range sources {
		more, _ := d.pairs(target(s), joinPath(path, "<<"))
		for _, p := range more {
			if seen[p.key] == 0 {
				seen[p.key] = max(p.line, 1)
				out = append(out, p)
			}
		}
	}
	return out
}

// text returns the text of a plain value; it notes a problem for anything else.
func (d *decoder) text(node *yaml.Node, path, want string) (string, bool) {
	if node.Kind != yaml.ScalarNode || !plainTag(node) {
		d.add(path, node.Line, "is %s: write %s", describe(node), want)
		return "", false
	}
	return node.Value, true
}

// invalid notes an error of reading a value.
func (d *decoder) invalid(node *yaml.Node, path string, err error) {
	if err != nil {
		d.add(path, node.Line, "%s", strings.TrimSuffix(err.Error(), ": "+models.ErrInvalid.Error()))
	}
}

// scalar decodes a plain value.
func (d *decoder) scalar(node *yaml.Node, out reflect.Value, path string) {
	text, ok := d.text(node, path, "a single value")
	switch {
	case !ok:
	case out.Kind() == reflect.String && secretInURL(text):
		d.add(path, node.Line, "holds a password inside a URL: put the password into a file and use the keys for authentication")
	case out.Kind() == reflect.String:
		out.SetString(text)
	default:
		if want := readScalar(node, out); want != "" {
			d.add(path, node.Line, "is %s: write %s", describe(node), want)
		}
	}
}

// readScalar reads a number or a truth value into out; it returns what to write instead if that fails.
func readScalar(node *yaml.Node, out reflect.Value) string {
	tag := node.ShortTag()
	want, fits := "a value that the field can hold", true
	switch {
	case out.Kind() == reflect.Bool:
		want, fits = "true or false", tag == "!!bool"
	case out.CanInt(), out.CanUint():
		want, fits = "a whole number that fits", tag == "!!int"
	case out.CanFloat():
		want, fits = "a finite number", tag == "!!int" || tag == "!!float"
	}
	if !fits || node.Decode(out.Addr().Interface()) != nil {
		return want
	}
	if out.CanFloat() && (math.IsNaN(out.Float()) || math.IsInf(out.Float(), 0)) {
		out.SetFloat(0)
		return want
	}
	return ""
}
