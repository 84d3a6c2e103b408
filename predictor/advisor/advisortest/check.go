package advisortest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// problem is an error of the API.
type problem struct {
	status              int
	kind, code, message string
}

// write sends it.
func (p *problem) write(w http.ResponseWriter, retryAfter string) {
	w.Header().Set("Content-Type", "application/json")
	if retryAfter != "" {
		w.Header().Set("Retry-After", retryAfter)
	}
	w.WriteHeader(p.status)
	body := encoded(map[string]any{"error": map[string]any{"message": p.message, "type": p.kind, "param": nil, "code": p.code}})
	_, _ = w.Write(body) // a client that went away does not read it
}

func invalid(format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, kind: "invalid_request_error", message: fmt.Sprintf(format, args...)}
}

// check reads a request and says what is wrong with it.
func (s *Server) check(r *http.Request, body []byte) (Request, *problem) {
	out := Request{Path: r.URL.RequestURI(), Body: body, Organisation: r.Header.Get("OpenAI-Organization")}
	want, key := "/v1/chat/completions", strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if s.config.Deployment != "" {
		want = "/openai/deployments/" + s.config.Deployment + "/chat/completions?api-version=" + s.config.APIVersion
		key = r.Header.Get("Api-Key")
	}
	out.Key = key
	switch {
	case out.Path != want:
		return out, &problem{status: http.StatusNotFound, kind: "invalid_request_error", code: "unknown_url", message: fmt.Sprintf("Unknown request URL: %s %s.", r.Method, out.Path)}
	case r.Method != http.MethodPost:
		return out, &problem{status: http.StatusMethodNotAllowed, kind: "invalid_request_error", message: "Only POST requests are accepted."}
	case s.config.Key != "" && key == "":
		return out, &problem{status: http.StatusUnauthorized, kind: "invalid_request_error", message: "You didn't provide an API key."}
	case s.config.Key != "" && key != s.config.Key:
		// The real one repeats a part of the key.
		return out, &problem{status: http.StatusUnauthorized, kind: "invalid_request_error", code: "invalid_api_key", message: "Incorrect API key provided: " + key + "."}
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		return out, invalid("Unsupported content type.")
	}
	var chat chatRequest
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&chat); err != nil {
		return out, invalid("We could not parse the JSON body of your request: %v", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return out, invalid("There is something behind the JSON body.")
	}
	return chat.request(out)
}

// chatRequest is the body of a request. A field that is not here is refused.
type chatRequest struct {
	Model               string          `json:"model"`
	Messages            []chatMessage   `json:"messages"`
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	Temperature         *float64        `json:"temperature"`
	Seed                *int            `json:"seed"`
	Stream              bool            `json:"stream"`
	StreamOptions       *streamOptions  `json:"stream_options"`
	ReasoningEffort     string          `json:"reasoning_effort"`
	ResponseFormat      *responseFormat `json:"response_format"`
	Tools               []tool          `json:"tools"`
	ToolChoice          *tool           `json:"tool_choice"`
}

type chatMessage struct {
	Role    string  `json:"role"`
	Content *string `json:"content"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

type responseFormat struct {
	Type   string      `json:"type"`
	Schema *jsonSchema `json:"json_schema"`
}

type jsonSchema struct {
	Name   string         `json:"name"`
	Strict bool           `json:"strict"`
	Schema map[string]any `json:"schema"`
}

type tool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string         `json:"name"`
		Description string         `json:"description"`
		Strict      bool           `json:"strict"`
		Parameters  map[string]any `json:"parameters"`
	} `json:"function"`
}

// namePattern is what schemas and tools may be called.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// request checks a body and takes out of it what tests look at.
func (c *chatRequest) request(out Request) (Request, *problem) {
	out.Model, out.Stream = c.Model, c.Stream
	if p := c.checkNumbers(); p != nil {
		return out, p
	}
	if p := c.checkOutput(); p != nil {
		return out, p
	}
	if c.ToolChoice != nil {
		out.Tool = c.ToolChoice.Function.Name
	}
	for i, m := range c.Messages {
		if m.Content == nil || *m.Content == "" || !slices.Contains([]string{"system", "user", "assistant"}, m.Role) {
			return out, invalid("Invalid value for 'messages[%d]'.", i)
		}
		if p := m.read(i, &out); p != nil {
			return out, p
		}
	}
	if out.System == "" || !json.Valid([]byte(out.Data)) {
		return out, invalid("The messages are no instruction with data.")
	}
	return out, nil
}

// read takes a message over.
func (m *chatMessage) read(i int, out *Request) *problem {
	switch {
	case i == 0 && m.Role == "system":
		out.System = *m.Content
	case i == 1 && m.Role == "user":
		block := blockPattern.FindStringSubmatch(*m.Content)
		if block == nil || block[1] != block[3] || strings.Contains(block[2], block[1]) || strings.Contains(block[2], "\n") {
			return invalid("The data is not delimited.")
		}
		out.Data = block[2]
	case i > 1 && m.Role == "user":
		out.Complaints = append(out.Complaints, *m.Content)
	}
	return nil
}

// checkNumbers checks the numbers of a request.
func (c *chatRequest) checkNumbers() *problem {
	limit := c.MaxTokens
	if limit == nil {
		limit = c.MaxCompletionTokens
	}
	switch {
	case c.Model == "":
		return invalid("you must provide a model parameter")
	case (c.MaxTokens != nil) == (c.MaxCompletionTokens != nil) || *limit < 1:
		return invalid("Set one of max_tokens and max_completion_tokens, from 1 on.")
	case reasons(c.Model) && (c.MaxTokens != nil || c.Temperature != nil):
		return invalid("Unsupported parameter: 'max_tokens' or 'temperature' is not supported with this model.")
	case c.Temperature != nil && !(*c.Temperature <= 2):
		return invalid("temperature is not from 0 to 2.")
	case c.StreamOptions != nil && !c.Stream:
		return invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	}
	return nil
}

// reasons reports whether a model is one of those that reason.
func reasons(model string) bool {
	return strings.HasPrefix(model, "o") || strings.HasPrefix(model, "gpt-5")
}

// checkOutput checks what a request asks for.
func (c *chatRequest) checkOutput() *problem {
	if p := c.checkFormat(); p != nil {
		return p
	}
	for _, t := range c.Tools {
		if t.Type != "function" || !namePattern.MatchString(t.Function.Name) {
			return invalid("Invalid tool.")
		}
		if why := strictSchema(t.Function.Parameters, "parameters"); why != "" {
			return invalid("Invalid schema for function '%s': %s.", t.Function.Name, why)
		}
	}
	if c.ToolChoice != nil && !slices.ContainsFunc(c.Tools, func(t tool) bool { return t.Function.Name == c.ToolChoice.Function.Name }) {
		return invalid("Tool choice not found in 'tools'.")
	}
	return nil
}

// checkFormat checks the form that is asked for.
func (c *chatRequest) checkFormat() *problem {
	f := c.ResponseFormat
	switch {
	case f == nil:
	case f.Type == "json_schema":
		if f.Schema == nil || !namePattern.MatchString(f.Schema.Name) || !f.Schema.Strict {
			return invalid("Missing or invalid 'response_format.json_schema'.")
		}
		if why := strictSchema(f.Schema.Schema, "schema"); why != "" {
			return invalid("Invalid schema for response_format '%s': %s.", f.Schema.Name, why)
		}
	case f.Type == "json_object":
		if f.Schema != nil || !slices.ContainsFunc(c.Messages, func(m chatMessage) bool { return m.Content != nil && strings.Contains(*m.Content, "JSON") }) {
			return invalid("'messages' must contain the word 'json' in some form.")
		}
	default:
		return invalid("Invalid value: '%s'.", f.Type)
	}
	return nil
}

// strictSchema says why a schema is none that strict structured output takes.
func strictSchema(schema map[string]any, path string) string {
	types, ok := schema["type"].([]any)
	if !ok {
		types = []any{schema["type"]}
	}
	for _, t := range types {
		if !slices.Contains([]any{"object", "array", "string", "number", "integer", "boolean", "null"}, t) {
			return path + " has no valid type"
		}
	}
	for key := range schema {
		if !slices.Contains([]string{"type", "description", "enum", "items", "properties", "required", "additionalProperties"}, key) {
			return fmt.Sprintf("%s: %q is not permitted", path, key)
		}
	}
	if enum, there := schema["enum"]; there && !strictEnum(enum, slices.Contains(types, any("null"))) {
		return path + " has no valid enum"
	}
	items, ok := schema["items"].(map[string]any)
	switch {
	case ok:
		return strictSchema(items, path+".items")
	case slices.Contains(types, any("array")):
		return path + ": array schema missing items"
	case slices.Contains(types, any("object")):
		return strictObject(schema, path)
	}
	return ""
}

// strictEnum reports whether a list of values is one, with null where it has to be allowed.
func strictEnum(enum any, null bool) bool {
	values, ok := enum.([]any)
	return ok && len(values) > 0 && len(values) <= 1000 && slices.Contains(values, nil) == null
}

func strictObject(schema map[string]any, path string) string {
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	if schema["additionalProperties"] != false {
		return path + ": 'additionalProperties' is required to be supplied and to be false"
	}
	if len(required) != len(properties) {
		return path + ": 'required' is required to be supplied and to be an array including every key in properties"
	}
	for _, name := range required {
		text, _ := name.(string)
		property, ok := properties[text].(map[string]any)
		if !ok {
			return fmt.Sprintf("%s: %q is required and no property", path, text)
		}
		if why := strictSchema(property, path+"."+text); why != "" {
			return why
		}
	}
	return ""
}
