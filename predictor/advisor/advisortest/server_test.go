package advisortest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"pilotlight/predictor/advisor/advisortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const good = `{"model":"m","messages":[{"role":"system","content":"JSON"},{"role":"user","content":"BEGIN-DATA-0a\n{}\nEND-DATA-0a"}],"max_tokens":100}`

// post sends a body and returns the status and the answer.
func post(t *testing.T, s *advisortest.Server, path, key, contentType, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// TestStrict sends requests that the real API refuses.
func TestStrict(t *testing.T) {
	t.Parallel()
	s := advisortest.New(t, advisortest.Config{Key: "k"}, advisortest.Always(advisortest.Reply{Content: "hello"}))
	const chat, js = "/chat/completions", "application/json"
	if status, text := post(t, s, chat, "k", js, good); status != http.StatusOK || !strings.Contains(text, `"content":"hello"`) || !strings.Contains(text, `"total_tokens"`) {
		t.Fatalf("%d %s", status, text)
	}
	with := func(field string) string { return strings.Replace(good, `"model"`, field+`,"model"`, 1) }
	schema := func(s string) string {
		return with(`"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":` + s + `}}`)
	}
	tool := func(s string) string {
		return with(`"tools":[{"type":"function","function":{"name":"f","parameters":` + s + `}}],"tool_choice":{"type":"function","function":{"name":"g"}}`)
	}
	for name, c := range map[string]struct {
		path, key, contentType, body string
		status                       int
	}{
		"path":            {"/completions", "k", js, good, 404},
		"no key":          {chat, "", js, good, 401},
		"wrong key":       {chat, "x", js, good, 401},
		"content type":    {chat, "k", "text/plain", good, 400},
		"no JSON":         {chat, "k", js, "{", 400},
		"two bodies":      {chat, "k", js, good + good, 400},
		"unknown field":   {chat, "k", js, with(`"wit":1`), 400},
		"wrong type":      {chat, "k", js, with(`"seed":"1"`), 400},
		"no model":        {chat, "k", js, strings.Replace(good, `"m"`, `""`, 1), 400},
		"no messages":     {chat, "k", js, `{"model":"m","messages":[],"max_tokens":1}`, 400},
		"role":            {chat, "k", js, strings.Replace(good, "system", "root", 1), 400},
		"no bound":        {chat, "k", js, strings.Replace(good, `,"max_tokens":100`, "", 1), 400},
		"two bounds":      {chat, "k", js, with(`"max_completion_tokens":3`), 400},
		"temperature":     {chat, "k", js, with(`"temperature":3`), 400},
		"reasoning":       {chat, "k", js, strings.Replace(good, `"m"`, `"gpt-5"`, 1), 400},
		"stream options":  {chat, "k", js, with(`"stream_options":{"include_usage":true}`), 400},
		"format":          {chat, "k", js, with(`"response_format":{"type":"xml"}`), 400},
		"no schema":       {chat, "k", js, with(`"response_format":{"type":"json_schema"}`), 400},
		"open object":     {chat, "k", js, schema(`{"type":"object","properties":{},"required":[]}`), 400},
		"not required":    {chat, "k", js, schema(`{"type":"object","properties":{"a":{"type":"string"}},"required":[],"additionalProperties":false}`), 400},
		"no type":         {chat, "k", js, schema(`{"properties":{}}`), 400},
		"no items":        {chat, "k", js, schema(`{"type":"array"}`), 400},
		"empty enum":      {chat, "k", js, schema(`{"type":"string","enum":[]}`), 400},
		"enum lacks null": {chat, "k", js, schema(`{"type":["string","null"],"enum":["a"]}`), 400},
		"keyword":         {chat, "k", js, schema(`{"type":"string","format":"date"}`), 400},
		"tool choice":     {chat, "k", js, tool(`{"type":"object","properties":{},"required":[],"additionalProperties":false}`), 400},
		"tool schema":     {chat, "k", js, tool(`{"type":"object"}`), 400},
		"not delimited":   {chat, "k", js, strings.Replace(good, "END-DATA-0a", "END-DATA-0b", 1), 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, text := post(t, s, c.path, c.key, c.contentType, c.body)
			var answer struct {
				Error struct{ Message, Type string }
			}
			if err := json.Unmarshal([]byte(text), &answer); err != nil || status != c.status || answer.Error.Message == "" || answer.Error.Type == "" {
				t.Errorf("%d %s", status, text)
			}
		})
	}
}
