package advisor

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pilotlight/models"
)

// ref is a target or a group.
type ref struct {
	target models.TargetID
	group  string
}

// names maps between names and the short ones that a model gets to see.
type names struct {
	// hide says that the real names do not leave the process.
	hide bool
	// refs are by mask, masks by ref.
	refs  map[string]ref
	masks map[ref]string
	// order lists the masks as they were given out.
	order []string
	// words finds the real names in texts, the longest first.
	words []word
}

// word is a name as it is found in texts.
type word struct {
	name, lower, mask string
	pattern           *regexp.Regexp
}

// maskPattern finds masks in a text.
var maskPattern = regexp.MustCompile(`\b[TG][1-9][0-9]{0,5}\b`)

// newNames returns a map without names.
func newNames(hide bool) *names {
	return &names{hide: hide, refs: map[string]ref{}, masks: map[ref]string{}}
}

// add gives a mask to a name, once. It returns false for a name that a selector cannot hold: an empty one, or a target with a wildcard in its
// id, which would stand for others too.
func (n *names) add(r ref) bool {
	if r == (ref{}) || strings.ContainsAny(string(r.target), "*?") {
		return false
	}
	if _, known := n.masks[r]; known {
		return true
	}
	prefix, count := "G", 1
	if r.target != "" {
		prefix = "T"
	}
	for _, mask := range n.order {
		if strings.HasPrefix(mask, prefix) {
			count++
		}
	}
	mask := prefix + strconv.Itoa(count)
	n.refs[mask], n.masks[r] = r, mask
	n.order = append(n.order, mask)
	n.addWord(r.name(), mask)
	return true
}

// name returns the real name.
func (r ref) name() string {
	if r.target != "" {
		return string(r.target)
	}
	return r.group
}

// addWord lets a name be found in texts, as it stands there after secrets are taken out.
func (n *names) addWord(name, mask string) {
	clean := strings.TrimSpace(redact(name))
	if !n.hide || clean == "" || strings.Contains(clean, redacted) || slices.ContainsFunc(n.words, func(w word) bool { return w.name == clean }) {
		return
	}
	pattern, err := regexp.Compile(`(?i)(^|[^\pL\pN_])` + regexp.QuoteMeta(clean) + `($|[^\pL\pN_])`)
	if err != nil {
		return // it is too long for a pattern, and so for a text
	}
	n.words = append(n.words, word{name: clean, lower: strings.ToLower(clean), mask: mask, pattern: pattern})
	slices.SortStableFunc(n.words, func(a, b word) int { return len(b.name) - len(a.name) })
}

// text makes a text fit to be sent: without secrets, bounded, and with masks for the names.
func (n *names) text(s string, limit int) string {
	// What comes far behind the limit is not looked at, with room for what redact takes out.
	s = redact(bounded(visible(s), 4*limit))
	lower := strings.ToLower(s)
	for _, w := range n.words {
		if !strings.Contains(lower, w.lower) {
			continue
		}
		for range 2 { // a second time for names that share the character between them
			s = w.pattern.ReplaceAllString(s, "${1}"+w.mask+"${2}")
		}
	}
	return strings.TrimSpace(shortened(s, limit))
}

// reveal puts the real names back into a text.
func (n *names) reveal(s string) string {
	return maskPattern.ReplaceAllStringFunc(s, func(mask string) string {
		if r, ok := n.refs[mask]; ok {
			return oneLine(r.name())
		}
		return mask
	})
}
