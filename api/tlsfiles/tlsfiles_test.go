package tlsfiles_test

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pilotlight/api/tlsfiles"
	"pilotlight/api/tlsfiles/tlsfilestest"
	"pilotlight/models"
)

// handshake connects a client to a server and returns the name on the server's certificate.
func handshake(t *testing.T, server, client *tls.Config) (string, error) {
	t.Helper()
	a, b := net.Pipe()
	client = client.Clone()
	client.ServerName = "127.0.0.1"
	secure, plain := tls.Client(a, client), tls.Server(b, server)
	done := make(chan error, 1)
	go func() {
		done <- plain.HandshakeContext(t.Context())
		_ = b.Close()
	}()
	err := secure.HandshakeContext(t.Context())
	_ = a.Close()
	// The client of TLS 1.3 does not wait for what the server says about its certificate.
	if err = errors.Join(err, <-done); err != nil {
		return "", err
	}
	return secure.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

func TestReload(t *testing.T) {
	t.Parallel()
	dir, ours, theirs := t.TempDir(), tlsfilestest.New(t, "ours", time.Now()), tlsfilestest.New(t, "theirs", time.Now())
	var failures []string
	files := tlsfiles.Files{ClientCA: ours.WriteCA(dir, "ca.crt")}
	files.Cert, files.Key = ours.Issue(dir, "server")
	config, err := tlsfiles.Config(files, tlsfiles.ClientMust, []string{"h2"}, func(err error) { failures = append(failures, err.Error()) })
	if err != nil {
		t.Fatal(err)
	}
	friend := ours.Client("friend")
	if name, err := handshake(t, config, friend); err != nil || name != "server" {
		t.Errorf("%q, %v", name, err)
	}
	stranger := theirs.Client("stranger")
	stranger.RootCAs = ours.Pool()
	if _, err := handshake(t, config, stranger); err == nil {
		t.Error("a stranger is let in")
	}
	if _, err := handshake(t, config, &tls.Config{RootCAs: ours.Pool(), MinVersion: tls.VersionTLS12}); err == nil {
		t.Error("a client without a certificate is let in")
	}
	// A renewed certificate and another authority are used without a restart.
	cert, key := ours.Issue(dir, "renewed")
	move(t, cert, files.Cert)
	move(t, key, files.Key)
	theirs.WriteCA(dir, "ca.crt")
	if name, err := handshake(t, config, stranger); err != nil || name != "renewed" {
		t.Errorf("after the renewal: %q, %v", name, err)
	}
	if _, err := handshake(t, config, friend); err == nil {
		t.Error("a client of the old authority is let in")
	}
	// What cannot be used leaves the old in force, and is told once.
	if err := os.WriteFile(files.Key, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if name, err := handshake(t, config, stranger); err != nil || name != "renewed" {
			t.Errorf("with a bad key: %q, %v", name, err)
		}
	}
	if len(failures) != 1 || !strings.Contains(failures[0], "certificate and key") {
		t.Errorf("failures told: %q", failures)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestClientMay(t *testing.T) {
	t.Parallel()
	dir, ours, theirs := t.TempDir(), tlsfilestest.New(t, "ours", time.Now()), tlsfilestest.New(t, "theirs", time.Now())
	files := tlsfiles.Files{ClientCA: ours.WriteCA(dir, "ca.crt")}
	files.Cert, files.Key = ours.Issue(dir, "server")
	config, err := tlsfiles.Config(files, tlsfiles.ClientMay, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := handshake(t, config, &tls.Config{RootCAs: ours.Pool(), MinVersion: tls.VersionTLS12}); err != nil {
		t.Error(err)
	}
	stranger := theirs.Client("stranger")
	stranger.RootCAs = ours.Pool()
	// A polite client would send no certificate of an authority that the server does not name.
	pair := stranger.Certificates[0]
	stranger.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	if _, err := handshake(t, config, stranger); err == nil {
		t.Error("a stranger is let in")
	}
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	dir, ours := t.TempDir(), tlsfilestest.New(t, "ours", time.Now())
	cert, key := ours.Issue(dir, "server")
	_, otherKey := ours.Issue(dir, "other")
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		files tlsfiles.Files
		want  error
	}{
		"no certificate": {tlsfiles.Files{Cert: filepath.Join(dir, "none"), Key: key}, fs.ErrNotExist},
		"no key":         {tlsfiles.Files{Cert: cert, Key: filepath.Join(dir, "none")}, fs.ErrNotExist},
		"no authority":   {tlsfiles.Files{Cert: cert, Key: key, ClientCA: filepath.Join(dir, "none")}, fs.ErrNotExist},
		"empty":          {tlsfiles.Files{Cert: cert, Key: key, ClientCA: empty}, models.ErrInvalid},
		"another key":    {tlsfiles.Files{Cert: cert, Key: otherKey}, nil},
	} {
		_, err := tlsfiles.Config(tc.files, tlsfiles.ClientMust, nil, nil)
		if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}
