package advisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// The bounds of a JSON text from a model.
const (
	maxDepth = 12
	maxNodes = 20_000
)

// strictJSON reads one JSON value, more strictly than encoding/json: UTF-8 only, no key twice, nothing behind it, bounded depth and
// size. Numbers come as json.Number. Its errors are fit to be shown to a model.
func strictJSON(text string) (any, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("it is not UTF-8")
	}
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("it is empty")
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	r := &strictReader{decoder: decoder}
	value, err := r.value(0)
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errors.New("it breaks off before its end")
		}
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something behind the JSON value; answer with one value only")
	}
	return value, nil
}

// strictReader reads the tokens of a value.
type strictReader struct {
	decoder *json.Decoder
	nodes   int
}

func (r *strictReader) value(depth int) (any, error) {
	if r.nodes++; r.nodes > maxNodes || depth > maxDepth {
		return nil, fmt.Errorf("it has more than %d values, or more than %d levels", maxNodes, maxDepth)
	}
	token, err := r.decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return r.object(depth)
	case json.Delim('['):
		return r.array(depth)
	}
	return token, nil
}

func (r *strictReader) object(depth int) (any, error) {
	out := map[string]any{}
	for r.decoder.More() {
		key, err := r.decoder.Token()
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, errors.New("a key is no text")
		}
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("the key %q is there twice", shortened(name, 40))
		}
		if out[name], err = r.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := r.decoder.Token()
	return out, err
}

func (r *strictReader) array(depth int) (any, error) {
	out := []any{}
	for r.decoder.More() {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	_, err := r.decoder.Token()
	return out, err
}

// bareJSON takes the JSON out of what models without structured output put around it: their reasoning before it, and one fence of
// Markdown. Everything else around it stays, and is refused later.
func bareJSON(text string) string {
	text = strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(text, "<think>"); ok {
		if _, after, found := strings.Cut(rest, "</think>"); found {
			text = strings.TrimSpace(after)
		}
	}
	rest, ok := strings.CutPrefix(text, "```")
	if !ok {
		return text
	}
	info, body, found := strings.Cut(rest, "\n")
	inner, closed := strings.CutSuffix(strings.TrimSpace(body), "```")
	if info = strings.TrimSpace(info); !found || !closed || info != "" && !strings.EqualFold(info, "json") {
		return text
	}
	return strings.TrimSpace(inner)
}
