package cloudruntest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed model/run.json
var modelJSON []byte

// property is a schema, a part of one, or a parameter.
type property struct {
	Ref        string               `json:"$ref"`
	Type       string               `json:"type"`
	Format     string               `json:"format"`
	Enum       []string             `json:"enum"`
	ReadOnly   bool                 `json:"readOnly"`
	Properties map[string]*property `json:"properties"`
	Items      *property            `json:"items"`
	// Additional is what the values of a map are.
	Additional *property `json:"additionalProperties"`
	Location   string    `json:"location"`
	Pattern    string    `json:"pattern"`
}

// method is a method of the API.
type method struct {
	ID         string               `json:"id"`
	Verb       string               `json:"httpMethod"`
	Parameters map[string]*property `json:"parameters"`
	Request    *property            `json:"request"`
	Response   *property            `json:"response"`

	name *regexp.Regexp
}

// model is the discovery document.
type model struct {
	Parameters map[string]*property `json:"parameters"`
	Methods    map[string]*method   `json:"methods"`
	Schemas    map[string]*property `json:"schemas"`
}

// loadModel reads the embedded document.
func loadModel() (*model, error) {
	m := new(model)
	if err := json.Unmarshal(modelJSON, m); err != nil {
		return nil, fmt.Errorf("read the discovery document: %w", err)
	}
	for _, id := range sortedKeys(m.Methods) {
		pattern, err := regexp.Compile(m.Methods[id].Parameters["name"].Pattern)
		if err != nil {
			return nil, fmt.Errorf("method %s: %w", id, err)
		}
		m.Methods[id].name = pattern
	}
	return m, nil
}

// match returns the method that serves a request and the resource it names.
func (m *model) match(verb, path string) (found *method, name string) {
	name, ok := strings.CutPrefix(path, "/v2/")
	if !ok {
		return nil, ""
	}
	for _, id := range sortedKeys(m.Methods) {
		if c := m.Methods[id]; c.Verb == verb && c.name.MatchString(name) {
			return c, name
		}
	}
	return nil, name
}

// parameter returns a parameter of the query, of the method or of all; nil if there is none.
func (m *model) parameter(c *method, key string) *property {
	if p := c.Parameters[key]; p != nil && p.Location == "query" {
		return p
	}
	return m.Parameters[key]
}

// violation is a part of a request or an answer that breaks the document, in the words of Google.
type violation struct{ Field, Description string }

// String renders the violation.
func (v violation) String() string { return v.Field + ": " + v.Description }

// of follows the reference of a property.
func (m *model) of(p *property) *property {
	if p.Ref != "" {
		return m.Schemas[p.Ref]
	}
	return p
}

// check returns all in which a value, decoded from JSON with numbers kept as text, breaks a property. With sent, it is one
// that a client sent, which must leave out what is only ever output.
func (m *model) check(path string, p *property, value any, sent bool) []violation {
	p = m.of(p)
	switch v := value.(type) {
	case map[string]any:
		if p.Type == "object" {
			return m.checkObject(path, p, v, sent)
		}
	case []any:
		if p.Type == "array" {
			return m.checkArray(path, p, v, sent)
		}
	default:
		if p.Type == "any" || holds(p, value) {
			return nil
		}
	}
	return []violation{{path, fmt.Sprintf("Invalid value at '%s' (%s), %v", path, kindName(p), value)}}
}

func (m *model) checkObject(path string, p *property, fields map[string]any, sent bool) (wrong []violation) {
	for _, name := range sortedKeys(fields) {
		at := strings.TrimPrefix(path+"."+name, ".")
		inner := p.Properties[name]
		switch {
		case inner == nil && p.Additional != nil:
			inner = p.Additional
		case inner == nil:
			wrong = append(wrong, violation{path, fmt.Sprintf("Invalid JSON payload received. Unknown name %q at '%s': Cannot find field.", name, path)})
			continue
		case inner.ReadOnly && sent:
			wrong = append(wrong, violation{at, "is output only, so that a client has no reason to send it"})
		}
		if inner.Type == "any" {
			continue
		}
		wrong = append(wrong, m.check(at, inner, fields[name], sent)...)
	}
	return wrong
}

func (m *model) checkArray(path string, p *property, items []any, sent bool) (wrong []violation) {
	for i, item := range items {
		wrong = append(wrong, m.check(fmt.Sprintf("%s[%d]", path, i), p.Items, item, sent)...)
	}
	return wrong
}

// kindName returns the name that Google gives to a type in its errors.
func kindName(p *property) string {
	switch {
	case len(p.Enum) > 0:
		return "TYPE_ENUM"
	case p.Format != "":
		return "TYPE_" + strings.ToUpper(p.Format)
	default:
		return "TYPE_" + strings.ToUpper(p.Type)
	}
}

// holds reports whether a value that is no object and no array is of the property's type and format.
func holds(p *property, value any) bool {
	switch v := value.(type) {
	case bool:
		return p.Type == "boolean"
	case json.Number:
		return holdsNumber(p, v)
	case string:
		return p.Type == "string" && holdsText(p, v)
	default:
		return false
	}
}

func holdsNumber(p *property, number json.Number) bool {
	value, err := number.Float64()
	if err != nil || p.Type != "integer" {
		return err == nil && p.Type == "number"
	}
	_, err = number.Int64()
	return err == nil && value >= math.MinInt32 && value <= math.MaxInt32
}

func holdsText(p *property, text string) bool {
	var err error
	switch p.Format {
	case "int64":
		_, err = strconv.ParseInt(text, 10, 64)
	case "google-datetime":
		_, err = time.Parse(time.RFC3339Nano, text)
	case "google-duration":
		_, err = time.ParseDuration(text)
	}
	return err == nil && (len(p.Enum) == 0 || slices.Contains(p.Enum, text))
}

// path reads a path of a field mask, in either way of writing names, and returns its segments in camel case.
func (m *model) path(of *property, text string) (segments []string, wrong string) {
	for segment := range strings.SplitSeq(text, ".") {
		of = m.of(of)
		name := camel(segment)
		inner := of.Properties[name]
		switch {
		case inner == nil:
			return nil, fmt.Sprintf("Invalid field mask path %q: %q is no field", text, segment)
		case inner.ReadOnly:
			return nil, fmt.Sprintf("Invalid field mask path %q: %q is output only", text, segment)
		}
		segments, of = append(segments, name), inner
	}
	return segments, ""
}

// camel turns snake case into camel case.
func camel(name string) string {
	parts := strings.Split(name, "_")
	for i := 1; i < len(parts); i++ {
		if parts[i] != "" {
			parts[i] = strings.ToUpper(parts[i][:1]) + parts[i][1:]
		}
	}
	return strings.Join(parts, "")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
