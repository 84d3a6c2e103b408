package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
)

// The environment of commands that talk to a daemon.
const (
	envServer = "PILOTLIGHT_SERVER"
	envToken  = "PILOTLIGHT_TOKEN"
)

const (
	defaultServer  = "http://127.0.0.1:8080"
	clientTimeout  = 2 * time.Minute
	maxAnswerBytes = 64 << 20
	maxTokenBytes  = 4 << 10
)

// ServerOptions are the flags of commands that talk to a running daemon.
type ServerOptions struct {
	// Server is the address of its API, TokenFile the file with the token; both may come from the environment instead.
	Server, TokenFile string
}

// client talks to the API of a daemon.
type client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// newClient reads where the daemon is and who asks.
func newClient(stdio IO, o ServerOptions) (*client, error) {
	server := o.Server
	if server == "" {
		server, _ = stdio.Env(envServer)
	}
	if server == "" {
		server = defaultServer
	}
	base, err := url.Parse(server)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil {
		return nil, fmt.Errorf("%w: --server has to look like %s", ErrUsage, defaultServer)
	}
	c := &client{base: base, http: &http.Client{
		Timeout: clientTimeout, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	switch secret, set := stdio.Env(envToken); {
	case o.TokenFile != "":
		if c.token, err = readToken(o.TokenFile); err != nil {
			return nil, err
		}
	case set:
		c.token = strings.TrimSpace(secret)
	}
	return c, nil
}

// readToken reads a token from a file.
func readToken(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // the user names the file
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxTokenBytes))
	return strings.TrimSpace(string(data)), err
}

// call asks the API and decodes its answer into out, unless that is nil.
func (c *client) call(ctx context.Context, method, path string, query url.Values, kind string, body []byte, out any) error {
	at := c.base.JoinPath(path)
	at.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, method, at.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return c.unreached(err)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.base, err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return c.refused(resp, data)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s does not answer like Pilotlight; check --server: %w", c.base, err)
	}
	return nil
}

// unreached says why there was no answer.
func (c *client) unreached(err error) error {
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		err = urlErr.Err
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("nothing listens at %s: start the daemon, or name it with --server or %s", c.base, envServer)
	}
	return fmt.Errorf("ask %s: %w", c.base, err)
}

// refused turns a problem of the API into an error.
func (c *client) refused(resp *http.Response, data []byte) error {
	switch {
	case resp.StatusCode == http.StatusUnauthorized && c.token == "":
		return fmt.Errorf("%s wants a token: name a file with --token-file, or set %s", c.base, envToken)
	case resp.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%s does not know the token: check --token-file or %s", c.base, envToken)
	}
	var problem struct{ Detail, Title string }
	if err := json.Unmarshal(data, &problem); err != nil || problem.Detail+problem.Title == "" {
		return fmt.Errorf("%s answered %s and does not look like Pilotlight; check --server", c.base, resp.Status)
	}
	if problem.Detail == "" {
		problem.Detail = problem.Title
	}
	return errors.New(problem.Detail)
}
