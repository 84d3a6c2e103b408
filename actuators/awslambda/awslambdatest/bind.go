package awslambdatest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxBody bounds the body of a request; the largest that is valid is far smaller.
const maxBody = 1 << 16

// targetHeader names the operation in the JSON protocol.
const targetHeader = "X-Amz-Target"

// contentType is that of requests and answers.
func (op *operation) contentType() string {
	if op.shape.Traits.HTTP == nil {
		return "application/x-amz-json-1.1"
	}
	return "application/json"
}

// match returns the operation of a request and the values of its path labels.
func (s *Server) match(r *http.Request) (*operation, map[string]string) {
	target := r.Header.Get(targetHeader)
	if target == "" {
		return s.lambda.match(r)
	}
	name, known := strings.CutPrefix(target, "AnyScaleFrontendService.")
	i := slices.IndexFunc(s.scaling.operations, func(op operation) bool { return op.name == name })
	if !known || i < 0 || r.Method != http.MethodPost || r.URL.Path != "/" || r.URL.RawQuery != "" {
		return nil, nil
	}
	return &s.scaling.operations[i], nil
}

// match returns the operation of a request and the values of its path labels.
func (m *model) match(r *http.Request) (*operation, map[string]string) {
	segments := strings.Split(r.URL.EscapedPath(), "/")
	query := r.URL.Query()
	for i := range m.operations {
		op := &m.operations[i]
		if op.shape.Traits.HTTP.Method != r.Method || len(op.segments) != len(segments) {
			continue
		}
		if labels, ok := op.labels(segments); ok && op.literalIn(query) {
			return op, labels
		}
	}
	return nil, nil
}

// labels matches the path, and returns the unescaped labels.
func (op *operation) labels(segments []string) (map[string]string, bool) {
	labels := make(map[string]string)
	for i, want := range op.segments {
		name, isLabel := strings.CutPrefix(want, "{")
		if !isLabel {
			if segments[i] != want {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(segments[i])
		if err != nil || value == "" {
			return nil, false
		}
		labels[strings.TrimSuffix(name, "}")] = value
	}
	return labels, true
}

func (op *operation) literalIn(query url.Values) bool {
	for key, value := range op.literal {
		if query.Get(key) != value {
			return false
		}
	}
	return true
}

// input returns the input of a request and all in which it breaks the model.
func (m *model) input(op *operation, labels map[string]string, r *http.Request) (fields map[string]any, wrong []string) {
	s := m.shapes[op.shape.Input.Target]
	fields = make(map[string]any)
	queries := make(map[string]string)
	var inBody []string
	for _, name := range s.members() {
		member := s.Members[name]
		switch {
		case member.Traits.Label != nil:
			fields[name] = labels[name]
		case member.Traits.Query != "":
			queries[member.Traits.Query] = name
		default:
			inBody = append(inBody, name)
		}
	}
	query := r.URL.Query()
	for _, key := range sortedKeys(query) {
		name, known := queries[key]
		switch {
		case len(query[key]) != 1:
			wrong = append(wrong, fmt.Sprintf("query %s: given %d times", key, len(query[key])))
		case known:
			fields[name] = m.parse(s.Members[name].Target, query.Get(key))
		case op.literal[key] == "":
			wrong = append(wrong, fmt.Sprintf("query %s: unknown", key))
		}
	}
	body, err := readBody(r, len(inBody) > 0, op.contentType())
	if err != nil {
		return fields, append(wrong, "body: "+err.Error())
	}
	for name, value := range body {
		if slices.Contains(inBody, name) {
			fields[name] = value
		} else {
			wrong = append(wrong, fmt.Sprintf("body.%s: unknown member", name))
		}
	}
	return fields, append(wrong, m.checkFields(op.name, s, fields, s.members())...)
}

// parse reads a value that came as text.
func (m *model) parse(shapeName, text string) any {
	if s := m.shapes[shapeName]; s != nil && s.Type == "list" {
		return []any{text}
	} else if s != nil && s.Type != "string" && s.Type != "enum" {
		return json.Number(text)
	}
	return text
}

// readBody reads the JSON object that an operation with members in its body must have, and no other may.
func readBody(r *http.Request, expected bool, contentType string) (map[string]any, error) {
	data, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxBody:
		return nil, fmt.Errorf("larger than %d bytes", maxBody)
	case !expected && len(data) > 0:
		return nil, errors.New("the operation has none")
	case !expected:
		return nil, nil
	case r.Header.Get("Content-Type") != contentType:
		return nil, fmt.Errorf("content type %q is not %s", r.Header.Get("Content-Type"), contentType)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more after the JSON object")
	}
	return fields, nil
}
