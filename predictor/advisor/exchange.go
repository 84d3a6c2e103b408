package advisor

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	openai "github.com/sashabaranov/go-openai"

	"pilotlight/models"
)

// The bounds of what is recorded, and of what a model is shown of its own answer.
const (
	maxRecordedPrompt = 64 << 10
	maxRecordedReply  = 16 << 10
	maxShownReply     = 4000
)

// exchange asks a question until read takes the answer, at most 1 + repairs times.
func (c *Client) exchange(ctx context.Context, q question, read func(content string) error) (models.AdviceRecord, error) {
	begin := c.deps.Now()
	record := models.AdviceRecord{At: begin.UTC(), Advisor: c.config.Name, Model: c.config.Model, Purpose: q.purpose}
	p, req, err := c.prompt(q)
	if err == nil {
		record.Prompt = shortened(p.System+"\n\n"+p.User, maxRecordedPrompt)
		err = c.answered(ctx, q, req, &record, read)
	}
	record.Seconds = c.deps.Now().Sub(begin).Seconds()
	if err != nil {
		err = fmt.Errorf("%s: %w", c.config.Name, err)
		record.Error = err.Error()
	}
	return record, err
}

// answered asks the cache, then the endpoint if it may be asked.
func (c *Client) answered(ctx context.Context, q question, req openai.ChatCompletionRequest, record *models.AdviceRecord, read func(string) error) error {
	key := c.cacheKey(&q)
	if e, ok := c.cache.get(c.deps.Now(), key); ok {
		record.Model, record.Reply = e.model, c.recorded(e.content)
		return read(e.content)
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return fmt.Errorf("wait for other requests: %w", ctx.Err())
	}
	probe, err := c.breaker.enter(c.deps.Now())
	if err != nil {
		return err
	}
	content, err := c.repaired(ctx, req, record, read)
	c.breaker.leave(c.deps.Now(), probe, endingOf(ctx, err))
	if err == nil {
		c.cache.put(cached{key: key, content: content, model: record.Model, at: c.deps.Now()})
	}
	return err
}

// endingOf says what an error tells about the endpoint.
func endingOf(ctx context.Context, err error) ending {
	switch {
	case err == nil:
		return endedWell
	case errors.Is(err, ErrBudget) || ctx.Err() != nil || errors.Is(err, errNoKey):
		return endedUnknown
	}
	return endedBadly
}

// cacheKey names a question. Its delimiters are no part of it.
func (c *Client) cacheKey(q *question) [32]byte {
	raw, err := q.answer.rawSchema()
	if err != nil {
		return [32]byte{} // prompt has failed before
	}
	return sha256.Sum256([]byte(strings.Join([]string{
		q.purpose, c.address(), c.config.Model, string(c.config.Output), q.task, string(raw), q.data,
	}, "\x00")))
}

// repaired asks, and asks again with what is wrong about the answer.
func (c *Client) repaired(ctx context.Context, req openai.ChatCompletionRequest, record *models.AdviceRecord, read func(string) error) (string, error) {
	for repair := 0; ; repair++ {
		content, err := c.complete(ctx, req, record)
		if err == nil {
			record.Reply = c.recorded(content)
			err = read(content)
		}
		wrong, broken := errors.AsType[*replyError](err)
		switch {
		case err == nil:
			return content, nil
		case !broken:
			return "", err
		case wrong.final || repair >= c.config.Repairs:
			return "", fmt.Errorf("%w: %s", ErrReply, c.clean(wrong.why))
		}
		if shown := strings.TrimSpace(c.cleaned(content, maxShownReply)); shown != "" {
			req.Messages = append(req.Messages, openai.ChatCompletionMessage{Role: openai.ChatMessageRoleAssistant, Content: shown})
		}
		req.Messages = append(req.Messages, openai.ChatCompletionMessage{
			Role:    openai.ChatMessageRoleUser,
			Content: "The answer cannot be used: " + shortened(c.clean(wrong.why), maxReason) + ". Answer again, in full and in the form that was asked for.",
		})
	}
}

// recorded makes an answer fit for the record.
func (c *Client) recorded(content string) string {
	return shortened(c.clean(content), maxRecordedReply)
}

// clean takes secrets, the own key before all, out of a text that comes from the endpoint.
func (c *Client) clean(text string) string {
	if k, err := c.key(); err == nil && k != "" {
		text = strings.ReplaceAll(text, string(k), redacted)
	}
	return redact(text)
}

// cleaned is clean for what may be much longer than what is kept of it.
func (c *Client) cleaned(text string, limit int) string {
	return shortened(c.clean(bounded(text, 2*limit)), limit)
}

// complete sends a request, and sends it again where it failed in a way that may pass.
func (c *Client) complete(ctx context.Context, req openai.ChatCompletionRequest, record *models.AdviceRecord) (string, error) {
	delays := backoff.NewExponentialBackOff()
	for try := 0; ; try++ {
		content, err := c.attempt(ctx, req, record)
		failed, ok := errors.AsType[*callError](err)
		if err == nil || !ok {
			return content, err
		}
		delay := max(delays.NextBackOff(), failed.retryAfter)
		if longest := c.config.MaxRetryAfter.Std(); failed.retryAfter > longest {
			c.breaker.asked(c.deps.Now(), failed.retryAfter)
			return "", err
		}
		if !failed.again || try >= c.config.Retries || ctx.Err() != nil {
			if failed.retryAfter > 0 {
				c.breaker.asked(c.deps.Now(), failed.retryAfter)
			}
			return "", err
		}
		if waited := c.deps.Wait(ctx, delay); waited != nil {
			return "", fmt.Errorf("wait for another try: %w", waited)
		}
	}
}

// attempt sends one request inside the budget and counts what it took.
func (c *Client) attempt(ctx context.Context, req openai.ChatCompletionRequest, record *models.AdviceRecord) (string, error) {
	size := 0
	for _, m := range req.Messages {
		size += len(m.Content)
	}
	most := tokens{in: estimate(size) + c.overhead(&req), out: c.config.MaxTokens}
	if err := c.budget.hold(c.deps.Now(), most); err != nil {
		return "", err
	}
	record.Attempts++
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout.Std())
	defer cancel()
	a, err := c.call(ctx, req)
	took := a.took(most)
	record.TokensIn += took.in
	record.TokensOut += took.out
	record.USD += c.budget.settle(c.deps.Now(), most, took)
	if err != nil {
		return "", err
	}
	if a.model != "" {
		record.Model = shortened(oneLine(c.clean(a.model)), maxShortText)
	}
	return a.content, nil
}

// overhead is about how many tokens the schema of a request takes.
func (c *Client) overhead(req *openai.ChatCompletionRequest) int {
	const perSchema = 1500
	if req.ResponseFormat != nil || len(req.Tools) > 0 {
		return perSchema
	}
	return 0
}

// took says what a request took: what the endpoint counted where it can be believed, nothing where it refused, and the most that it could
// have been where it broke off.
func (a *answer) took(most tokens) tokens {
	const sane = 1 << 30
	switch {
	case a.refused:
		return tokens{}
	case a.in > 0 && a.out >= 0 && a.in < sane && a.out < sane:
		return tokens{in: a.in, out: a.out}
	case a.whole:
		return tokens{in: most.in, out: estimate(len(a.content))}
	}
	return most
}

// retryWindow is the longest wait that an endpoint can ask for.
const retryWindow = 24 * time.Hour
