package advisor

import (
	"regexp"
	"sort"
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
	// words lists the real names for their replacement in texts, the longest first.
	words []string
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
	n.words = append(n.words, r.name())
	sort.SliceStable(n.words, func(i, j int) bool { return len(n.words[i]) > len(n.words[j]) })
	return true
}

// name returns the real name.
func (r ref) name() string {
	if r.target != "" {
		return string(r.target)
	}
	return r.group
}

// text makes a text fit to be sent: without secrets, bounded, and with masks for the names.
func (n *names) text(s string, limit int) string {
	s = redact(s)
	if n.hide {
		for _, word := range n.words {
			s = n.replace(s, word)
		}
	}
	return strings.TrimSpace(shortened(s, limit))
}

// replace puts the mask in the place of a name wherever it stands as a word, whatever its case.
func (n *names) replace(s, word string) string {
	mask, ok := n.masks[ref{target: models.TargetID(word)}]
	if !ok {
		mask = n.masks[ref{group: word}]
	}
	if clean := strings.TrimSpace(redact(word)); clean != "" && mask != "" && !strings.Contains(clean, redacted) {
		pattern, err := regexp.Compile(`(?i)(^|[^\pL\pN_])` + regexp.QuoteMeta(clean) + `($|[^\pL\pN_])`)
		if err != nil {
			return s
		}
		for range 2 { // a second time for names that share the character between them
			s = pattern.ReplaceAllString(s, "${1}"+mask+"${2}")
		}
	}
	return s
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
