package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"pilotlight/models"
)

// The headers of a signed request, after the Standard Webhooks specification 1.0.0 (standardwebhooks.com), so that the
// libraries that exist for it can check them.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
	// headerKey lets receivers and proxies that know the IETF draft of that header ignore repeated requests.
	headerKey = "Idempotency-Key"
)

const (
	// minSecret is the least length of a key in bytes; Standard Webhooks asks for 24.
	minSecret = 24
	// maxSecret bounds a file that is read as a secret.
	maxSecret = 4 << 10
	// encodedPrefix marks a secret that is written in base64.
	encodedPrefix = "whsec_"
)

// key is what requests are signed with. Printing it shows nothing.
type key []byte

// String implements fmt.Stringer.
func (key) String() string { return "<secret>" }

// GoString implements fmt.GoStringer.
func (key) GoString() string { return "<secret>" }

// parseKey reads a secret: base64 after the prefix whsec_, else the text itself. White space around it is dropped.
func parseKey(text string) (key, error) {
	text = strings.TrimSpace(text)
	k := key(text)
	if encoded, ok := strings.CutPrefix(text, encodedPrefix); ok {
		decoded, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			// The error of the library says at which byte, which tells about the secret.
			return nil, fmt.Errorf("after %s there must be base64: %w", encodedPrefix, models.ErrInvalid)
		}
		k = decoded
	}
	if len(k) < minSecret {
		return nil, fmt.Errorf("it has %d bytes and needs %d; make one with: echo whsec_$(openssl rand -base64 32): %w",
			len(k), minSecret, models.ErrInvalid)
	}
	return k, nil
}

// sign returns the value of the signature header: HMAC-SHA256 of id, timestamp and content, joined by dots.
func (k key) sign(id string, at time.Time, content []byte) string {
	mac := hmac.New(sha256.New, k)
	// A hash takes everything.
	_, _ = fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
	_, _ = mac.Write(content)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// headers returns the headers of a signed request.
func (k key) headers(id string, at time.Time, content []byte) map[string][]string {
	return map[string][]string{
		headerID:        {id},
		headerTimestamp: {strconv.FormatInt(at.Unix(), 10)},
		headerSignature: {k.sign(id, at, content)},
		headerKey:       {id},
	}
}

// source says where the secret is.
type source struct {
	file, variable string
	lookup         func(string) (string, bool)
}

// key reads the secret. Its errors name the place and never show the secret.
func (s source) key() (key, error) {
	if s.variable != "" {
		text, ok := s.lookup(s.variable)
		if !ok {
			return nil, fmt.Errorf("secret_env: the variable %s is not set: %w", s.variable, models.ErrNotFound)
		}
		k, err := parseKey(text)
		if err != nil {
			return nil, fmt.Errorf("secret_env: the secret in %s: %w", s.variable, err)
		}
		return k, nil
	}
	f, err := os.Open(s.file)
	if err != nil {
		return nil, fmt.Errorf("secret_file: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("secret_file: %w", err)
	}
	if len(text) > maxSecret {
		return nil, fmt.Errorf("secret_file: %s is larger than %d bytes and is no secret: %w", s.file, maxSecret, models.ErrInvalid)
	}
	k, err := parseKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("secret_file: the secret in %s: %w", s.file, err)
	}
	return k, nil
}
