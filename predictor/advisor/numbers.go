package advisor

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// written is a number as it stands in a text.
type written struct {
	text  string
	value float64
	// decimals are how many stand behind the point; percent says that a percent sign follows.
	decimals int
	percent  bool
}

// The numbers of a text: with groups of three digits between commas, or without.
var (
	numberPattern   = regexp.MustCompile(`(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?(?:\s?%)?`)
	numeralsPattern = regexp.MustCompile(`(?i)\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|` +
		`twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|trillions?|dozens?|twice|thrice|doubl(?:e|es|ed|ing)|tripl(?:e|es|ed|ing)|` +
		`quadrupl(?:e|es|ed|ing)|(?:two|three|four|five|ten)fold|half|halves|halved|quarters?|(?:a|one)[ -]third|thirds|tenfold|percent|per[ -]cent)\b`)
)

// numbersOf returns the numbers of a text.
func numbersOf(text string) []written {
	var out []written
	for _, match := range numberPattern.FindAllString(text, -1) {
		w := written{text: match, percent: strings.HasSuffix(match, "%")}
		digits := strings.TrimSpace(strings.TrimSuffix(strings.ReplaceAll(match, ",", ""), "%"))
		value, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			value = math.Inf(1)
		}
		mantissa, _, _ := strings.Cut(strings.ToLower(digits), "e")
		if _, fraction, ok := strings.Cut(mantissa, "."); ok {
			w.decimals = len(fraction)
		}
		w.value = value
		out = append(out, w)
	}
	return out
}

// invented returns the first number of a text that is none of those in the sources, "" if there is none. Numbers may be rounded as they are
// printed, and shares may be written in percent. Numbers in words count as invented unless the same word stands in a source.
func invented(text string, sources []string) string {
	var known []written
	words := map[string]bool{}
	for _, s := range sources {
		known = append(known, numbersOf(s)...)
		for _, word := range numeralsPattern.FindAllString(s, -1) {
			words[strings.ToLower(word)] = true
		}
	}
	for _, r := range text {
		// Digits of other scripts, fractions, superscripts and the like are in no source.
		if unicode.IsNumber(r) && (r < '0' || r > '9') {
			return string(r)
		}
	}
	for _, w := range numbersOf(text) {
		if !slices.ContainsFunc(known, func(k written) bool { return w.says(k) }) {
			return w.text
		}
	}
	for _, word := range numeralsPattern.FindAllString(text, -1) {
		if !words[strings.ToLower(word)] {
			return word
		}
	}
	return ""
}

// says reports whether a number is another one, rounded as it is printed.
func (w written) says(k written) bool {
	switch {
	case w.percent == k.percent:
		return w.rounds(k.value)
	case w.percent:
		return k.value <= 1 && k.decimals > 0 && w.rounds(100*k.value)
	}
	return w.decimals > 0 && w.rounds(k.value/100)
}

// rounds reports whether a number is x rounded to its decimals. It also has to be near, so that 1 is not 0.6.
func (w written) rounds(x float64) bool {
	const near, exact = 0.05, 1e-9
	off := math.Abs(w.value - x)
	return off <= exact*math.Abs(x) || off <= 0.5*math.Pow10(-w.decimals)*(1+exact) && off <= near*math.Abs(x)
}
