package advisortest

import (
	"net/http"
	"unicode/utf8"
)

// writer writes a body and breaks the connection off after a number of bytes.
type writer struct {
	w      http.ResponseWriter
	cut    int
	sent   int
	failed bool
}

// write sends bytes at once. It panics in the way that makes the server drop the connection where the body is to be cut.
func (o *writer) write(p []byte) {
	if o.failed {
		return
	}
	cut := o.cut > 0 && o.sent+len(p) >= o.cut
	if cut {
		p = p[:o.cut-o.sent]
	}
	if _, err := o.w.Write(p); err != nil { //nolint:gosec // a test says what is sent, and no browser reads it
		o.failed = true
		return
	}
	o.sent += len(p)
	if f, ok := o.w.(http.Flusher); ok {
		f.Flush()
	}
	if cut {
		panic(http.ErrAbortHandler)
	}
}

// end ends a body that was to be cut and was shorter.
func (o *writer) end() {
	if o.cut > 0 {
		panic(http.ErrAbortHandler)
	}
}

// event sends an event of a stream.
func (o *writer) event(data []byte) {
	o.write(append(append([]byte("data: "), data...), "\n\n"...))
}

// completion is the body of an answer, or a piece of one.
type completion struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
	Usage   *usage   `json:"usage,omitempty"`
}

type choice struct {
	Index   int      `json:"index"`
	Message *message `json:"message,omitempty"`
	Delta   *message `json:"delta,omitempty"`
	Finish  *string  `json:"finish_reason"`
}

type message struct {
	Role    string     `json:"role,omitempty"`
	Content rawText    `json:"content,omitempty"`
	Refusal string     `json:"refusal,omitempty"`
	Calls   []toolCall `json:"tool_calls,omitempty"`
}

type toolCall struct {
	Index    int      `json:"index"`
	ID       string   `json:"id,omitempty"`
	Type     string   `json:"type,omitempty"`
	Function function `json:"function"`
}

type function struct {
	Name      string  `json:"name,omitempty"`
	Arguments rawText `json:"arguments"`
}

type usage struct {
	In    int `json:"prompt_tokens"`
	Out   int `json:"completion_tokens"`
	Total int `json:"total_tokens"`
}

// rawText is a text that is sent byte for byte, also where it is not UTF-8.
type rawText string

// MarshalJSON implements json.Marshaler.
func (t rawText) MarshalJSON() ([]byte, error) {
	const digits = "0123456789abcdef"
	out := []byte{'"'}
	for i := range len(t) {
		switch b := t[i]; {
		case b == '"' || b == '\\':
			out = append(out, '\\', b)
		case b < ' ':
			out = append(out, '\\', 'u', '0', '0', digits[b>>4], digits[b&15])
		default:
			out = append(out, b)
		}
	}
	return append(out, '"'), nil
}

// head returns an answer without choices.
func head(request *Request, reply *Reply, object string) completion {
	c := completion{ID: "chatcmpl-1", Object: object, Created: 1, Model: reply.Model, Choices: []choice{}}
	if c.Model == "" {
		c.Model = request.Model
	}
	return c
}

// counted returns what the server says it counted.
func counted(request *Request, reply *Reply) *usage {
	if reply.NoUsage {
		return nil
	}
	u := usage{In: reply.In, Out: reply.Out}
	if u == (usage{}) {
		u = usage{In: len(request.Body)/4 + 1, Out: len(reply.Content)/4 + 1}
	}
	u.Total = u.In + u.Out
	return &u
}

// parts returns the message of an answer and the reason for its end.
func parts(request *Request, reply *Reply, content string) (message, string) {
	m := message{Content: rawText(content), Refusal: reply.Refusal}
	finish := "stop"
	tool := request.Tool
	if reply.Tool != "" {
		tool = reply.Tool
	}
	if tool != "" && reply.Refusal == "" {
		m.Content = ""
		m.Calls = []toolCall{{ID: "call_1", Type: "function", Function: function{Name: tool, Arguments: rawText(content)}}}
		finish = "tool_calls"
	}
	if reply.Finish != "" {
		finish = reply.Finish
	}
	return m, finish
}

// whole returns an answer in one piece.
func whole(request *Request, reply *Reply) completion {
	c := head(request, reply, "chat.completion")
	m, finish := parts(request, reply, reply.Content)
	m.Role = "assistant"
	c.Choices = append(c.Choices, choice{Message: &m, Finish: &finish})
	c.Usage = counted(request, reply)
	return c
}

// stream writes an answer in pieces, as events.
func (s *Server) stream(r *http.Request, out *writer, request *Request, reply *Reply) {
	piece := func(m message, finish *string) {
		c := head(request, reply, "chat.completion.chunk")
		c.Choices = append(c.Choices, choice{Delta: &m, Finish: finish})
		out.event(encoded(c))
	}
	piece(message{Role: "assistant"}, nil)
	size := reply.Piece
	if size <= 0 {
		size = 16
	}
	_, finish := parts(request, reply, "")
	first := true
	for {
		for rest := reply.Content; rest != "" || first; first = false {
			n := cutAt(rest, size)
			m, _ := parts(request, reply, rest[:n])
			if rest = rest[n:]; !first {
				m.further()
			}
			piece(m, nil)
		}
		if !reply.Endless || out.failed || r.Context().Err() != nil {
			break
		}
	}
	piece(message{}, &finish)
	if u := counted(request, reply); u != nil {
		c := head(request, reply, "chat.completion.chunk")
		c.Usage = u
		out.event(encoded(c))
	}
	out.event([]byte("[DONE]"))
}

// cutAt returns where to cut a text after about n bytes: servers cut between characters.
func cutAt(text string, n int) int {
	for n = min(n, len(text)); n < len(text) && !utf8.RuneStart(text[n]); {
		n++
	}
	return n
}

// further takes out of a piece what only the first one says.
func (m *message) further() {
	m.Refusal = ""
	for i := range m.Calls {
		m.Calls[i].ID, m.Calls[i].Type, m.Calls[i].Function.Name = "", "", ""
	}
}
