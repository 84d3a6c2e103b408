package advisor

import (
	"math"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// redacted stands where a secret stood.
const redacted = "[redacted]"

// secretWords are parts of names whose values are secrets.
const secretWords = `(?:pass(?:word|wd|phrase|code)|secret|token|api[ _.-]?key|access[ _.-]?key|account[ _.-]?key|shared[ _.-]?access[ _.-]?(?:key|signature)|` +
	`private[ _.-]?key|signing[ _.-]?key|encryption[ _.-]?key|master[ _.-]?key|authorization|credential|connection[ _.-]?string|cookie|session[ _.-]?id|signature|bearer|` +
	`(?:\b|_|-)(?:pwd|pass|pin|otp|sig|auth|dsn|key)(?:\b|_|-))`

// The patterns of secrets. Where there is a first group, it is kept.
var (
	privateKeyPattern = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]{0,40}(?:PRIVATE|SECRET|ENCRYPTED|OPENSSH|PGP|CERTIFICATE)[A-Z0-9 ]{0,40}-----.*?(?:-----END [A-Z0-9 ]{0,60}-----|\z)`)
	urlPattern        = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]{1,30}://[^\s"'<>\x60]+`)
	headerPattern     = regexp.MustCompile(`(?im)\b((?:proxy-)?authorization|(?:set-)?cookie|x-[a-z-]*(?:key|token|auth|secret)[a-z-]*)(["']?\s*:\s*)[^\r\n]+`)
	schemePattern     = regexp.MustCompile(`(?i)\b(bearer|basic|digest|negotiate)(\s+)["']?[A-Za-z0-9._~+/=:-]{6,}`)
	quotedPattern     = regexp.MustCompile(`(?i)((?:` + secretWords + `)[A-Za-z0-9_.-]*\\?["'\]]{0,2}\s*(?::=|=>|[:=])\s*)\\?(?:"[^"]*(?:"|\z)|'[^']*(?:'|\z)|\x60[^\x60]*(?:\x60|\z))`)
	assignPattern     = regexp.MustCompile(`(?i)((?:` + secretWords + `)[A-Za-z0-9_.-]*\\?["'\]]{0,2}\s*(?::=|=>|[:=])\s*)[^\s,;&"'\x60)}\]]+`)
	spokenPattern     = regexp.MustCompile(`(?i)\b((?:pass(?:word|wd|phrase|code)|pwd|secret(?: key)?|api[ _-]?key|access[ _-]?key|credentials?|token)s?\s+(?:is|was|are|to|as)\s*:?\s+)["']?[^\s"']+`)
	flagPattern       = regexp.MustCompile(`(?i)(--?(?:[a-z0-9]+[-_])*(?:password|passwd|pass|pwd|secret|token|key|apikey|auth|user)[ \t]+)["']?[^\s"']+`)
	mailPattern       = regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?:[:|]\S+)?`)
	accountPattern    = regexp.MustCompile(`[^\s:@/"']+:[^\s@/"']+@[^\s"']+`)
	jwtPattern        = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){0,4}`)
	knownPattern      = regexp.MustCompile(`\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{8,}|\bgh[oprsu]_[A-Za-z0-9]{10,}|\bgithub_pat_[A-Za-z0-9_]{10,}|\bgl(?:pat|dt|rt|ptt)-[A-Za-z0-9_-]{8,}|` +
		`\bxox[a-z]-[A-Za-z0-9-]{6,}|\bxapp-[A-Za-z0-9-]{6,}|\b(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{12,}|\bAIza[A-Za-z0-9_-]{20,}|\bya29\.[A-Za-z0-9_-]+|` +
		`\b(?:npm|hf|pypi|dop_v1|doo_v1|shp[a-z]{2}|whsec|lin_api|figd|dckr_pat|tskey|glsa|glc|nvapi|gsk|r8|pplx|fly|vercel|rnd)[-_][A-Za-z0-9_-]{10,}|` +
		`\bhv[sbr]\.[A-Za-z0-9_-]{8,}|\bs\.[A-Za-z0-9]{20,}|\bSG\.[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}|\bAGE-SECRET-KEY-[A-Z0-9]+|\bATATT[A-Za-z0-9_=-]{10,}|\bEAA[A-Za-z0-9]{20,}`)
	tokenPattern    = regexp.MustCompile(`[A-Za-z0-9+/_=~-]{20,}`)
	uuidPattern     = regexp.MustCompile(`(?i)\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`)
	labelPattern    = regexp.MustCompile(`(?i)` + secretWords + `|key`)
	addressPattern  = regexp.MustCompile(`\b(?:\d{1,3}\.){3}\d{1,3}\b`)
	separatedSecret = regexp.MustCompile(`^[a-z0-9]{1,15}(?:[-_/.][a-z0-9]{1,15})*$`)
)

// maxRedacted bounds the text that is looked through, in bytes; the rest is dropped before.
const maxRedacted = 64 << 10

// redact returns the text without anything that looks like a secret, an address of a machine or of mail, and without characters
// that do not show. It errs on the side of taking too much: what a model needs are numbers and plain words. Line ends are kept.
func redact(text string) string {
	text = bounded(visible(text), maxRedacted)
	for _, r := range rules() {
		// Most texts have none of the characters, and looking for them is much faster than matching.
		if r.needs == "" || strings.ContainsAny(text, r.needs) {
			text = r.pattern.ReplaceAllString(text, r.with)
		}
	}
	if strings.ContainsAny(text, "=:>") {
		text = assignPattern.ReplaceAllStringFunc(text, redactAssigned)
	}
	text = addressPattern.ReplaceAllString(text, "[address]")
	return tokenPattern.ReplaceAllStringFunc(text, func(token string) string {
		if random(token) {
			return redacted
		}
		return token
	})
}

// rule is what is taken out in one way.
type rule struct {
	// needs are characters of which a text that matches has one, "" if there are none.
	needs   string
	pattern *regexp.Regexp
	with    string
}

// rules are in the order in which they have to be applied, those of values in quotes before those of bare ones.
func rules() [12]rule {
	return [...]rule{
		{"-", privateKeyPattern, redacted},
		{"/", urlPattern, "[url]"},
		{":", headerPattern, "${1}${2}" + redacted},
		{"", schemePattern, "${1}${2}" + redacted},
		{"\"'`", quotedPattern, "${1}" + redacted},
		{"", spokenPattern, "${1}" + redacted},
		{"-", flagPattern, "${1}" + redacted},
		{"@", accountPattern, redacted},
		{"@", mailPattern, redacted},
		{"", jwtPattern, redacted},
		{"-_.AE", knownPattern, redacted},
		{"-", uuidPattern, redacted},
	}
}

// redactAssigned hides the value of key=value, unless it is hidden already.
func redactAssigned(match string) string {
	key := assignPattern.FindStringSubmatch(match)[1]
	if strings.HasPrefix(match[len(key):], "[") && strings.HasPrefix(redacted, match[len(key):]) {
		return match // the bracket that closes it is behind the match
	}
	return key + redacted
}

// looksSecret reports whether a text holds what redact would take for a key by its looks.
func looksSecret(text string) bool {
	return knownPattern.MatchString(text) || jwtPattern.MatchString(text) || privateKeyPattern.MatchString(text)
}

// secretLabel reports whether the value of a label of that name is taken for a secret.
func secretLabel(name string) bool { return labelPattern.MatchString(name) }

// random reports whether a token looks drawn at random, as keys are: mixed kinds of characters that words and names do not mix, and
// many different ones.
func random(token string) bool {
	k := kindsOf(token)
	letters := k.lower + k.upper
	bits := entropy(&k.counts, len(token))
	switch {
	case k.digits == len(token):
		return true
	case k.hex && letters > 0:
		return bits > 2.5
	case min(k.lower, k.upper, k.digits) > 0:
		return bits > 3
	case min(k.lower, k.upper) > 0:
		return len(token) >= 32 && bits > 4
	}
	return k.digits >= 3 && letters >= 3 && bits > 3 && !separatedSecret.MatchString(strings.ToLower(token))
}

// kinds are the kinds of characters of a token.
type kinds struct {
	lower, upper, digits int
	// hex says that there is nothing but hexadecimal digits.
	hex    bool
	counts [256]int
}

func kindsOf(token string) kinds {
	k := kinds{hex: true}
	for i := range len(token) {
		b := token[i]
		k.counts[b]++
		k.hex = k.hex && strings.IndexByte("0123456789abcdefABCDEF", b) >= 0
		switch {
		case b >= 'a' && b <= 'z':
			k.lower++
		case b >= 'A' && b <= 'Z':
			k.upper++
		case b >= '0' && b <= '9':
			k.digits++
		}
	}
	return k
}

// entropy returns the bits per character of a text of n characters (Shannon 1948).
func entropy(counts *[256]int, n int) float64 {
	sum := 0.0
	for _, c := range counts {
		if c > 0 {
			p := float64(c) / float64(n)
			sum -= p * math.Log2(p)
		}
	}
	return sum
}

// visible drops what does not show, so that nothing can hide in a text, and what is not UTF-8. Line ends stay, other white space
// becomes a space.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return -1
		case r == '\n':
			return r
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsGraphic(r) || unicode.Is(unicode.Variation_Selector, r) || r == '\u115f' || r == '\u1160' || r == '\u3164' || r == '\uffa0':
			return -1
		}
		return r
	}, text)
}

// oneLine is visible without line ends and repeated spaces.
func oneLine(text string) string { return strings.Join(strings.Fields(visible(text)), " ") }

// bounded cuts a text to n bytes, between words, so that no half of a secret is left.
func bounded(text string, n int) string {
	if len(text) <= n {
		return text
	}
	const wordly = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_=~.-"
	return strings.TrimRight(shortened(text, n), wordly)
}

// shortened cuts a text that holds no secret any more to n bytes, at a character.
func shortened(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
