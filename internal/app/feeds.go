package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"pilotlight/api/externalmetrics"
	"pilotlight/api/externalscaler"
	"pilotlight/api/inforce"
	"pilotlight/api/tlsfiles"
	"pilotlight/internal/config"
)

// streamEvery is how often the streams of the external scaler look for changes, from memory.
const streamEvery = time.Second

// feeds opens the servers from which others read the floors of targets, and returns what serves each until its context ends.
// On an error nothing is left open.
func (d *daemon) feeds(ctx context.Context, cfg *config.Config) (serving []func(context.Context) error, err error) {
	var open []net.Listener
	defer func() {
		if err != nil {
			for _, l := range open {
				err = errors.Join(err, l.Close())
			}
		}
	}()
	if c := cfg.ExternalScaler(); c.Listen != "" {
		service, err := externalscaler.New(externalscaler.Deps{
			Floors: d.floors(c.Feed), MaxStreams: c.MaxStreams, StreamEvery: streamEvery, Registerer: d.reg, Logger: d.log,
		})
		if err != nil {
			return nil, err
		}
		l, secure, err := d.listenFeed(ctx, "external scaler", c.Feed, tlsfiles.ClientMust, "h2")
		if err != nil {
			return nil, err
		}
		open = append(open, l)
		serving = append(serving, func(ctx context.Context) error { return service.Serve(ctx, l, secure, shutdownGrace) })
	}
	if c := cfg.ExternalMetrics(); c.Listen != "" {
		deps := externalmetrics.Deps{
			Floors: d.floors(c.Feed), AllowedNames: c.AllowedNames, Open: c.Open, Registerer: d.reg, Logger: d.log,
		}
		for _, t := range d.tokens {
			deps.Tokens = append(deps.Tokens, t.Secret)
		}
		handler, err := externalmetrics.New(deps)
		if err != nil {
			return nil, err
		}
		l, secure, err := d.listenFeed(ctx, "external metrics", c.Feed, tlsfiles.ClientMay, "h2", "http/1.1")
		if err != nil {
			return nil, err
		}
		if secure != nil {
			l = tls.NewListener(l, secure)
		}
		open = append(open, l)
		serving = append(serving, func(ctx context.Context) error { return serve(ctx, l, handler) })
	}
	return serving, nil
}

// floors returns what reads the floors for a feed.
func (d *daemon) floors(c config.Feed) inforce.Reader {
	return inforce.Reader{Fleet: d.engine, MaxAge: c.MaxAge, Now: now}
}

// listenFeed opens the address of a feed and reads its certificates; no certificate is no TLS.
func (d *daemon) listenFeed(
	ctx context.Context, what string, c config.Feed, client tlsfiles.Client, protos ...string,
) (net.Listener, *tls.Config, error) {
	var secure *tls.Config
	if c.CertFile != "" {
		var err error
		secure, err = tlsfiles.Config(tlsfiles.Files{Cert: c.CertFile, Key: c.KeyFile, ClientCA: c.ClientCAFile}, client, protos,
			func(err error) {
				d.log.Error("the files for TLS have changed and cannot be used; the old ones stay in force", "server", what, "err", err)
			})
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", what, err)
		}
	}
	l, err := listen(ctx, c.Listen)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", what, err)
	}
	d.log.InfoContext(ctx, "floors are served", "server", what, "address", l.Addr().String(), "tls", secure != nil, "client_certificates", c.ClientCAFile != "")
	return l, secure, nil
}
