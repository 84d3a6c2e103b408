package models

import (
	"strings"
	"unicode/utf8"
)

// MatchGlob reports whether a glob matches the whole text; * stands for any characters, slashes included, and ? for a single
// one. Only the last * is tried again, for that is enough: whatever an earlier one could take more, the last one can take too. So it never takes more than len(glob)*len(text) steps.
func MatchGlob(glob, text string) bool {
	star, taken := "", "" // the glob after the last *, and the text from where that * may take one more character
	again := false
	for text != "" || glob != "" {
		if rest, ok := strings.CutPrefix(glob, "*"); ok {
			star, taken, again = rest, text, true
			glob = rest
			continue
		}
		want, n := utf8.DecodeRuneInString(glob)
		got, m := utf8.DecodeRuneInString(text)
		if n > 0 && m > 0 && (want == '?' || want == got && glob[:n] == text[:m]) {
			glob, text = glob[n:], text[m:]
			continue
		}
		if !again || taken == "" {
			return false
		}
		_, m = utf8.DecodeRuneInString(taken)
		taken = taken[m:]
		glob, text = star, taken
	}
	return true
}
