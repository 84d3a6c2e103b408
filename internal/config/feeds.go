package config

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"pilotlight/models"
)

// Feed configures a server from which others read the floors of targets.
type Feed struct {
	// Listen is the address as host:port; "" is no server.
	Listen string
	// MaxAge is how old a decision may be.
	MaxAge time.Duration
	// CertFile and KeyFile are the certificate and key of the server; "" is no TLS. ClientCAFile is whom the certificates of
	// clients must be signed by; "" asks for none. All are resolved against the folder of the file.
	CertFile, KeyFile, ClientCAFile string
	// Open lets everybody who reaches the address read.
	Open bool
}

// ExternalScaler configures the external scaler for KEDA.
type ExternalScaler struct {
	Feed
	// MaxStreams bounds the streams that are open at a time.
	MaxStreams int
}

// ExternalMetrics configures the external metrics for the autoscaler of Kubernetes.
type ExternalMetrics struct {
	Feed
	// AllowedNames are the common names of client certificates that may read; none lets every verified one read.
	AllowedNames []string
}

// ExternalScaler returns the configuration of the external scaler for KEDA.
func (c *Config) ExternalScaler() ExternalScaler { return c.externalScaler }

// ExternalMetrics returns the configuration of the external metrics for the autoscaler of Kubernetes.
func (c *Config) ExternalMetrics() ExternalMetrics {
	m := c.externalMetrics
	m.AllowedNames = slices.Clone(m.AllowedNames)
	return m
}

// rawTLS is the tls block of a feed.
type rawTLS struct {
	CertFile     string `yaml:"cert_file"`
	KeyFile      string `yaml:"key_file"`
	ClientCAFile string `yaml:"client_ca_file"`
}

// rawExternalScaler is the external_scaler block.
type rawExternalScaler struct {
	Listen     string          `yaml:"listen"`
	MaxAge     models.Duration `yaml:"max_age"`
	MaxStreams int             `yaml:"max_streams"`
	TLS        rawTLS          `yaml:"tls"`
	Open       bool            `yaml:"open"`
}

// rawExternalMetrics is the external_metrics block.
type rawExternalMetrics struct {
	Listen       string          `yaml:"listen"`
	MaxAge       models.Duration `yaml:"max_age"`
	TLS          rawTLS          `yaml:"tls"`
	AllowedNames []string        `yaml:"allowed_names"`
	Open         bool            `yaml:"open"`
}

// defaultFeedAge is the default of max_age.
const defaultFeedAge = models.Duration(5 * time.Minute)

// maxStreams bounds max_streams.
const maxStreams = 100_000

// feeds validates the blocks of the servers from which others read.
func (b *builder) feeds() {
	s, m := b.raw.ExternalScaler, b.raw.ExternalMetrics
	b.cfg.externalScaler = ExternalScaler{Feed: b.feed("external_scaler", s.Listen, s.MaxAge, s.TLS, s.Open), MaxStreams: s.MaxStreams}
	b.cfg.externalMetrics = ExternalMetrics{Feed: b.feed("external_metrics", m.Listen, m.MaxAge, m.TLS, m.Open), AllowedNames: m.AllowedNames}
	if s.MaxStreams < 1 || s.MaxStreams > maxStreams {
		b.bad("external_scaler.max_streams", "%d is not between 1 and %d", s.MaxStreams, maxStreams)
	}
	if s.Listen != "" && !b.isOwn(s.Listen) && s.TLS.ClientCAFile == "" && !s.Open {
		b.bad("external_scaler.listen", "%s is reached from other machines: add tls.client_ca_file so that only KEDA may read, or say open: true", s.Listen)
	}
	if s.Listen != "" && s.Listen == m.Listen && !strings.HasSuffix(s.Listen, ":0") {
		b.bad("external_metrics.listen", "%s is that of external_scaler too: choose another port", m.Listen)
	}
	b.externalMetrics(&m)
}

// externalMetrics validates who may read external metrics.
func (b *builder) externalMetrics(m *rawExternalMetrics) {
	if len(m.AllowedNames) > 0 && m.TLS.ClientCAFile == "" {
		b.bad("external_metrics.allowed_names", "are names on client certificates: add tls.client_ca_file, or remove them")
	}
	if slices.Contains(m.AllowedNames, "") {
		b.bad("external_metrics.allowed_names", "has an empty name: remove it")
	}
	unguarded := m.TLS.ClientCAFile == "" && len(b.raw.Server.Tokens) == 0
	switch {
	case m.Listen == "":
	case b.isOwn(m.Listen):
		b.cfg.externalMetrics.Open = m.Open || unguarded
	case m.TLS.CertFile == "":
		b.bad("external_metrics.tls.cert_file", "is missing: the API server of Kubernetes speaks TLS only")
	case unguarded && !m.Open:
		b.bad("external_metrics.listen", "%s is reached from other machines: add tls.client_ca_file (the requestheader-client-ca-file of the cluster) "+
			"or server.tokens, or say open: true", m.Listen)
	}
}

// feed validates what both have.
func (b *builder) feed(path, listen string, maxAge models.Duration, files rawTLS, open bool) Feed {
	if maxAge < models.Duration(time.Second) {
		b.bad(path+".max_age", "%s is below 1s", maxAge)
	} else if listen != "" && maxAge < b.raw.Engine.Interval {
		b.bad(path+".max_age", "%s is below engine.interval %s: every decision would be too old before the next", maxAge, b.raw.Engine.Interval)
	}
	switch {
	case (files.CertFile == "") != (files.KeyFile == ""):
		b.bad(path+".tls", "needs both cert_file and key_file")
	case files.ClientCAFile != "" && files.CertFile == "":
		b.bad(path+".tls.client_ca_file", "has no effect without cert_file and key_file: add them")
	}
	if listen != "" {
		b.feedAddress(path, listen, files)
	}
	return Feed{
		Listen: listen, MaxAge: maxAge.Std(), Open: open,
		CertFile: below(b.cfg.dir, files.CertFile), KeyFile: below(b.cfg.dir, files.KeyFile), ClientCAFile: below(b.cfg.dir, files.ClientCAFile),
	}
}

// feedAddress validates the address of a feed that is on.
func (b *builder) feedAddress(path, listen string, files rawTLS) {
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		b.bad(path+".listen", "%q is no address: write host:port, such as 0.0.0.0:6000", listen)
		return
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		b.bad(path+".listen", "%q is no port: use a number from 0 to 65535", port)
	}
	if listen == b.raw.Server.Listen && port != "0" {
		b.bad(path+".listen", "%s is that of server too: choose another port", listen)
	}
	if files.CertFile == "" && !b.isOwn(listen) {
		b.warn(path+".listen", "%s is reached from other machines without encryption: add tls.cert_file and tls.key_file", listen)
	}
	if b.cfg.engine.Mode == models.ModeDryRun {
		b.warn(path, "answers with an error in dry-run mode, because others would act on what it says: set engine.mode to approve or auto")
	}
}

// isOwn reports whether only this machine can reach an address.
func (b *builder) isOwn(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	return err == nil && isLoopback(host)
}
