package azurefunctionstest

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxBody bounds the body of a request; the largest that is valid is far smaller.
const maxBody = 1 << 16

// apiVersion is the one that the server speaks.
const apiVersion = "2024-11-01"

// read reads a request, and returns how it is refused if it is not as Azure would have it.
func (s *Server) read(r *http.Request, call *Call) (map[string]any, *failure) {
	data, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(data) > maxBody {
		return nil, armError(http.StatusBadRequest, "InvalidRequestContent", "The body cannot be read or is too large.")
	}
	call.Body = string(data)
	if call.Op == OpToken {
		return nil, s.checkClient(r, data)
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); !ok || !s.issued(token) {
		s.violated("%s: no token that was issued", call.Op)
		return nil, armError(http.StatusUnauthorized, "InvalidAuthenticationToken", "The access token is invalid.")
	}
	query := r.URL.Query()
	version := query.Get("api-version")
	query.Del("api-version")
	if version != apiVersion || len(query) > 0 {
		s.violated("%s: query %s", call.Op, r.URL.RawQuery)
		return nil, armError(http.StatusBadRequest, "InvalidApiVersionParameter", fmt.Sprintf("The api-version '%s' is invalid.", version))
	}
	if r.Method == http.MethodGet {
		if len(data) > 0 {
			s.violated("%s: a body", call.Op)
		}
		return nil, nil
	}
	return s.readBody(r, call, data)
}

// readBody reads the JSON object of a patch.
func (s *Server) readBody(r *http.Request, call *Call, data []byte) (map[string]any, *failure) {
	check := checkSite
	if call.Op == OpPutConfig {
		check = checkConfig
	}
	body, wrong := check(data)
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/json" {
		wrong = append(wrong, fmt.Sprintf("content type %q is not application/json", kind))
	}
	for _, text := range wrong {
		s.violated("%s: %s", call.Op, text)
	}
	if len(wrong) > 0 {
		return nil, armError(http.StatusBadRequest, "InvalidRequestContent",
			"The request content was invalid and could not be deserialized: '"+strings.Join(wrong, "; ")+"'.")
	}
	return body, nil
}

// issued reports whether a token is one of this server's.
func (s *Server) issued(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens[token]
}

// checkClient checks who asks for a token.
func (s *Server) checkClient(r *http.Request, data []byte) *failure {
	if r.Method == http.MethodGet {
		return nil
	}
	form, err := url.ParseQuery(string(data))
	switch {
	case err != nil, form.Get("grant_type") != "client_credentials":
		s.violated("token: no request with client credentials")
		return armError(http.StatusBadRequest, "invalid_request", "The request is malformed.")
	case !strings.Contains(form.Get("scope"), "https://management.") || !strings.Contains(form.Get("scope"), "/.default"):
		s.violated("token: scope %q", form.Get("scope"))
		return armError(http.StatusBadRequest, "invalid_scope", "The scope is not valid.")
	case form.Get("client_id") != ClientID || form.Get("client_secret") != clientSecret:
		return armError(http.StatusUnauthorized, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
	}
	return nil
}

// token gives a token, or says where it is to be had.
func (s *Server) token(call *Call, out *answer) {
	base := s.URL() + "/" + Tenant
	if strings.HasSuffix(call.Path, "openid-configuration") {
		out.body = map[string]any{
			"authorization_endpoint": base + "/oauth2/v2.0/authorize", "token_endpoint": base + "/oauth2/v2.0/token", "issuer": base + "/v2.0",
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	token := fmt.Sprintf("eyJ-token-%d", len(s.tokens)+1)
	s.tokens[token] = true
	out.body = map[string]any{"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token}
}
