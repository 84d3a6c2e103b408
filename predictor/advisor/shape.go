package advisor

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
)

// shape is what a value has to look like. The JSON schema that is sent and the check of what comes back are both made of it.
type shape struct {
	kind string
	help string
	// enum lists the texts that are allowed; nil allows all.
	enum []string
	// items is of arrays, fields of objects; all fields are needed, and no others are allowed.
	items  *shape
	fields map[string]shape
	// optional lets null stand for it.
	optional bool
}

// The kinds of shapes.
const (
	kindObject  = "object"
	kindArray   = "array"
	kindString  = "string"
	kindNumber  = "number"
	kindInteger = "integer"
	kindBoolean = "boolean"
)

// schema returns the shape as JSON schema, in the subset that strict structured output takes.
func (s shape) schema() map[string]any {
	out := map[string]any{"type": s.kind}
	if s.optional {
		out["type"] = []string{s.kind, "null"}
	}
	if s.help != "" {
		out["description"] = s.help
	}
	if len(s.enum) > 0 {
		values := []any{}
		for _, text := range s.enum {
			values = append(values, text)
		}
		if s.optional {
			values = append(values, nil)
		}
		out["enum"] = values
	}
	if s.items != nil {
		out["items"] = s.items.schema()
	}
	if s.kind == kindObject {
		properties := map[string]any{}
		for name, field := range s.fields {
			properties[name] = field.schema()
		}
		out["properties"] = properties
		out["required"] = slices.Sorted(maps.Keys(s.fields))
		out["additionalProperties"] = false
	}
	return out
}

// rawSchema returns the schema as it is sent.
func (s shape) rawSchema() (json.RawMessage, error) {
	raw, err := json.Marshal(s.schema())
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return raw, nil
}

// check says why a value that strictJSON read does not have the shape, or returns nil. What values mean is checked elsewhere.
func (s shape) check(v any, path string) error {
	if v == nil && s.optional {
		return nil
	}
	if kind := kindOf(v); kind != s.kind && (kind != kindNumber || s.kind != kindInteger) {
		return fmt.Errorf("%s is %s, not %s", path, kind, s.kind)
	}
	switch value := v.(type) {
	case map[string]any:
		return s.checkFields(value, path)
	case []any:
		return s.checkItems(value, path)
	case json.Number:
		return s.checkNumber(value, path)
	case string:
		if len(s.enum) > 0 && !slices.Contains(s.enum, value) {
			return fmt.Errorf("%s: %q is not one of those allowed", path, shortened(oneLine(value), maxShortText))
		}
	}
	return nil
}

func (s shape) checkItems(items []any, path string) error {
	for i, item := range items {
		if err := s.items.check(item, fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
}

func (s shape) checkFields(object map[string]any, path string) error {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if _, known := s.fields[name]; !known {
			return fmt.Errorf("%s has the unknown field %q", path, shortened(oneLine(name), 60))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		value, there := object[name]
		if !there {
			return fmt.Errorf("%s lacks the field %q", path, name)
		}
		if err := s.fields[name].check(value, path+"."+name); err != nil {
			return err
		}
	}
	return nil
}

func (s shape) checkNumber(n json.Number, path string) error {
	x, err := n.Float64()
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		return fmt.Errorf("%s: %s is no number that can be represented", path, shortened(n.String(), 40))
	}
	if s.kind == kindInteger && x != math.Trunc(x) {
		return fmt.Errorf("%s: %s is not whole", path, shortened(n.String(), 40))
	}
	return nil
}

// kindOf names the kind of a value that strictJSON read.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return kindString
	case json.Number:
		return kindNumber
	case bool:
		return kindBoolean
	case []any:
		return kindArray
	}
	return kindObject
}

// The readers of fields whose shape was checked: what is null or missing is the zero value.

func textOf(object map[string]any, name string) string {
	text, _ := object[name].(string)
	return text
}

func numberOf(object map[string]any, name string) float64 {
	n, _ := object[name].(json.Number)
	x, err := n.Float64()
	if err != nil {
		return 0
	}
	return x
}

func listOf(object map[string]any, name string) []any {
	list, _ := object[name].([]any)
	return list
}

func textsOf(object map[string]any, name string) []string {
	var out []string
	for _, v := range listOf(object, name) {
		if text, ok := v.(string); ok {
			out = append(out, text)
		}
	}
	return out
}
