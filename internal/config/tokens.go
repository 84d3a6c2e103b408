package config

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"pilotlight/models"
)

// Role says what the holder of a token may do.
type Role string

// The roles.
const (
	// RoleViewer may read.
	RoleViewer Role = "viewer"
	// RoleOperator may read, approve, reject, pause and resume.
	RoleOperator Role = "operator"
)

// MinTokenLen is the least length of the secret of a token in bytes.
const MinTokenLen = 16

// Token is what a caller of the API shows. Printing it leaves the secret out.
type Token struct {
	// Name says in the audit who it was.
	Name string
	Role Role
	// Secret is what the caller sends.
	Secret string
}

// String implements fmt.Stringer.
func (t Token) String() string { return fmt.Sprintf("token %s (%s)", t.Name, t.Role) }

// GoString implements fmt.GoStringer.
func (t Token) GoString() string { return t.String() }

// variablePattern is what variables of the environment may be called.
var variablePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// tokens validates the tokens without reading their secrets, which need not be there where a file is only checked.
func (b *builder) tokens(raw []rawToken) {
	seen := map[string]int{}
	for i, t := range raw {
		path := indexPath("server.tokens", i)
		b.name(joinPath(path, "name"), t.Name, i, seen)
		switch Role(t.Role) {
		case RoleViewer, RoleOperator:
		case "":
			b.bad(joinPath(path, "role"), "is missing: choose viewer or operator")
		default:
			b.bad(joinPath(path, "role"), "%q is no role: choose viewer or operator", t.Role)
		}
		switch {
		case t.TokenFile == "" && t.TokenEnv == "":
			b.bad(path, "has no secret: name a file with token_file, or a variable with token_env")
		case t.TokenFile != "" && t.TokenEnv != "":
			b.bad(path, "has both token_file and token_env: keep one of them")
		case t.TokenEnv != "" && !variablePattern.MatchString(t.TokenEnv):
			// It may be the secret itself, so it is not repeated.
			b.bad(joinPath(path, "token_env"), "is no name of a variable: it names where the secret is, not the secret")
		}
	}
}

// Tokens reads the secrets of the tokens from their files and variables, anew at each call. It returns every problem at once.
func (c *Config) Tokens() ([]Token, error) {
	var errs []error
	bySecret := map[string]string{}
	raw := c.tokens
	out := make([]Token, 0, len(raw))
	for _, t := range raw {
		secret, err := c.secret(t)
		switch other, twice := bySecret[secret]; {
		case err != nil:
			errs = append(errs, fmt.Errorf("token %s: %w", t.Name, err))
		case len(secret) < MinTokenLen:
			errs = append(errs, fmt.Errorf("token %s: its secret of %d bytes is shorter than %d: make a longer one, such as 32 random digits: %w",
				t.Name, len(secret), MinTokenLen, models.ErrInvalid))
		case strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }):
			errs = append(errs, fmt.Errorf("token %s: its secret has spaces or letters outside ASCII, which no header can carry: %w", t.Name, models.ErrInvalid))
		case twice:
			errs = append(errs, fmt.Errorf("token %s: has the same secret as %s: %w", t.Name, other, models.ErrInvalid))
		default:
			bySecret[secret] = t.Name
			out = append(out, Token{Name: t.Name, Role: Role(t.Role), Secret: secret})
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return out, nil
}

// secret reads the secret of one token; white space around it is dropped.
func (c *Config) secret(t rawToken) (string, error) {
	if t.TokenEnv != "" {
		value, ok := c.env(t.TokenEnv)
		if !ok {
			return "", fmt.Errorf("the variable %s is not set: %w", t.TokenEnv, models.ErrNotFound)
		}
		return strings.TrimSpace(value), nil
	}
	const largest = 64 << 10
	path := below(c.dir, t.TokenFile)
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Size() > largest {
		return "", fmt.Errorf("%s has %d bytes and is no token: %w", path, info.Size(), models.ErrInvalid)
	}
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(data)), nil
}
