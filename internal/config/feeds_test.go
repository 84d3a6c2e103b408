package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotlight/models"
)

// feedText is a file with a block before it that asks for no tokens.
func feedText(t *testing.T, blocks string) string {
	t.Helper()
	return "engine: {mode: auto}\nserver: {open: true}\nactuators: [{name: a, type: dry_run}]\n" + minimal + "\n" + blocks
}

func TestFeeds(t *testing.T) {
	t.Parallel()
	c := parse(t, feedText(t, `
external_scaler:
  listen: 0.0.0.0:6000
  max_streams: 7
  tls: {cert_file: a.crt, key_file: /x/a.key, client_ca_file: ca.crt}
external_metrics: {listen: "127.0.0.1:6443", max_age: 90s}
`))
	scaler := ExternalScaler{MaxStreams: 7, Feed: Feed{
		Listen: "0.0.0.0:6000", MaxAge: 5 * time.Minute, CertFile: below(c.dir, "a.crt"), KeyFile: "/x/a.key", ClientCAFile: below(c.dir, "ca.crt"),
	}}
	if diff := cmp.Diff(scaler, c.ExternalScaler()); diff != "" {
		t.Errorf("scaler (-want +got):\n%s", diff)
	}
	metrics := ExternalMetrics{Feed: Feed{Listen: "127.0.0.1:6443", MaxAge: 90 * time.Second, Open: true}}
	if diff := cmp.Diff(metrics, c.ExternalMetrics()); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	if text := c.Redacted(); !strings.Contains(text, "external_scaler:") || !strings.Contains(text, "cert_file: a.crt") {
		t.Errorf("the effective configuration lacks the feeds or resolves their files:\n%s", text)
	}
	off := parse(t, feedText(t, ""))
	if off.ExternalScaler().Listen != "" || off.ExternalMetrics().Listen != "" || strings.Contains(off.Redacted(), "external_") {
		t.Error("the feeds are not off by default")
	}
}

func TestFeedProblems(t *testing.T) {
	t.Parallel()
	const files = "tls: {cert_file: a, key_file: b}"
	for blocks, want := range map[string]string{
		`external_scaler: {listen: "6000"}`:                                                   `external_scaler.listen: "6000" is no address`,
		`external_scaler: {listen: "127.0.0.1:x"}`:                                            `external_scaler.listen: "x" is no port`,
		`external_scaler: {listen: "127.0.0.1:8080"}`:                                         `external_scaler.listen: 127.0.0.1:8080 is that of server too`,
		`external_scaler: {listen: "127.0.0.1:1", max_age: 0s}`:                               `external_scaler.max_age: 0s is below 1s`,
		`external_scaler: {listen: "127.0.0.1:1", max_age: 59s}`:                              `external_scaler.max_age: 59s is below engine.interval 1m`,
		`external_scaler: {max_streams: -1}`:                                                  `external_scaler.max_streams: -1 is not between`,
		`external_scaler: {tls: {cert_file: a}}`:                                              `external_scaler.tls: needs both`,
		`external_scaler: {tls: {client_ca_file: a}}`:                                         `external_scaler.tls.client_ca_file: has no effect`,
		`external_scaler: {listen: ":6000", ` + files + `}`:                                   `external_scaler.listen: :6000 is reached from other machines`,
		`external_scaler: {streams: 3}`:                                                       `unknown key "streams"`,
		`external_metrics: {listen: ":6000", open: true}`:                                     `external_metrics.tls.cert_file: is missing`,
		`external_metrics: {listen: ":6000", ` + files + `}`:                                  `external_metrics.listen: :6000 is reached from other machines`,
		`external_metrics: {allowed_names: [a]}`:                                              `external_metrics.allowed_names: are names on client certificates`,
		`external_metrics: {allowed_names: [""]}`:                                             `external_metrics.allowed_names: has an empty name`,
		"external_scaler: {listen: 'localhost:1'}\nexternal_metrics: {listen: 'localhost:1'}": `external_metrics.listen: localhost:1 is that of external_scaler too`,
	} {
		if _, err := loadAs(t, feedText(t, blocks), ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", blocks, err, want)
		}
	}
	for blocks, want := range map[string]string{
		`external_scaler: {listen: ":6000", open: true}`:                 "without encryption",
		`external_metrics: {listen: ":6000", open: true, ` + files + `}`: "",
	} {
		c, err := loadAs(t, feedText(t, blocks), "")
		if err != nil {
			t.Errorf("%s: %v", blocks, err)
		} else if got := strings.Join(c.Warnings(), "\n"); !strings.Contains(got, want) || want == "" && strings.Contains(got, "external") {
			t.Errorf("%s: warnings %q, want %q", blocks, got, want)
		}
	}
	c, err := loadAs(t, feedText(t, `external_scaler: {listen: "127.0.0.1:6000"}`), models.ModeDryRun)
	if err != nil || !strings.Contains(strings.Join(c.Warnings(), "\n"), "external_scaler: answers with an error in dry-run mode") {
		t.Errorf("dry-run: %v", err)
	}
}
