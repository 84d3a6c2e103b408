package cloudruntest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxBody bounds the body of a request; the largest that is valid is far smaller.
const maxBody = 1 << 16

// request is one that has been read.
type request struct {
	query url.Values
	form  url.Values
	body  map[string]any
	// mask holds the fields to update, each as its segments.
	mask [][]string
}

// read reads a request, and returns how it is refused if it breaks the document. c is nil for a token.
func (s *Server) read(r *http.Request, c *method, call *Call) (*request, *failure) {
	data, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(data) > maxBody {
		return nil, badRequest(violation{"body", "cannot be read or is too large"})
	}
	call.Body = string(data)
	req := &request{query: r.URL.Query()}
	if c == nil {
		return s.readForm(r, data)
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || !s.issued(token) {
		s.violated("%s: no token that was issued", c.ID)
		return nil, unauthenticated()
	}
	wrong := s.checkQuery(c, req)
	if c.Request == nil && len(data) > 0 {
		wrong = append(wrong, violation{"body", "the method has none"})
	}
	if c.Request != nil {
		wrong = append(wrong, s.readBody(r, c, req, data)...)
	}
	if len(wrong) == 0 {
		return req, nil
	}
	for _, v := range wrong {
		s.violated("%s: %s", c.ID, v)
	}
	return req, badRequest(wrong...)
}

// readForm reads a request for a token.
func (s *Server) readForm(r *http.Request, data []byte) (*request, *failure) {
	form, err := url.ParseQuery(string(data))
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		s.violated("token: no form")
		return nil, &failure{code: http.StatusBadRequest, status: "INVALID_ARGUMENT", message: "invalid_request"}
	}
	return &request{form: form}, nil
}

func unauthenticated() *failure {
	return &failure{
		http.StatusUnauthorized, "UNAUTHENTICATED",
		"Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication " +
			"credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
		[]any{map[string]any{
			"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_EXPIRED", "domain": "googleapis.com",
		}},
	}
}

// checkQuery checks the parameters and reads the mask.
func (s *Server) checkQuery(c *method, req *request) (wrong []violation) {
	for _, key := range sortedKeys(req.query) {
		p := s.model.parameter(c, key)
		values := req.query[key]
		if p != nil && p.Format == "google-fieldmask" && len(values) == 1 {
			wrong = append(wrong, s.readMask(c, req, values[0])...)
			continue
		}
		switch {
		case p == nil:
			wrong = append(wrong, violation{key, fmt.Sprintf("Invalid JSON payload received. Unknown name %q: Cannot bind query parameter. "+
				"Field '%s' could not be found in request message.", key, key)})
		case len(values) != 1:
			wrong = append(wrong, violation{key, fmt.Sprintf("given %d times", len(values))})
		case p.Type == "boolean" && values[0] != "true" && values[0] != "false",
			len(p.Enum) > 0 && !slices.Contains(p.Enum, values[0]):
			wrong = append(wrong, violation{key, fmt.Sprintf("Invalid value at '%s' (%s), %q", key, kindName(p), values[0])})
		}
	}
	return wrong
}

// readMask reads the fields to update.
func (s *Server) readMask(c *method, req *request, text string) (wrong []violation) {
	for path := range strings.SplitSeq(text, ",") {
		segments, problem := s.model.path(c.Request, path)
		if problem != "" {
			wrong = append(wrong, violation{"update_mask", problem})
		}
		req.mask = append(req.mask, segments)
	}
	return wrong
}

// readBody reads the JSON object that a method with a body must have.
func (s *Server) readBody(r *http.Request, c *method, req *request, data []byte) []violation {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/json" {
		return []violation{{"body", fmt.Sprintf("content type %q is not application/json", kind)}}
	}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	if err := decoder.Decode(&req.body); err != nil {
		return []violation{{"body", "Invalid JSON payload received. " + err.Error()}}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return []violation{{"body", "Invalid JSON payload received. More after the object"}}
	}
	return s.model.check("service", c.Request, req.body, true)
}
