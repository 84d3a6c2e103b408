package cloudrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"

	"pilotlight/actuators/webapi"
	"pilotlight/models"
)

// scope is what the tokens of the credentials are asked to allow; permissions narrow it down.
const scope = "https://www.googleapis.com/auth/cloud-platform"

// credentialsError marks that no token could be had, which the SDK only says in words.
type credentialsError struct{ err error }

// Error implements error.
func (e *credentialsError) Error() string {
	return "no valid Google credentials; check credentials_file, GOOGLE_APPLICATION_CREDENTIALS or the service account of the machine: " +
		webapi.Line(e.err.Error())
}

// Unwrap returns the cause.
func (e *credentialsError) Unwrap() error { return e.err }

// markedTokens marks the errors of a provider of tokens.
type markedTokens struct{ inner auth.TokenProvider }

// Token implements auth.TokenProvider.
func (m markedTokens) Token(ctx context.Context) (*auth.Token, error) {
	token, err := m.inner.Token(ctx)
	if err != nil {
		return nil, &credentialsError{err}
	}
	return token, nil
}

// findCredentials returns those of the file, or with none the application default credentials. It never repeats what is in a
// file.
func findCredentials(file string) (*auth.Credentials, error) {
	// A token is renewed when it is needed, so that no goroutine outlives its call.
	options := &credentials.DetectOptions{Scopes: []string{scope}, DisableAsyncRefresh: true}
	var found *auth.Credentials
	var err error
	if file == "" {
		found, err = credentials.DetectDefault(options)
	} else {
		found, err = readCredentials(file, options)
	}
	if err != nil {
		return nil, &credentialsError{err}
	}
	found.TokenProvider = markedTokens{found.TokenProvider}
	return found, nil
}

// readCredentials reads a file of credentials of any type that Google documents for workloads outside its cloud.
func readCredentials(file string, options *credentials.DetectOptions) (*auth.Credentials, error) {
	data, err := os.ReadFile(file) //nolint:gosec // the user names the file
	if err != nil {
		return nil, fmt.Errorf("credentials_file: %w", err)
	}
	var head struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(data, &head) != nil {
		return nil, fmt.Errorf("credentials_file %s is not JSON: %w", file, models.ErrInvalid)
	}
	kind, known := credentials.CredType(head.Type), []credentials.CredType{
		credentials.ServiceAccount, credentials.AuthorizedUser, credentials.ImpersonatedServiceAccount, credentials.ExternalAccount,
		credentials.ExternalAccountAuthorizedUser,
	}
	if !slices.Contains(known, kind) {
		return nil, fmt.Errorf("credentials_file %s has the type %q, which is not one of %s: %w", file, kind, known, models.ErrInvalid)
	}
	return credentials.NewCredentialsFromJSON(kind, data, options)
}

// passes reports whether the lack of a token may pass by itself: what gives tokens could not be reached or failed.
func (e *credentialsError) passes() bool {
	said, ok := errors.AsType[*auth.Error](e.err)
	if !ok || said.Response == nil {
		return webapi.IsNetwork(e.err)
	}
	return said.Response.StatusCode >= 500 || said.Response.StatusCode == 429
}
