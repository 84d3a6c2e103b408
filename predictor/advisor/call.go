package advisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	openai "github.com/sashabaranov/go-openai"
)

// answer is what came back for a request.
type answer struct {
	content, model string
	// in and out are the tokens that the endpoint counted, 0 if it did not.
	in, out int
	// refused says that the endpoint did not do the work; whole that the answer came to its end.
	refused, whole bool
}

// callError is a request that got no answer.
type callError struct {
	why string
	// again says that another try may succeed; retryAfter is how long the endpoint asked to wait.
	again      bool
	retryAfter time.Duration
	cause      error
}

// Error implements error.
func (e *callError) Error() string { return ErrEndpoint.Error() + ": " + e.why }

// Unwrap lets both be found: that there was no answer, and why.
func (e *callError) Unwrap() []error {
	if e.cause == nil {
		return []error{ErrEndpoint}
	}
	return []error{ErrEndpoint, e.cause}
}

// call sends one request. The answer says what is known even beside an error.
func (c *Client) call(ctx context.Context, req openai.ChatCompletionRequest) (answer, error) {
	k, err := c.key()
	if err != nil {
		return answer{refused: true}, err
	}
	doer := &meter{http: c.http, now: c.deps.Now}
	settings := openai.DefaultConfig(string(k))
	if c.config.APIType == APIAzure {
		settings = openai.DefaultAzureConfig(string(k), c.config.BaseURL)
		settings.APIVersion = c.config.APIVersion
		settings.AzureModelMapperFunc = func(string) string { return c.config.Deployment }
	}
	settings.BaseURL, settings.OrgID, settings.HTTPClient = c.config.BaseURL, c.config.Organisation, doer
	client := openai.NewClientWithConfig(settings)
	var a answer
	if req.Stream {
		a, err = c.stream(ctx, client, req)
	} else {
		a, err = c.whole(ctx, client, req)
	}
	a.refused = doer.status >= http.StatusBadRequest || doer.refused
	if err == nil {
		return a, nil
	}
	if _, broken := errors.AsType[*replyError](err); broken && !a.refused {
		return a, err
	}
	return a, c.unanswered(ctx, doer, err)
}

// whole reads an answer in one piece.
func (c *Client) whole(ctx context.Context, client *openai.Client, req openai.ChatCompletionRequest) (answer, error) {
	resp, err := client.CreateChatCompletion(ctx, req)
	if err != nil {
		return answer{}, err
	}
	a := answer{model: resp.Model, in: resp.Usage.PromptTokens, out: resp.Usage.CompletionTokens, whole: true}
	if len(resp.Choices) == 0 {
		return a, &replyError{why: "it has no choices"}
	}
	message := resp.Choices[0].Message
	a.content, err = c.content(message.Content, message.Refusal, message.ToolCalls, resp.Choices[0].FinishReason)
	return a, err
}

// stream reads an answer in pieces and stops where it gets too long.
func (c *Client) stream(ctx context.Context, client *openai.Client, req openai.ChatCompletionRequest) (answer, error) {
	stream, err := client.CreateChatCompletionStream(ctx, req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = stream.Close() }() // it was only read
	var p pieces
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return p.answer, err
		}
		if p.add(&piece); p.size > c.config.MaxReplyBytes {
			return p.answer, c.tooLong()
		}
	}
	// A stream that breaks off without a reason is not known to have cost only what came.
	p.answer.whole = p.finish != ""
	p.answer.content, err = c.content(p.text.String(), p.refusal.String(), p.calls, p.finish)
	return p.answer, err
}

// pieces puts the pieces of a streamed answer together.
type pieces struct {
	answer        answer
	text, refusal strings.Builder
	calls         []openai.ToolCall
	finish        openai.FinishReason
	size          int
}

// add takes a piece.
func (p *pieces) add(piece *openai.ChatCompletionStreamResponse) {
	if piece.Model != "" {
		p.answer.model = piece.Model
	}
	if piece.Usage != nil {
		p.answer.in, p.answer.out = piece.Usage.PromptTokens, piece.Usage.CompletionTokens
	}
	for _, choice := range piece.Choices {
		if choice.Index != 0 {
			continue
		}
		p.text.WriteString(choice.Delta.Content)
		p.refusal.WriteString(choice.Delta.Refusal)
		// What a model reasons is not used, but an endless reasoning is cut too.
		p.size += len(choice.Delta.Content) + len(choice.Delta.Refusal) + len(choice.Delta.ReasoningContent)
		p.addCalls(choice.Delta.ToolCalls)
		if choice.FinishReason != "" {
			p.finish = choice.FinishReason
		}
	}
}

// maxCalls bounds the tool calls of an answer; there is to be one.
const maxCalls = 4

// addCalls takes pieces of tool calls.
func (p *pieces) addCalls(calls []openai.ToolCall) {
	for _, call := range calls {
		i := 0
		if call.Index != nil {
			i = *call.Index
		}
		if p.size += len(call.Function.Name) + len(call.Function.Arguments); i < 0 || i >= maxCalls {
			continue
		}
		for len(p.calls) <= i {
			p.calls = append(p.calls, openai.ToolCall{})
		}
		p.calls[i].Function.Name += call.Function.Name
		p.calls[i].Function.Arguments += call.Function.Arguments
	}
}

// tooLong is an answer that was cut off.
func (c *Client) tooLong() error {
	return &replyError{why: fmt.Sprintf("it is longer than %d bytes", c.config.MaxReplyBytes), final: true}
}

// content takes the text of an answer, from where it was asked to be.
func (c *Client) content(text, refusal string, calls []openai.ToolCall, finish openai.FinishReason) (string, error) {
	switch {
	case refusal != "":
		return "", &replyError{why: "the model refused: " + shortened(oneLine(c.clean(refusal)), maxReason), final: true}
	case finish == openai.FinishReasonContentFilter:
		return "", &replyError{why: "a filter of the endpoint held it back", final: true}
	case finish == openai.FinishReasonLength:
		return "", &replyError{why: "it breaks off, for it needs more than max_tokens; be brief"}
	}
	if c.config.Output == OutputTool {
		if len(calls) != 1 || calls[0].Function.Name != toolName {
			return "", &replyError{why: "it is not one call of the tool " + toolName}
		}
		text = calls[0].Function.Arguments
	} else if len(calls) > 0 {
		return "", &replyError{why: "it calls a tool, and there is none"}
	}
	if len(text) > c.config.MaxReplyBytes {
		return "", c.tooLong()
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError) {
		return "", &replyError{why: "it is not UTF-8"}
	}
	return text, nil
}

// unanswered classifies the failure of a request. What the library says is not passed on, for it may hold anything.
func (c *Client) unanswered(ctx context.Context, m *meter, err error) error {
	out := &callError{retryAfter: m.retryAfter}
	switch {
	case m.tooLarge:
		return &replyError{why: fmt.Sprintf("it is larger than %d bytes", maxBody), final: true}
	case m.status >= http.StatusBadRequest:
		c.refused(out, m.status, err)
	case m.status >= http.StatusMultipleChoices:
		out.why = fmt.Sprintf("status %d; redirects are not followed: put the final address into base_url", m.status)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		out.why, out.cause = fmt.Sprintf("it took longer than timeout %s", c.config.Timeout), context.DeadlineExceeded
	case ctx.Err() != nil:
		out.why, out.cause = "it was given up", ctx.Err()
	case m.status != 0:
		return c.brokenOff(out, err)
	default:
		out.why, out.again = "it cannot be reached: "+c.said(reason(err)), true
	}
	return out
}

// refused says why an endpoint answered with an error, and whether another try may help.
func (c *Client) refused(out *callError, status int, err error) {
	out.again = status == http.StatusTooManyRequests || status == http.StatusRequestTimeout ||
		status >= http.StatusInternalServerError && status != http.StatusNotImplemented
	out.why = fmt.Sprintf("status %d", status)
	if apiError, ok := errors.AsType[*openai.APIError](err); ok {
		out.why += ": " + c.said(apiError.Message)
		// A quota that is used up is not free again after a wait.
		out.again = out.again && apiError.Code != "insufficient_quota"
	}
	out.why += remedy(status)
}

// brokenOff says why an answer that had begun well cannot be read.
func (c *Client) brokenOff(out *callError, err error) error {
	apiError, isAPI := errors.AsType[*openai.APIError](err)
	_, isNet := errors.AsType[*net.OpError](err)
	switch {
	case isAPI:
		out.why, out.again = "it broke off: "+c.said(apiError.Message), true
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || isNet:
		out.why, out.again = "it broke off", true
	default:
		return &replyError{why: "what came is no answer of this API; check base_url", final: true}
	}
	return out
}

// said makes what an endpoint says fit for an error.
func (c *Client) said(text string) string { return shortened(oneLine(c.clean(text)), maxReason) }

// remedy says what to do about a status.
func remedy(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "; check the key that api_key_file or api_key_env names, and what it may be used for"
	case http.StatusNotFound:
		return "; check base_url, model and deployment"
	case http.StatusBadRequest:
		return "; if the server knows no JSON schemas, set output to json_object, tool or text"
	}
	return ""
}
