package awslambdatest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

//go:embed model/lambda.json
var lambdaJSON []byte

//go:embed model/scaling.json
var scalingJSON []byte

// The namespaces stand before the names of the shapes.
const (
	lambdaNamespace  = "com.amazonaws.lambda#"
	scalingNamespace = "com.amazonaws.applicationautoscaling#"
)

// unit is the shape of no input or output.
const unit = "smithy.api#Unit"

// target points to a shape.
type target struct {
	Target string `json:"target"`
	Traits traits `json:"traits"`
}

// traits are the traits that matter here.
type traits struct {
	Length   *bounds         `json:"smithy.api#length"`
	Range    *bounds         `json:"smithy.api#range"`
	Pattern  string          `json:"smithy.api#pattern"`
	Required json.RawMessage `json:"smithy.api#required"`
	Label    json.RawMessage `json:"smithy.api#httpLabel"`
	Query    string          `json:"smithy.api#httpQuery"`
	Header   string          `json:"smithy.api#httpHeader"`
	Enum     string          `json:"smithy.api#enumValue"`
	Error    string          `json:"smithy.api#error"`
	Status   int             `json:"smithy.api#httpError"`
	HTTP     *struct {
		Method string `json:"method"`
		URI    string `json:"uri"`
		Code   int    `json:"code"`
	} `json:"smithy.api#http"`
}

// bounds are inclusive; nil is open.
type bounds struct {
	Min *float64 `json:"min"`
	Max *float64 `json:"max"`
}

func (b *bounds) hold(v float64) bool {
	return (b.Min == nil || v >= *b.Min) && (b.Max == nil || v <= *b.Max)
}

// String renders the bounds.
func (b *bounds) String() string {
	low, high := math.Inf(-1), math.Inf(1)
	if b.Min != nil {
		low = *b.Min
	}
	if b.Max != nil {
		high = *b.Max
	}
	return fmt.Sprintf("[%v, %v]", low, high)
}

// shape is a shape of the model.
type shape struct {
	Type    string            `json:"type"`
	Members map[string]target `json:"members"`
	Member  target            `json:"member"`
	Key     target            `json:"key"`
	Value   target            `json:"value"`
	Input   target            `json:"input"`
	Output  target            `json:"output"`
	Errors  []target          `json:"errors"`
	Traits  traits            `json:"traits"`
}

// members returns the names of the members, sorted.
func (s *shape) members() []string {
	names := make([]string, 0, len(s.Members))
	for name := range s.Members {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// operation is an operation of the model, ready to be matched.
type operation struct {
	name     string
	model    *model
	shape    *shape
	segments []string
	// literal is the fixed query of its URI, such as List=ALL.
	literal map[string]string
}

// model is the API model of a service.
type model struct {
	// service is the name that requests are signed for.
	service    string
	namespace  string
	shapes     map[string]*shape
	patterns   map[string]pattern
	operations []operation
}

// models returns the models of AWS Lambda and Application Auto Scaling. They are read once, as every test makes a server, and never
// changed after that.
//
//nolint:gochecknoglobals // a constant that is too slow to build for each server
var models = sync.OnceValues(func() ([2]*model, error) {
	lambda, err := loadModel(lambdaJSON, "lambda", lambdaNamespace)
	if err != nil {
		return [2]*model{}, err
	}
	scaling, err := loadModel(scalingJSON, "application-autoscaling", scalingNamespace)
	return [2]*model{lambda, scaling}, err
})

// loadModel reads an embedded model.
func loadModel(data []byte, service, namespace string) (*model, error) {
	var file struct {
		Shapes map[string]*shape `json:"shapes"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("read the API model of %s: %w", service, err)
	}
	m := &model{service: service, namespace: namespace, shapes: file.Shapes, patterns: make(map[string]pattern)}
	names := make([]string, 0, len(m.shapes))
	for name := range m.shapes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s := m.shapes[name]
		if s.Traits.Pattern != "" {
			p, err := compile(s.Traits.Pattern)
			if err != nil {
				return nil, fmt.Errorf("shape %s: %w", name, err)
			}
			m.patterns[name] = p
		}
		if s.Type == "operation" {
			m.operations = append(m.operations, m.newOperation(strings.TrimPrefix(name, namespace), s))
		}
	}
	// Those with a fixed query come first, since the others would match their requests too.
	slices.SortStableFunc(m.operations, func(a, b operation) int { return len(b.literal) - len(a.literal) })
	return m, nil
}

func (m *model) newOperation(name string, s *shape) operation {
	if s.Traits.HTTP == nil {
		// The JSON protocol names the operation in a header.
		return operation{name: name, model: m, shape: s}
	}
	path, query, _ := strings.Cut(s.Traits.HTTP.URI, "?")
	op := operation{name: name, model: m, shape: s, segments: strings.Split(path, "/"), literal: make(map[string]string)}
	if query != "" {
		for pair := range strings.SplitSeq(query, "&") {
			key, value, _ := strings.Cut(pair, "=")
			op.literal[key] = value
		}
	}
	return op
}

// pattern is a regular expression with what must not match.
type pattern struct{ must, not *regexp.Regexp }

// compile reads a pattern of the model. Go has no look-ahead; the one kind that the model uses, "(?!^X$)" at the start, becomes a
// second expression.
func compile(text string) (p pattern, err error) {
	text = javaEscapes(text)
	rest := text
	if after, found := strings.CutPrefix(text, "^(?!"); found {
		not, tail, ok := strings.Cut(after, ")")
		if !ok {
			return p, fmt.Errorf("pattern %q: look-ahead without an end", text)
		}
		if p.not, err = regexp.Compile(not); err != nil {
			return p, fmt.Errorf("pattern %q: %w", text, err)
		}
		rest = "^" + tail
	}
	p.must, err = regexp.Compile(rest)
	return p, err
}

// javaEscapes turns the escapes of UTF-16 into those of Go; the surrogate pair that stands for all characters above U+FFFF comes first.
func javaEscapes(text string) string {
	text = strings.ReplaceAll(text, `\uD800\uDC00-\uDBFF\uDFFF`, `\x{10000}-\x{10FFFF}`)
	return regexp.MustCompile(`\\u([0-9A-F]{4})`).ReplaceAllString(text, `\x{$1}`)
}

func (p pattern) match(text string) bool {
	return p.must.MatchString(text) && (p.not == nil || !p.not.MatchString(text))
}

// check returns all in which the value, as decoded from JSON with numbers kept as text, breaks the shape.
func (m *model) check(path, name string, value any) []string {
	s := m.shapes[name]
	if s == nil {
		return []string{fmt.Sprintf("%s: unknown shape %s", path, name)}
	}
	switch v := value.(type) {
	case string:
		if s.Type == "string" || s.Type == "enum" {
			return m.checkString(path, name, s, v)
		}
	case json.Number:
		if slices.Contains([]string{"integer", "long", "double", "timestamp"}, s.Type) {
			return checkNumber(path, s, v)
		}
	case bool:
		if s.Type == "boolean" {
			return nil
		}
	case []any:
		if s.Type == "list" {
			return m.checkList(path, s, v)
		}
	case map[string]any:
		return m.checkObject(path, s, v)
	}
	return []string{fmt.Sprintf("%s: %v is no %s", path, value, s.Type)}
}

func (m *model) checkObject(path string, s *shape, fields map[string]any) []string {
	switch s.Type {
	case "structure":
		return m.checkFields(path, s, fields, s.members())
	case "map":
		return m.checkMap(path, s, fields)
	default:
		return []string{fmt.Sprintf("%s: an object is no %s", path, s.Type)}
	}
}

func (m *model) checkString(path, name string, s *shape, text string) (wrong []string) {
	if n := float64(utf8.RuneCountInString(text)); s.Traits.Length != nil && !s.Traits.Length.hold(n) {
		wrong = append(wrong, fmt.Sprintf("%s: length %v is outside %s", path, n, s.Traits.Length))
	}
	if p, ok := m.patterns[name]; ok && !p.match(text) {
		wrong = append(wrong, fmt.Sprintf("%s: %q does not match %s", path, text, s.Traits.Pattern))
	}
	if s.Type == "enum" && !slices.ContainsFunc(s.members(), func(member string) bool { return s.Members[member].Traits.Enum == text }) {
		wrong = append(wrong, fmt.Sprintf("%s: %q is not one of the enum", path, text))
	}
	return wrong
}

func checkNumber(path string, s *shape, number json.Number) []string {
	value, err := number.Float64()
	whole := s.Type != "double" && s.Type != "timestamp"
	_, intErr := number.Int64()
	switch {
	case err != nil, whole && intErr != nil, s.Type == "integer" && (value > math.MaxInt32 || value < math.MinInt32):
		return []string{fmt.Sprintf("%s: %s is no %s", path, number, s.Type)}
	case s.Traits.Range != nil && !s.Traits.Range.hold(value):
		return []string{fmt.Sprintf("%s: %s is outside %s", path, number, s.Traits.Range)}
	}
	return nil
}

// checkFields checks the members that are allowed here, and that those which are required are there.
func (m *model) checkFields(path string, s *shape, fields map[string]any, allowed []string) (wrong []string) {
	for _, name := range sortedKeys(fields) {
		if !slices.Contains(allowed, name) {
			wrong = append(wrong, fmt.Sprintf("%s.%s: unknown member", path, name))
			continue
		}
		wrong = append(wrong, m.check(path+"."+name, s.Members[name].Target, fields[name])...)
	}
	for _, name := range allowed {
		if _, ok := fields[name]; !ok && s.Members[name].Traits.Required != nil {
			wrong = append(wrong, fmt.Sprintf("%s.%s: required, but missing", path, name))
		}
	}
	return wrong
}

func (m *model) checkMap(path string, s *shape, entries map[string]any) (wrong []string) {
	for _, key := range sortedKeys(entries) {
		wrong = append(wrong, m.check(path+" key", s.Key.Target, key)...)
		wrong = append(wrong, m.check(path+"["+key+"]", s.Value.Target, entries[key])...)
	}
	return wrong
}

func (m *model) checkList(path string, s *shape, items []any) (wrong []string) {
	if n := float64(len(items)); s.Traits.Length != nil && !s.Traits.Length.hold(n) {
		wrong = append(wrong, fmt.Sprintf("%s: %v items are outside %s", path, n, s.Traits.Length))
	}
	for i, item := range items {
		wrong = append(wrong, m.check(fmt.Sprintf("%s[%d]", path, i), s.Member.Target, item)...)
	}
	return wrong
}

// errorStatus returns the HTTP status of an error that the operation may return, or of one that every operation may.
func (m *model) errorStatus(op *operation, code string) (status int, ok bool) {
	for _, e := range op.shape.Errors {
		if e.Target == m.namespace+code {
			return m.shapes[e.Target].Traits.Status, true
		}
	}
	common := map[string]int{
		"AccessDeniedException": http.StatusForbidden, "ExpiredTokenException": http.StatusForbidden,
		"MissingAuthenticationTokenException": http.StatusForbidden, "IncompleteSignatureException": http.StatusBadRequest,
		"ValidationException": http.StatusBadRequest, "ServiceUnavailable": http.StatusServiceUnavailable,
		"ThrottlingException": http.StatusBadRequest,
	}
	status, ok = common[code]
	return status, ok
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
