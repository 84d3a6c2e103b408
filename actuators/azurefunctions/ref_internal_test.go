package azurefunctions

import (
	"strings"
	"testing"
)

// FuzzParseRef checks that what is accepted is a plain path in the API, and means the same when written in full.
func FuzzParseRef(f *testing.F) {
	for _, text := range []string{
		"shop", "shop#http", "shop#function:PlaceOrder",
		"/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg/providers/Microsoft.Web/sites/shop#durable", "#", "a/../b",
	} {
		f.Add(text)
	}
	config := DefaultConfig()
	config.Subscription, config.ResourceGroup = "11111111-2222-3333-4444-555555555555", "shop-rg"
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRef(text, config)
		if err != nil {
			return
		}
		if again, err := parseRef(r.String(), DefaultConfig()); err != nil || again != r {
			t.Errorf("%q became %q, which becomes %+v, %v", text, r, again, err)
		}
		if strings.ContainsAny(r.id(), "?#% \n\\") || strings.Count(r.id(), "/") != 8 || strings.Contains(r.id(), "/../") {
			t.Errorf("%q became %q, which is no plain path", text, r)
		}
	})
}
