package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"pilotlight/models"
)

// MaxSize is the largest configuration in bytes.
const MaxSize = 10 << 20

// Load reads the configuration in the file at path. A mode other than "" takes the place of the file's engine.mode, before
// anything is checked: what a mode asks for is not asked of a file that is used in another one. The error is *Errors.
func Load(path string, mode models.Mode, parts Parts, env Env) (*Config, error) {
	return LoadWith(path, mode, nil, parts, env)
}

// LoadWith is Load of the file as if the values of overrides stood in it.
func LoadWith(path string, mode models.Mode, overrides []Override, parts Parts, env Env) (*Config, error) {
	data, err := readLimited(path)
	if err != nil {
		return nil, &Errors{Cause: err, Problems: []Problem{{File: path, Text: "cannot be read: " + cause(err)}}}
	}
	return read(path, data, mode, overrides, parts, env)
}

// cause returns the text of the innermost error, without the path that os errors repeat.
func cause(err error) string {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

// readLimited reads a file of at most MaxSize bytes, and one more byte of a larger one.
func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return io.ReadAll(io.LimitReader(f, MaxSize+1))
}

// Parse reads a configuration from data. The name is used in messages, and relative paths inside are resolved against its
// folder. The error is *Errors.
func Parse(name string, data []byte, parts Parts, env Env) (*Config, error) {
	return read(name, data, "", nil, parts, env)
}

// ParseWith is Parse with overrides and a mode; see LoadWith.
func ParseWith(name string, data []byte, mode models.Mode, overrides []Override, parts Parts, env Env) (*Config, error) {
	return read(name, data, mode, overrides, parts, env)
}

// read reads a configuration, to be used in a mode.
func read(name string, data []byte, mode models.Mode, overrides []Override, parts Parts, env Env) (*Config, error) {
	root, err := parseYAML(data)
	if err != nil {
		if p, ok := errors.AsType[*syntaxError](err); ok {
			return nil, &Errors{Problems: []Problem{{File: name, Line: p.line, Text: p.text}}}
		}
		return nil, &Errors{Problems: []Problem{{File: name, Text: err.Error()}}}
	}
	for _, o := range overrides {
		if err := o.apply(root); err != nil {
			return nil, &Errors{Problems: []Problem{{File: name, Path: o.Path, Text: err.Error()}}}
		}
	}
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	return build(&document{name: name, root: root, mode: mode}, filepath.Dir(name), parts, env)
}

// syntaxError is a document that is no usable YAML.
type syntaxError struct {
	line int
	text string
}

// Error implements error.
func (e *syntaxError) Error() string { return e.text }

// parseYAML reads a single YAML document and bounds its size.
func parseYAML(data []byte) (*yaml.Node, error) {
	if len(data) > MaxSize {
		return nil, &syntaxError{text: fmt.Sprintf("is larger than %d MiB: match targets by patterns instead of one by one", MaxSize>>20)}
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, next yaml.Node
	err := decodeDocument(d, &doc)
	if errors.Is(err, io.EOF) || err == nil && (len(doc.Content) == 0 || isNull(doc.Content[0])) {
		return nil, &syntaxError{text: "is empty: it needs at least the keys collectors and targets"}
	}
	if err == nil {
		if err = decodeDocument(d, &next); err == nil {
			return nil, &syntaxError{line: next.Line, text: "has a second document after ---: put everything into one"}
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, explainSyntax(err, data)
	}
	root := doc.Content[0]
	size, err := expandedSize(root, map[*yaml.Node]int{})
	switch {
	case err != nil:
		return nil, &syntaxError{text: err.Error()}
	case size > maxNodes:
		return nil, &syntaxError{text: fmt.Sprintf("has more than %d values once its aliases are expanded: use fewer aliases", maxNodes)}
	}
	return root, nil
}

// decodeDocument reads the next document; a panic of the YAML library becomes an error, since the document is untrusted.
func decodeDocument(d *yaml.Decoder, node *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("is no YAML: %v", r)
		}
	}()
	return d.Decode(node)
}

// yamlLine matches the line in a syntax error of the YAML library.
var yamlLine = regexp.MustCompile(`line (\d+): `)

// explainSyntax turns a syntax error of the YAML library into one that says what to do.
func explainSyntax(err error, data []byte) error {
	text := strings.ReplaceAll(strings.TrimPrefix(err.Error(), "yaml: "), "\n", " ")
	line := 0
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1]) // digits, or 0 for absurdly many
		text = strings.Replace(text, m[0], "", 1)
	}
	for i, l := range bytes.Split(data, []byte("\n")) {
		if strings.HasPrefix(strings.TrimLeft(string(l), " "), "\t") {
			return &syntaxError{line: i + 1, text: "is indented with a tab: YAML wants spaces (" + text + ")"}
		}
	}
	return &syntaxError{line: line, text: "is no YAML: " + text}
}
