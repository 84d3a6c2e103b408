package models_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"pilotlight/models"
)

func FuzzGlob(f *testing.F) {
	f.Add("prod/*", "prod/a\nb")
	f.Add("*a*b?*c", "xaybbzc")
	f.Add("ü?*", "üüü")
	f.Add(`\d+(a|[b]){2}.?*`, "x")
	f.Fuzz(func(t *testing.T, glob, text string) {
		if len(glob) > 512 || len(text) > 512 {
			return
		}
		var expression strings.Builder
		for _, r := range glob {
			switch r {
			case '*':
				expression.WriteString(".*")
			case '?':
				expression.WriteByte('.')
			default:
				expression.WriteString(regexp.QuoteMeta(string(r)))
			}
		}
		if !utf8.ValidString(glob) || !utf8.ValidString(text) {
			return
		}
		want := regexp.MustCompile(`(?s)\A` + expression.String() + `\z`).MatchString(text)
		if got := models.MatchGlob(glob, text); got != want {
			t.Fatalf("%q matches %q: %v, want %v", glob, text, got, want)
		}
	})
}
