package azurefunctions

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/appservice/armappservice/v5"

	"pilotlight/actuators/webapi"
	"pilotlight/models"
)

// client makes the SDK's clients when they are first needed, so that a machine without credentials can check a configuration,
// and credentials that appear later are found.
type client struct {
	config Config
	// watch sees every answer.
	watch policy.Policy

	mu    sync.Mutex
	token azcore.TokenCredential
	// raw is what all clients send through; apps are those of a subscription.
	raw  *arm.Client
	apps map[string]*armappservice.WebAppsClient
}

// clouds returns the addresses of a cloud.
func clouds(name string) (cloud.Configuration, bool) {
	switch name {
	case "public":
		return cloud.AzurePublic, true
	case "china":
		return cloud.AzureChina, true
	case "government":
		return cloud.AzureGovernment, true
	default:
		return cloud.Configuration{}, false
	}
}

// get returns the clients for a subscription. Its error says what to do about credentials.
func (c *client) get(subscription string) (*armappservice.WebAppsClient, *arm.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found := c.apps[subscription]; found != nil {
		return found, c.raw, nil
	}
	options, err := c.options()
	if err != nil {
		return nil, nil, err
	}
	if c.token == nil {
		token, err := c.credential(options)
		if err != nil {
			return nil, nil, &credentialsError{err}
		}
		c.token = markedTokens{token}
	}
	// Registering resource providers would be a write that nobody asked for.
	management := &arm.ClientOptions{ClientOptions: options, DisableRPRegistration: true}
	if c.raw == nil {
		if c.raw, err = arm.NewClient("pilotlight", "v0.0.0", c.token, management); err != nil {
			return nil, nil, fmt.Errorf("make a client of Azure Resource Manager: %w", err)
		}
	}
	made, err := armappservice.NewWebAppsClient(subscription, c.token, management)
	if err != nil {
		return nil, nil, fmt.Errorf("make a client of Azure Resource Manager: %w", err)
	}
	if c.apps == nil {
		c.apps = make(map[string]*armappservice.WebAppsClient)
	}
	c.apps[subscription] = made
	return made, c.raw, nil
}

// options returns the options of all clients. The SDK's own retries are off.
func (c *client) options() (azcore.ClientOptions, error) {
	known, _ := clouds(c.config.Cloud)
	management := known.Services[cloud.ResourceManager]
	if c.config.Endpoint != "" {
		management.Endpoint = strings.TrimRight(c.config.Endpoint, "/")
	}
	if c.config.AuthorityHost != "" {
		known.ActiveDirectoryAuthorityHost = strings.TrimRight(c.config.AuthorityHost, "/") + "/"
	}
	known.Services = map[cloud.ServiceName]cloud.ServiceConfiguration{cloud.ResourceManager: management}
	options := azcore.ClientOptions{
		Cloud: known, Retry: policy.RetryOptions{MaxRetries: -1}, Telemetry: policy.TelemetryOptions{ApplicationID: "pilotlight"},
		PerRetryPolicies: []policy.Policy{c.watch},
	}
	if c.config.CAFile != "" {
		transport, err := trusting(c.config.CAFile)
		if err != nil {
			return options, err
		}
		options.Transport = transport
	}
	return options, nil
}

// trusting returns a transport that trusts the certificates of a file too.
func trusting(file string) (*http.Client, error) {
	data, err := os.ReadFile(file) //nolint:gosec // the user names the file
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("ca_file %s has no certificate in PEM: %w", file, models.ErrInvalid)
	}
	standard, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("the default transport was replaced")
	}
	transport := standard.Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return &http.Client{Transport: transport}, nil
}

// credential returns where tokens come from.
func (c *client) credential(options azcore.ClientOptions) (azcore.TokenCredential, error) {
	// Tokens have limits of their own.
	options.PerRetryPolicies = nil
	// A token service that is not one of Azure's own cannot be looked up there.
	known := c.config.AuthorityHost == ""
	switch c.config.Credentials {
	case CredentialsEnvironment:
		return azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{
			ClientOptions: options, DisableInstanceDiscovery: !known,
		})
	case CredentialsManaged:
		managed := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: options}
		if c.config.ClientID != "" {
			managed.ID = azidentity.ClientID(c.config.ClientID)
		}
		return azidentity.NewManagedIdentityCredential(managed)
	case CredentialsWorkload:
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: options, TenantID: c.config.TenantID, ClientID: c.config.ClientID, DisableInstanceDiscovery: !known,
		})
	case CredentialsSecret:
		secret, err := os.ReadFile(c.config.ClientSecretFile)
		if err != nil {
			return nil, fmt.Errorf("client_secret_file: %w", err)
		}
		return azidentity.NewClientSecretCredential(c.config.TenantID, c.config.ClientID, strings.TrimSpace(string(secret)),
			&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: !known})
	case CredentialsDefault:
	}
	return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
		ClientOptions: options, TenantID: c.config.TenantID, DisableInstanceDiscovery: !known,
	})
}

// credentialsError marks that no token could be had, which the SDK only says in words.
type credentialsError struct{ err error }

// Error implements error.
func (e *credentialsError) Error() string {
	return "no valid Azure credentials; check credentials and what they need: " + webapi.Line(e.err.Error())
}

// Unwrap returns the cause.
func (e *credentialsError) Unwrap() error { return e.err }

// passes reports whether the lack of a token may pass by itself: what gives tokens could not be reached or failed.
func (e *credentialsError) passes() bool {
	said, ok := errors.AsType[*azidentity.AuthenticationFailedError](e.err)
	if !ok || said.RawResponse == nil {
		return webapi.IsNetwork(e.err)
	}
	return said.RawResponse.StatusCode >= 500 || said.RawResponse.StatusCode == http.StatusTooManyRequests
}

// markedTokens marks the errors of a credential.
type markedTokens struct{ inner azcore.TokenCredential }

// GetToken implements azcore.TokenCredential.
func (m markedTokens) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := m.inner.GetToken(ctx, options)
	if err != nil {
		return token, &credentialsError{err}
	}
	return token, nil
}
