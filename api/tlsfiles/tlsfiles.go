// Package tlsfiles serves TLS from files that are read anew when they change, so that certificates can be renewed while the
// process runs.
package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"pilotlight/models"
)

// Files name the files of a server in PEM.
type Files struct {
	// Cert and Key are the certificate chain and the key of the server.
	Cert, Key string
	// ClientCA is whom the certificates of clients must be signed by; "" asks for none.
	ClientCA string
}

// Client says what is asked of clients where there is a ClientCA.
type Client int

// The ways to ask.
const (
	// ClientMust refuses connections without a certificate.
	ClientMust Client = iota
	// ClientMay lets them through; who serves decides.
	ClientMay
)

// stamp is by what a change of a file is noticed.
type stamp struct {
	at   time.Time
	size int64
}

// loader reads the files when they change. It is safe for concurrent use.
type loader struct {
	files    Files
	auth     tls.ClientAuthType
	protos   []string
	onFailed func(error)

	mu     sync.Mutex
	stamps [3]stamp
	config *tls.Config
	failed string
}

// Config returns a configuration that follows the files. It reads them once and returns an error if that fails. Later, files that
// cannot be read leave the old ones in force; onFailed, unless nil, is told each new reason once. protos are the protocols for
// ALPN, such as h2.
func Config(files Files, client Client, protos []string, onFailed func(error)) (*tls.Config, error) {
	l := &loader{files: files, protos: protos, onFailed: onFailed}
	if files.ClientCA != "" {
		l.auth = tls.RequireAndVerifyClientCert
		if client == ClientMay {
			l.auth = tls.VerifyClientCertIfGiven
		}
	}
	if err := l.load(); err != nil {
		return nil, err
	}
	first := l.config.Clone()
	first.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return l.current(), nil }
	return first, nil
}

// current returns the configuration of the files as they are.
func (l *loader) current() *tls.Config {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stampsNow() == l.stamps {
		return l.config
	}
	if err := l.load(); err != nil && err.Error() != l.failed {
		l.failed = err.Error()
		if l.onFailed != nil {
			l.onFailed(err)
		}
	}
	return l.config
}

// stampsNow looks at the files; one that is not there has no stamp.
func (l *loader) stampsNow() (out [3]stamp) {
	for i, name := range []string{l.files.Cert, l.files.Key, l.files.ClientCA} {
		if name == "" {
			continue
		}
		if info, err := os.Stat(name); err == nil {
			out[i] = stamp{at: info.ModTime(), size: info.Size()}
		}
	}
	return out
}

// load reads the files. The stamps are taken before, so that a change in between is noticed the next time.
func (l *loader) load() error {
	stamps := l.stampsNow()
	pair, err := tls.LoadX509KeyPair(l.files.Cert, l.files.Key)
	if err != nil {
		return explain("certificate and key", err)
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientAuth: l.auth, NextProtos: l.protos,
	}
	if l.files.ClientCA != "" {
		text, err := os.ReadFile(l.files.ClientCA)
		if err != nil {
			return explain("client CA", err)
		}
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("client CA: %s holds no certificate in PEM: %w", l.files.ClientCA, models.ErrInvalid)
		}
	}
	l.stamps, l.config, l.failed = stamps, config, ""
	return nil
}

// explain says which file cannot be used.
func explain(what string, err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", what, path)
	}
	return fmt.Errorf("%s: %w", what, err)
}
