package cloudruntest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	tokenPath = "/token"
	account   = "pilotlight@shop-123.iam.gserviceaccount.com"
	grant     = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

// key is the key of the service account. Making one takes long, so that a process makes one only.
//
//nolint:gochecknoglobals // see above
var key = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// CredentialsFile writes the key file of a service account that exists only here, whose tokens this server gives.
func (s *Server) CredentialsFile(tb testing.TB) string {
	tb.Helper()
	private, err := key()
	if err != nil {
		tb.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		tb.Fatal(err)
	}
	data, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "shop-123", "private_key_id": "1", "client_email": account, "client_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"token_uri":   s.URL() + tokenPath,
	})
	if err != nil {
		tb.Fatal(err)
	}
	file := filepath.Join(tb.TempDir(), "account.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

// issued reports whether a token is one of this server's.
func (s *Server) issued(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens[token]
}

// token gives a token for a signed assertion.
func (s *Server) token(req *request) (map[string]any, *failure) {
	err := s.checkAssertion(req.form.Get("assertion"))
	if req.form.Get("grant_type") != grant {
		err = fmt.Errorf("grant type %q", req.form.Get("grant_type"))
	}
	if err != nil {
		s.violated("token: %v", err)
		return nil, &failure{code: http.StatusBadRequest, status: "INVALID_ARGUMENT", message: "invalid_grant"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	token := fmt.Sprintf("ya29.token-%d", len(s.tokens)+1)
	s.tokens[token] = true
	return map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3599}, nil
}

// checkAssertion checks the signature and the claims of a JSON web token.
func (s *Server) checkAssertion(text string) error {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return errors.New("the assertion is no signed token")
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			return fmt.Errorf("assertion: %w", err)
		}
	}
	private, err := key()
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&private.PublicKey, crypto.SHA256, sum[:], decoded[2]); err != nil {
		return fmt.Errorf("assertion: %w", err)
	}
	var claims struct {
		Issuer   string `json:"iss"`
		Audience string `json:"aud"`
		Scope    string `json:"scope"`
		Issued   int64  `json:"iat"`
		Expires  int64  `json:"exp"`
	}
	if err := json.Unmarshal(decoded[1], &claims); err != nil {
		return fmt.Errorf("assertion: %w", err)
	}
	scopes := strings.Fields(claims.Scope)
	switch {
	case claims.Issuer != account || claims.Audience != s.URL()+tokenPath:
		return fmt.Errorf("assertion of %q for %q", claims.Issuer, claims.Audience)
	case !slices.Contains(scopes, "https://www.googleapis.com/auth/cloud-platform"):
		return fmt.Errorf("assertion with the scopes %q", claims.Scope)
	case claims.Expires <= claims.Issued:
		return errors.New("assertion that has expired")
	}
	return nil
}
