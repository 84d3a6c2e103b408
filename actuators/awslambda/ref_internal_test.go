package awslambda

import (
	"strings"
	"testing"
)

// FuzzParseRef checks that whatever is accepted is sent as it was written, with a qualifier, and cannot leave its place in a path.
func FuzzParseRef(f *testing.F) {
	for _, seed := range []string{
		"fn:live", "fn:7", "function:fn:live", "123456789012:function:fn:live", "arn:aws:lambda:eu-west-1:123456789012:function:fn:live",
		"arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:fn:1", "fn:$LATEST", "fn", ":", "a/b:c", "é:ü",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRef(text)
		if err != nil {
			return
		}
		if r.String() != text || r.function == "" || r.qualifier == "" {
			t.Errorf("parseRef(%q) = %+v", text, r)
		}
		if strings.ContainsAny(text, "/?#%$ \n") || r.qualifier == latest {
			t.Errorf("parseRef accepts %q", text)
		}
		if r.isAlias() == (strings.Trim(r.qualifier, "0123456789") == "") {
			t.Errorf("%q: isAlias is %v", text, r.isAlias())
		}
	})
}

func TestResourceID(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"fn:live", "function:fn:live", "123456789012:function:fn:live", "arn:aws:lambda:eu-west-1:123456789012:function:fn:live",
	} {
		r, err := parseRef(text)
		if err != nil {
			t.Fatal(err)
		}
		if id := resourceID(r); id != "function:fn:live" {
			t.Errorf("%s is %s to Application Auto Scaling, want function:fn:live", text, id)
		}
	}
}
