package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
	"github.com/gin-gonic/gin"

	"pilotlight/models"
)

// problemKind is one kind of problem: the type URI without its prefix, the status, and the title.
type problemKind struct {
	slug   string
	status int
	title  string
}

// problemPrefix begins the type URI of all problems (RFC 9457). The kinds are documented in docs/api.md.
const problemPrefix = "urn:pilotlight:problem:"

// The kinds of problems.
//
//nolint:gochecknoglobals // constants
var (
	problemMalformed    = problemKind{"malformed-request", http.StatusBadRequest, "The request cannot be read"}
	problemUnauthorized = problemKind{"unauthorized", http.StatusUnauthorized, "A token is needed"}
	problemForbidden    = problemKind{"forbidden", http.StatusForbidden, "The token may not do this"}
	problemForeignHost  = problemKind{"foreign-host", http.StatusForbidden, "The Host header does not name this machine"}
	problemCrossOrigin  = problemKind{"cross-origin", http.StatusForbidden, "Another site may not cause writes"}
	problemNotFound     = problemKind{"not-found", http.StatusNotFound, "There is no such thing"}
	problemShortHistory = problemKind{"insufficient-history", http.StatusNotFound, "There is too little history"}
	problemNoData       = problemKind{"no-data", http.StatusNotFound, "There is no data"}
	problemStale        = problemKind{"stale-data", http.StatusNotFound, "The data is too old"}
	problemMethod       = problemKind{"method-not-allowed", http.StatusMethodNotAllowed, "The method is not allowed here"}
	problemConflict     = problemKind{"conflict", http.StatusConflict, "The present state does not allow this"}
	problemExpired      = problemKind{"expired", http.StatusConflict, "It has expired"}
	problemDryRun       = problemKind{"dry-run", http.StatusConflict, "Dry-run mode writes nothing"}
	problemPaused       = problemKind{"paused", http.StatusConflict, "Pilotlight is paused"}
	problemTooLarge     = problemKind{"too-large", http.StatusRequestEntityTooLarge, "The request body is too large"}
	problemMediaType    = problemKind{"unsupported-media-type", http.StatusUnsupportedMediaType, "The body is not JSON"}
	problemInvalid      = problemKind{"invalid-request", http.StatusUnprocessableEntity, "The request is not valid"}
	problemBadConfig    = problemKind{"invalid-configuration", http.StatusUnprocessableEntity, "The configuration was not loaded"}
	problemInternal     = problemKind{"internal", http.StatusInternalServerError, "Something failed inside"}
	problemBusy         = problemKind{"busy", http.StatusServiceUnavailable, "There are too many streams"}
	problemUnavailable  = problemKind{"unavailable", http.StatusServiceUnavailable, "What is needed for it does not work now"}
	problemCancelled    = problemKind{"cancelled", http.StatusServiceUnavailable, "The request was cancelled"}
	problemTimeout      = problemKind{"timeout", http.StatusGatewayTimeout, "The answer took too long"}
)

// problemKinds returns all kinds.
func problemKinds() []problemKind {
	return []problemKind{
		problemMalformed, problemUnauthorized, problemForbidden, problemForeignHost, problemCrossOrigin, problemNotFound,
		problemShortHistory, problemNoData, problemStale, problemMethod, problemConflict, problemExpired, problemDryRun,
		problemPaused, problemTooLarge, problemMediaType, problemInvalid, problemBadConfig, problemInternal, problemBusy,
		problemUnavailable, problemCancelled, problemTimeout,
	}
}

// kindOfError returns the kind of a known error, and false for one whose text must not leave the process.
func kindOfError(err error) (problemKind, bool) {
	for _, known := range []struct {
		err  error
		kind problemKind
	}{
		{context.DeadlineExceeded, problemTimeout},
		{context.Canceled, problemCancelled},
		{models.ErrNotFound, problemNotFound},
		{models.ErrExpired, problemExpired},
		{models.ErrDryRun, problemDryRun},
		{models.ErrPaused, problemPaused},
		{models.ErrConflict, problemConflict},
		{models.ErrInsufficientHistory, problemShortHistory},
		{models.ErrNoData, problemNoData},
		{models.ErrStale, problemStale},
		{models.ErrInvalid, problemInvalid},
		{models.ErrUnavailable, problemUnavailable},
	} {
		if errors.Is(err, known.err) {
			return known.kind, true
		}
	}
	return problemInternal, false
}

// kindOfStatus returns the kind of a problem that huma found, which knows the status only.
func kindOfStatus(status int) problemKind {
	switch status {
	case http.StatusBadRequest, http.StatusRequestTimeout:
		return problemMalformed
	case http.StatusRequestEntityTooLarge:
		return problemTooLarge
	case http.StatusUnsupportedMediaType:
		return problemMediaType
	case http.StatusUnprocessableEntity:
		return problemInvalid
	default:
		return problemInternal
	}
}

// problem makes the body of an answer.
func problem(kind problemKind, detail string) *huma.ErrorModel {
	return &huma.ErrorModel{Type: problemPrefix + kind.slug, Title: kind.title, Status: kind.status, Detail: detail}
}

// invalid makes a problem about one place of a request, such as query.from.
func invalid(location, message string) *huma.ErrorModel {
	p := problem(problemInvalid, location+": "+message)
	p.Errors = []*huma.ErrorDetail{{Location: location, Message: message}}
	return p
}

// problemOf turns an error into a problem. The text of an unknown error goes to the log, not to the client.
func (s *server) problemOf(ctx context.Context, err error) error {
	if _, ok := errors.AsType[huma.StatusError](err); ok {
		return err
	}
	kind, known := kindOfError(err)
	switch {
	case !known:
		s.log.ErrorContext(ctx, "request failed", "error", err, "request_id", requestIDOf(ctx))
		return problem(kind, "the log has the reason, under the request id of this answer")
	case kind == problemTimeout || kind == problemCancelled:
		s.log.WarnContext(ctx, "request ended early", "error", err, "request_id", requestIDOf(ctx))
		return problem(kind, "try again, or ask for less")
	}
	return problem(kind, err.Error())
}

// maxEchoLen bounds a value of the request that a problem shows.
const maxEchoLen = 256

// completeProblem is a huma transformer: it gives each problem its type, an instance, a detail that says what to do, and an
// order that does not change.
func completeProblem(ctx huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	found := p.Type == ""
	if found {
		kind := kindOfStatus(p.Status)
		p.Type, p.Title = problemPrefix+kind.slug, kind.title
		if kind == problemInternal {
			p.Errors = nil
		}
	}
	for _, e := range p.Errors {
		if text, ok := e.Value.(string); ok && len(text) > maxEchoLen {
			e.Value = strings.ToValidUTF8(text[:maxEchoLen], "") + "…"
		}
		if e.Message == validation.MsgUnexpectedProperty {
			e.Message = fmt.Sprintf("unknown field; known are: %v", ctx.Operation().Metadata[metadataFields])
			e.Value = nil
		}
	}
	slices.SortStableFunc(p.Errors, func(a, b *huma.ErrorDetail) int {
		return strings.Compare(a.Location+"\x00"+a.Message, b.Location+"\x00"+b.Message)
	})
	if found && len(p.Errors) > 0 {
		p.Detail = p.Errors[0].Location + ": " + p.Errors[0].Message
	}
	if id := requestIDOf(ctx.Context()); p.Instance == "" && id != "" {
		p.Instance = instanceOf(id)
	}
	return p, nil
}

// instanceOf returns the URI that identifies the occurrence of a problem by its request.
func instanceOf(requestID string) string { return "urn:pilotlight:request:" + requestID }

// refuse ends a request outside huma with a problem.
func (s *server) refuse(c *gin.Context, kind problemKind, detail string) {
	p := problem(kind, detail)
	p.Instance = instanceOf(requestIDOf(c.Request.Context()))
	s.writeProblem(c, p)
}

// writeProblem writes a problem outside huma.
func (s *server) writeProblem(c *gin.Context, p *huma.ErrorModel) {
	c.Abort()
	body, err := json.Marshal(p)
	if err != nil {
		s.log.ErrorContext(c.Request.Context(), "problem not encoded", "error", err)
		c.Status(p.Status)
		return
	}
	c.Header("Content-Type", "application/problem+json")
	c.Writer.WriteHeader(p.Status)
	if _, err := c.Writer.Write(append(body, '\n')); err != nil {
		s.log.DebugContext(c.Request.Context(), "answer not written", "error", err)
	}
}
