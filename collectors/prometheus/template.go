package prometheus

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/common/model"

	"pilotlight/models"
)

// maxExpanded bounds what a template makes of labels that somebody else wrote.
const maxExpanded = 4096

// template makes a text from the labels of a series: ${label} stands for the value of the label, $$ for a dollar.
type template struct {
	parts []part
}

// part is a literal, or a reference to a label if label is not empty.
type part struct {
	literal, label string
}

// parseTemplate reads a template.
func parseTemplate(text string) (template, error) {
	var t template
	if !utf8.ValidString(text) {
		return t, fmt.Errorf("%q is not UTF-8: %w", clean(text), models.ErrInvalid)
	}
	for rest := text; rest != ""; {
		before, after, found := strings.Cut(rest, "$")
		if before != "" {
			t.parts = append(t.parts, part{literal: before})
		}
		if !found {
			return t, nil
		}
		if strings.HasPrefix(after, "$") {
			t.parts = append(t.parts, part{literal: "$"})
			rest = after[1:]
			continue
		}
		label, tail, err := cutReference(after)
		if err != nil {
			return template{}, fmt.Errorf("%q: %w", clean(text), err)
		}
		t.parts = append(t.parts, part{label: label})
		rest = tail
	}
	return t, nil
}

// cutReference reads {label} from the start of the text and returns what follows.
func cutReference(text string) (label, rest string, err error) {
	if !strings.HasPrefix(text, "{") {
		return "", "", fmt.Errorf("a dollar begins a reference like ${label}; write $$ for a dollar: %w", models.ErrInvalid)
	}
	label, rest, found := strings.Cut(text[1:], "}")
	if !found {
		return "", "", fmt.Errorf("${ is not closed by }: %w", models.ErrInvalid)
	}
	if label == "" || strings.ContainsAny(label, "${") {
		return "", "", fmt.Errorf("${%s} does not name a label; write it like ${namespace}: %w", label, models.ErrInvalid)
	}
	return label, rest, nil
}

// labels returns the labels that the template refers to, each once.
func (t template) labels() []string {
	var out []string
	for _, p := range t.parts {
		if p.label != "" && !slices.Contains(out, p.label) {
			out = append(out, p.label)
		}
	}
	return out
}

// expand makes the text for the labels of a series. If a label is missing or empty, it returns its name in missing. A text
// above maxExpanded bytes is cut; it is too long for any id anyway.
func (t template) expand(metric model.Metric) (text, missing string) {
	if len(t.parts) == 1 && t.parts[0].label != "" {
		value := string(metric[model.LabelName(t.parts[0].label)])
		if value == "" {
			return "", t.parts[0].label
		}
		return value[:min(len(value), maxExpanded)], ""
	}
	var b strings.Builder
	for _, p := range t.parts {
		value := p.literal
		if p.label != "" {
			value = string(metric[model.LabelName(p.label)])
			if value == "" {
				return "", p.label
			}
		}
		b.WriteString(value[:min(len(value), maxExpanded-b.Len())])
	}
	return b.String(), ""
}
