package prometheus

import (
	"net/url"
	"strings"
	"unicode"
)

// maxText bounds foreign text in errors, warnings and logs, in bytes.
const maxText = 300

// clean makes foreign text fit for an error or a log line: printable, on one line, not longer than maxText.
func clean(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), 4*maxText)], "\uFFFD")
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case !unicode.IsPrint(r):
			return '\uFFFD'
		}
		return r
	}, strings.TrimSpace(text))
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "..."
}

// redact returns a URL without user, password, query and fragment.
func redact(u *url.URL) string {
	plain := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return strings.TrimRight(plain.String(), "/")
}
