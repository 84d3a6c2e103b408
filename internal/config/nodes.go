package config

import (
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds a document after its aliases are expanded, so that a few lines cannot grow without end.
const maxNodes = 8 << 20

// target returns the node that an alias stands for.
func target(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

// isNull reports whether a node has no value.
func isNull(node *yaml.Node) bool {
	return node.Kind == 0 || node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null"
}

// plainTag reports whether a scalar has one of the tags that plain YAML gives.
func plainTag(node *yaml.Node) bool {
	switch node.ShortTag() {
	case "!!str", "!!int", "!!float", "!!bool", "!!timestamp", "!!null", "!!merge":
		return true
	default:
		return false
	}
}

// describe names what a node is, for messages.
func describe(node *yaml.Node) string {
	const longest = 40
	switch {
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case !plainTag(node):
		return "a value with the tag " + node.ShortTag()
	}
	if r := []rune(node.Value); len(r) > longest {
		return strconv.Quote(string(r[:longest]) + "...")
	}
	return strconv.Quote(node.Value)
}

// secretInURL reports whether text is a URL with a password.
func secretInURL(text string) bool {
	if !strings.Contains(text, "://") || !strings.Contains(text, "@") {
		return false
	}
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	_, has := u.User.Password()
	return has
}

// expandedSize returns the number of nodes once aliases are expanded; it saturates at maxNodes+1 and returns an error for an
// anchor that contains itself.
func expandedSize(node *yaml.Node, known map[*yaml.Node]int) (int, error) {
	if node.Kind == yaml.AliasNode {
		size, seen := known[node.Alias]
		switch {
		case seen && size < 0:
			return 0, fmt.Errorf("line %d: the anchor %q contains itself", node.Line, node.Value)
		case seen:
			return size, nil
		}
		return expandedSize(node.Alias, known)
	}
	named := node.Anchor != ""
	if named {
		known[node] = -1
	}
	total := 1
	for _, child := range node.Content {
		size, err := expandedSize(child, known)
		if err != nil {
			return 0, err
		}
		total = min(total+size, maxNodes+1)
	}
	if named {
		known[node] = total
	}
	return total, nil
}

// find returns the node at a path below root, or the nearest one above it.
func find(root *yaml.Node, path string) *yaml.Node {
	node := target(root)
	for _, step := range splitPath(path) {
		next := child(node, step)
		if next == nil {
			return node
		}
		node = target(next)
	}
	return node
}

// child returns what a key or an index leads to, or nil.
func child(node *yaml.Node, step string) *yaml.Node {
	switch node.Kind { //nolint:exhaustive // nothing else has children
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i]
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				return node.Content[i+1]
			}
		}
	}
	return nil
}

// splitPath splits targets[2].limits into targets, 2 and limits.
func splitPath(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

// fields are the fields of a struct by their YAML keys.
type fields struct {
	byKey map[string]reflect.Value
	keys  []string
	// rest is an inlined map that takes all other keys.
	rest reflect.Value
}

// fieldsOf returns the fields of a struct by the same rules as the YAML library.
func fieldsOf(v reflect.Value) fields {
	out := fields{byKey: map[string]reflect.Value{}}
	for i := range v.NumField() {
		info := v.Type().Field(i)
		name, options, _ := strings.Cut(info.Tag.Get("yaml"), ",")
		if !info.IsExported() && !info.Anonymous || name == "-" {
			continue
		}
		if strings.Contains(options, "inline") {
			out.inline(v.Field(i))
			continue
		}
		if name == "" {
			name = strings.ToLower(info.Name)
		}
		out.byKey[name] = v.Field(i)
		out.keys = append(out.keys, name)
	}
	return out
}

// inline adds the fields of an inlined struct, or an inlined map.
func (f *fields) inline(v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		fresh := reflect.New(v.Type().Elem())
		if !v.IsNil() {
			fresh.Elem().Set(v.Elem())
		}
		v.Set(fresh)
		v = fresh.Elem()
	}
	if v.Kind() == reflect.Map {
		f.rest = v
		return
	}
	inner := fieldsOf(v)
	for _, key := range inner.keys {
		f.byKey[key] = inner.byKey[key]
	}
	f.keys = append(f.keys, inner.keys...)
	if inner.rest.IsValid() {
		f.rest = inner.rest
	}
}
