package cloudrun

import (
	"strings"
	"testing"
)

// FuzzParseRef checks that what is accepted is a plain path in the API, and means the same when written in full.
func FuzzParseRef(f *testing.F) {
	for _, text := range []string{
		"shop", "shop-123/europe-west1/shop", "projects/shop-123/locations/europe-west1/services/shop",
		"projects/example.com:shop/locations/us-central1/functions/Place_Order", "//run.googleapis.com/projects/p/locations/l/services/s", "a/../b",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRef(text, "shop-123", "europe-west1")
		if err != nil {
			return
		}
		if again, err := parseRef(r.String(), "", ""); err != nil || again != r {
			t.Errorf("%q became %q, which becomes %+v, %v", text, r, again, err)
		}
		if strings.ContainsAny(r.String(), "?#% \n\\_") || strings.Count(r.String(), "/") != 5 || strings.Contains(r.String(), "..") {
			t.Errorf("%q became %q, which is no plain path", text, r)
		}
	})
}
