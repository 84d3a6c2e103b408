package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"pilotlight/models"
)

// pattern selects target ids: one exactly, or those of a glob in which * stands for any characters, slashes included, and ?
// for a single one.
type pattern struct{ exact, glob string }

// matches reports whether the pattern selects an id.
func (p pattern) matches(id string) bool {
	if p.glob != "" {
		return models.MatchGlob(p.glob, id)
	}
	return p.exact == id
}

// pattern reads which targets an entry is about.
func (b *builder) pattern(path string, r *rawTarget) pattern {
	switch {
	case r.ID == "" && r.Match == "":
		b.bad(path, "names no target: give it an id, or a pattern with match")
	case r.ID != "" && r.Match != "":
		b.bad(path, "has both id and match: keep one of them")
	case r.ID != "":
		b.invalid(find(b.doc.root, joinPath(path, "id")), joinPath(path, "id"), models.TargetID(r.ID).Validate())
		if strings.ContainsAny(r.ID, "*?") {
			b.warn(joinPath(path, "id"), "%q is taken literally: use match for a pattern", r.ID)
		}
	case len(r.Match) > maxPattern:
		b.bad(joinPath(path, "match"), "is longer than %d bytes", maxPattern)
	default:
		return pattern{glob: r.Match}
	}
	return pattern{exact: r.ID}
}

// maxPattern bounds a glob in bytes; ids are shorter.
const maxPattern = 512

// matcher finds the first entry for a target.
type matcher struct {
	entries []entry
	exact   map[string][]int
	globs   []int
}

// add appends an entry.
func (m *matcher) add(e entry) {
	i := len(m.entries)
	m.entries = append(m.entries, e)
	if e.pattern.glob != "" {
		m.globs = append(m.globs, i)
		return
	}
	if m.exact == nil {
		m.exact = map[string][]int{}
	}
	m.exact[e.pattern.exact] = append(m.exact[e.pattern.exact], i)
}

// first returns the first entry that matches, or nil.
func (m *matcher) first(seen Seen) *entry {
	of := func(e *entry) bool { return e.collector == "" || e.collector == seen.Collector }
	best := len(m.entries)
	for _, i := range m.exact[string(seen.ID)] {
		if of(&m.entries[i]) {
			best = i
			break
		}
	}
	for _, i := range m.globs {
		if i >= best {
			break
		}
		if e := &m.entries[i]; of(e) && e.pattern.matches(string(seen.ID)) {
			return e
		}
	}
	if best == len(m.entries) {
		return nil
	}
	return &m.entries[best]
}

// unreachable notes entries for a single id that an earlier entry takes.
func (b *builder) unreachable() {
	m := &b.cfg.matcher
	// Each id is compared with earlier patterns only as long as that stays quick.
	budget := 1 << 20
	for i := range m.entries {
		e := &m.entries[i]
		if e.pattern.glob != "" || e.pattern.exact == "" {
			continue
		}
		covers := func(j int) bool { return m.entries[j].collector == "" || m.entries[j].collector == e.collector }
		same := slices.IndexFunc(m.exact[e.pattern.exact], func(j int) bool { return j < i && covers(j) })
		if same >= 0 {
			first := m.entries[m.exact[e.pattern.exact][same]].path
			b.bad(joinPath(e.path, "id"), "%q is given twice, first as %s: remove one", e.pattern.exact, first)
			continue
		}
		earlier, _ := slices.BinarySearch(m.globs, i)
		budget -= earlier
		if budget < 0 {
			return
		}
		for _, j := range m.globs[:earlier] {
			if covers(j) && m.entries[j].pattern.matches(e.pattern.exact) {
				b.warn(joinPath(e.path, "id"), "is never used, because %s matches %q first: move it before that", m.entries[j].path, e.pattern.exact)
				break
			}
		}
	}
}

// template is text with labels in it: pieces of text, each followed by the value of a label if label is not "".
type template []templatePiece

// templatePiece is a part of a template.
type templatePiece struct{ text, label string }

// template parses ${label} and ${id} in a text; $${ stands for ${ itself.
func (b *builder) template(path, text string) template {
	var out template
	literal := ""
	for text != "" {
		before, after, found := strings.Cut(text, "${")
		if !found {
			literal += text
			break
		}
		if strings.HasSuffix(before, "$") {
			literal += before + "{"
			text = after
			continue
		}
		label, rest, closed := strings.Cut(after, "}")
		if !closed || label == "" {
			b.bad(path, "has ${ without a label and }: write ${label}, or $${ for the characters themselves")
			return nil
		}
		out = append(out, templatePiece{text: literal + before, label: label})
		literal, text = "", rest
	}
	if literal != "" {
		out = append(out, templatePiece{text: literal})
	}
	return out
}

// expand fills in the labels of a target. Labels are untrusted: a value with control characters is refused.
func (t template) expand(seen Seen) (string, error) {
	if len(t) == 1 && t[0].text == "" && t[0].label == "id" {
		return string(seen.ID), nil
	}
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.text)
		if p.label == "" {
			continue
		}
		value, ok := string(seen.ID), true
		if p.label != "id" {
			value, ok = seen.Labels[p.label]
		}
		switch {
		case !ok || value == "":
			return "", fmt.Errorf("the label %q is not there (%s): %w", p.label, labelNames(seen.Labels), models.ErrInvalid)
		case strings.ContainsFunc(value, unicode.IsControl):
			return "", fmt.Errorf("the label %q has a control character: %w", p.label, models.ErrInvalid)
		}
		b.WriteString(value)
	}
	return b.String(), nil
}
