package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"github.com/gin-gonic/gin"

	"pilotlight/models"
)

// Role says what the holder of a token may do.
type Role string

// The roles. An operator may do what a viewer may.
const (
	// RoleViewer may read.
	RoleViewer Role = "viewer"
	// RoleOperator may also write: approve, reject, pause, resume, reload, start backtests.
	RoleOperator Role = "operator"
)

// minSecretLen is the least length of a secret. A secret is not rate limited, so it must not be guessable.
const minSecretLen = 16

// Token lets its holder use the API with the header "Authorization: Bearer <secret>".
type Token struct {
	// Name says who holds it; it is recorded as the author of approvals and pauses.
	Name string
	Role Role
	// Secret is at least 16 bytes of printable ASCII without spaces.
	Secret string
}

// String implements fmt.Stringer and leaves the secret out.
func (t Token) String() string { return fmt.Sprintf("token %q (%s)", t.Name, t.Role) }

// validateTokens says what is wrong with the tokens; it never shows a secret.
func validateTokens(tokens []Token) []error {
	var errs []error
	names, secrets := map[string]bool{}, map[string]bool{}
	for i, t := range tokens {
		fail := func(text string) {
			errs = append(errs, fmt.Errorf("token %d %q: %s: %w", i+1, t.Name, text, models.ErrInvalid))
		}
		if t.Name == "" || strings.ContainsFunc(t.Name, unicode.IsControl) {
			fail("give it a name without control characters")
		}
		if t.Role != RoleViewer && t.Role != RoleOperator {
			fail(fmt.Sprintf("role %q is not viewer or operator", t.Role))
		}
		if len(t.Secret) < minSecretLen {
			fail(fmt.Sprintf("the secret is shorter than %d bytes; make one with: openssl rand -hex 32", minSecretLen))
		}
		if strings.ContainsFunc(t.Secret, func(r rune) bool { return r <= ' ' || r >= unicode.MaxASCII }) {
			fail("the secret holds a space or a character outside ASCII; make one with: openssl rand -hex 32")
		}
		if names[t.Name] {
			fail("another token has the same name")
		}
		if secrets[t.Secret] {
			fail("another token has the same secret")
		}
		names[t.Name], secrets[t.Secret] = true, true
	}
	return errs
}

// principal is who sent a request.
type principal struct {
	name string
	role Role
}

// may reports whether the principal may send a request of that method.
func (p principal) may(method string) bool { return p.role == RoleOperator || isSafe(method) }

// isSafe reports whether a method only reads.
func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// keyring compares secrets in constant time: it holds hashes, which have the same length, and looks at all of them.
type keyring struct {
	hashes     [][sha256.Size]byte
	principals []principal
}

func newKeyring(tokens []Token) keyring {
	var k keyring
	for _, t := range tokens {
		k.hashes = append(k.hashes, sha256.Sum256([]byte(t.Secret)))
		k.principals = append(k.principals, principal{name: t.Name, role: t.Role})
	}
	return k
}

// find returns whose secret it is.
func (k keyring) find(secret string) (principal, bool) {
	hash := sha256.Sum256([]byte(secret))
	found := -1
	for i := range k.hashes {
		same := subtle.ConstantTimeCompare(hash[:], k.hashes[i][:])
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	if found < 0 {
		return principal{}, false
	}
	return k.principals[found], true
}

// secretOf returns the secret a request carries. A browser cannot send a bearer token by itself, so that people can open the
// page, reads also take the secret as the password of HTTP Basic authentication. Writes do not: a browser adds Basic
// credentials to requests that other sites cause.
func secretOf(r *http.Request) (string, bool) {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(value), true
	}
	if _, password, ok := r.BasicAuth(); ok && isSafe(r.Method) {
		return password, true
	}
	return "", false
}

type principalKey struct{}

// principalOf returns who sent the request of that context.
func principalOf(ctx context.Context) principal {
	p, _ := ctx.Value(principalKey{}).(principal)
	return p
}

// authenticate lets through who may send the request. Every route but liveness and readiness needs it, known or not, so that
// a new route cannot be forgotten.
func (s *server) authenticate(c *gin.Context) {
	if path := c.FullPath(); path == pathHealthz || path == pathReadyz {
		return
	}
	who := principal{name: "anonymous", role: RoleOperator}
	if !s.deps.Open {
		secret, given := secretOf(c.Request)
		known := false
		if given {
			who, known = s.keys.find(secret)
		}
		if !known {
			s.challenge(c, given)
			return
		}
	}
	if !who.may(c.Request.Method) {
		s.refuse(c, problemForbidden, "this needs a token with the operator role; "+who.name+" is a viewer")
		return
	}
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), principalKey{}, who))
}

// challenge asks for a token. A browser that opens a page is also offered Basic, so that it asks its user.
func (s *server) challenge(c *gin.Context, given bool) {
	c.Writer.Header().Add("WWW-Authenticate", `Bearer realm="pilotlight"`)
	if isSafe(c.Request.Method) && strings.Contains(c.GetHeader("Accept"), "text/html") {
		c.Writer.Header().Add("WWW-Authenticate", `Basic realm="pilotlight: any user name, a token as the password", charset="UTF-8"`)
	}
	detail := "send a token in the header Authorization: Bearer <token>"
	if given {
		detail = "the token is not known; " + detail
	}
	s.refuse(c, problemUnauthorized, detail)
}
