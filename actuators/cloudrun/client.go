package cloudrun

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"google.golang.org/api/option"
	run "google.golang.org/api/run/v2"
)

// client makes the SDK's client when it is first needed, so that a machine without credentials can check a configuration, and
// credentials that appear later are found.
type client struct {
	config Config

	mu   sync.Mutex
	made *run.Service
}

// get returns the SDK's client. Its error says what to do about credentials.
func (c *client) get(ctx context.Context) (*run.ProjectsLocationsService, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made != nil {
		return c.made.Projects.Locations, nil
	}
	found, err := findCredentials(c.config.CredentialsFile)
	if err != nil {
		return nil, err
	}
	options := []option.ClientOption{
		option.WithAuthCredentials(found), option.WithUserAgent("pilotlight"), option.WithTelemetryDisabled(),
	}
	if c.config.Endpoint != "" {
		options = append(options, option.WithEndpoint(strings.TrimRight(c.config.Endpoint, "/")+"/"))
	}
	if c.config.QuotaProject != "" {
		options = append(options, option.WithQuotaProject(c.config.QuotaProject))
	}
	// The client outlives the call that happens to be the first.
	if c.made, err = run.NewService(context.WithoutCancel(ctx), options...); err != nil {
		return nil, fmt.Errorf("make a client of the Cloud Run API: %w", err)
	}
	return c.made.Projects.Locations, nil
}
