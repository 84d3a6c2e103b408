package awslambdatest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// authorization is the form of the header of a request signed with AWS Signature Version 4.
var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([A-Za-z0-9]{3,128})/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request, ` +
	`SignedHeaders=([a-z0-9-]+(?:;[a-z0-9-]+)*), Signature=([0-9a-f]{64})$`)

// checkSignature returns the error code and what is wrong with the form of the signature, or two empty texts. The signature itself
// is not computed: that is the SDK's work, and not what is tested here.
func checkSignature(r *http.Request, region, service string) (code, wrong string) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return "MissingAuthenticationTokenException", "no Authorization header"
	}
	m := authorization.FindStringSubmatch(header)
	if m == nil {
		return "IncompleteSignatureException", "the Authorization header has not the form of Signature Version 4"
	}
	day, scopeRegion, scopeService, signed := m[2], m[3], m[4], strings.Split(m[5], ";")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	switch {
	case err != nil:
		return "IncompleteSignatureException", fmt.Sprintf("X-Amz-Date %q is no time", r.Header.Get("X-Amz-Date"))
	case at.Format("20060102") != day:
		return "IncompleteSignatureException", fmt.Sprintf("X-Amz-Date %s is not on the day %s of the credential", at, day)
	case scopeRegion != region || scopeService != service:
		return "IncompleteSignatureException",
			fmt.Sprintf("signed for %s in %s, not for %s in %s", scopeService, scopeRegion, service, region)
	}
	if wrong := checkSigned(r, signed); wrong != "" {
		return "IncompleteSignatureException", wrong
	}
	return "", ""
}

// checkSigned returns what is wrong with the list of signed headers.
func checkSigned(r *http.Request, signed []string) string {
	if !slices.IsSorted(signed) || !slices.Contains(signed, "host") || !slices.Contains(signed, "x-amz-date") {
		return fmt.Sprintf("the signed headers %v are not sorted with host and x-amz-date", signed)
	}
	for _, name := range signed {
		// net/http moves these two out of the headers.
		if name != "host" && name != "content-length" && r.Header.Get(name) == "" {
			return fmt.Sprintf("the signed header %s is not there", name)
		}
	}
	return ""
}
