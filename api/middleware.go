package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
)

const (
	headerRequestID = "X-Request-Id"
	maxRequestIDLen = 64
	// requestTimeout bounds every request but a stream of events.
	requestTimeout = 30 * time.Second
)

type requestIDKey struct{}

// requestIDOf returns the id of the request of that context.
func requestIDOf(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// identify gives the request an id: that of the caller if it is a plain word, else a random one.
func (s *server) identify(c *gin.Context) {
	id := c.GetHeader(headerRequestID)
	plain := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune("-_.", r)
	}
	if id == "" || len(id) > maxRequestIDLen || strings.ContainsFunc(id, func(r rune) bool { return !plain(r) }) {
		id = rand.Text()
	}
	c.Header(headerRequestID, id)
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), requestIDKey{}, id))
}

// methodOf returns the method as the client sent it.
func methodOf(c *gin.Context) string {
	if isHead(c.Request.Context()) {
		return http.MethodHead
	}
	return c.Request.Method
}

// observe counts, measures and logs the request. The query stays out of the log, and so do headers and bodies.
func (s *server) observe(c *gin.Context) {
	start := wallNow()
	method, path := methodOf(c), c.Request.URL.Path
	defer func() {
		took := wallNow().Sub(start)
		route, status := c.FullPath(), c.Writer.Status()
		s.metrics.observe(route, method, status, took)
		level := slog.LevelInfo
		if route == pathHealthz || route == pathReadyz || route == pathMetrics {
			level = slog.LevelDebug
		}
		ctx := c.Request.Context()
		s.log.LogAttrs(ctx, level, "request",
			slog.String("method", method), slog.String("path", path), slog.String("route", route), slog.Int("status", status),
			slog.Duration("duration", took), slog.Int("bytes", max(c.Writer.Size(), 0)), slog.String("remote", c.Request.RemoteAddr),
			slog.String("by", principalOf(ctx).name), slog.String("request_id", requestIDOf(ctx)),
		)
	}()
	c.Next()
}

// recoverPanic answers a panic with a problem that shows nothing of the inside.
func (s *server) recoverPanic(c *gin.Context) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(p)
		}
		ctx := c.Request.Context()
		s.log.ErrorContext(ctx, "request panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()), "request_id", requestIDOf(ctx))
		if c.Writer.Written() {
			// Half an answer is out; only a broken connection tells the client.
			panic(http.ErrAbortHandler)
		}
		s.refuse(c, problemInternal, "the log has the reason, under the request id of this answer")
	}()
	c.Next()
}

// secureHeaders keeps browsers from caching, sniffing, framing, and loading anything from elsewhere. There are no CORS headers:
// pages of other origins get nothing.
func (s *server) secureHeaders(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// checkQuery refuses a query that cannot be read, and parameters that are unknown or repeated: a misspelt filter must not
// silently select everything.
func (s *server) checkQuery(c *gin.Context) {
	query, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		s.refuse(c, problemMalformed, "the query cannot be read: "+err.Error())
		return
	}
	known := s.queryParams(c.FullPath(), c.Request.Method)
	if known == nil || len(query) == 0 {
		return
	}
	p := problem(problemInvalid, "")
	for name, values := range query {
		switch {
		case !slices.Contains(known, name):
			p.Errors = append(p.Errors, &huma.ErrorDetail{Location: "query." + name, Message: "unknown query parameter"})
		case len(values) > 1:
			p.Errors = append(p.Errors, &huma.ErrorDetail{Location: "query." + name, Message: "given more than once; separate several values by commas"})
		}
	}
	if len(p.Errors) == 0 {
		return
	}
	slices.SortFunc(p.Errors, func(a, b *huma.ErrorDetail) int { return strings.Compare(a.Location, b.Location) })
	p.Detail = p.Errors[0].Location + ": " + p.Errors[0].Message + "; the known parameters are " + strings.Join(known, ", ")
	if len(known) == 0 {
		p.Detail = p.Errors[0].Location + ": this path takes no query parameters"
	}
	p.Instance = instanceOf(requestIDOf(c.Request.Context()))
	s.writeProblem(c, p)
}

// queryParams returns the names of the query parameters of a route, in the order of the description; nil if the route is none
// of the REST interface.
func (s *server) queryParams(route, method string) []string {
	if route == pathIndex {
		return []string{"cursor"}
	}
	item := s.api.OpenAPI().Paths[specPath(route)]
	if item == nil {
		return nil
	}
	op := item.Get
	switch method {
	case http.MethodPost:
		op = item.Post
	case http.MethodDelete:
		op = item.Delete
	}
	if op == nil {
		return nil
	}
	names := []string{}
	for _, p := range op.Parameters {
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	return names
}

// specPath turns a route of gin into a path of OpenAPI.
func specPath(route string) string {
	parts := strings.Split(route, "/")
	for i, part := range parts {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

// limitBody refuses a body that says it is too large, and cuts off one that is.
func (s *server) limitBody(c *gin.Context) {
	limit := bodyLimit(c.FullPath())
	if c.Request.ContentLength >= limit {
		s.refuse(c, problemTooLarge, fmt.Sprintf("the body has %d bytes; send fewer than %d", c.Request.ContentLength, limit))
		return
	}
	if c.Request.Body != nil {
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, limit)
	}
}

// errRequestTimeout is the cause of a request that took too long.
var errRequestTimeout = fmt.Errorf("request took longer than %s: %w", requestTimeout, context.DeadlineExceeded)

// limitTime bounds the time of every request but a stream of events.
func (s *server) limitTime(c *gin.Context) {
	if c.FullPath() == pathEvents {
		return
	}
	ctx, cancel := context.WithTimeoutCause(c.Request.Context(), requestTimeout, errRequestTimeout)
	defer cancel()
	c.Request = c.Request.WithContext(ctx)
	c.Next()
}

// unescapeParams unescapes the path parameters.
func (s *server) unescapeParams(c *gin.Context) {
	for i, p := range c.Params {
		value, err := url.PathUnescape(p.Value)
		if err != nil {
			s.refuse(c, problemMalformed, "the path cannot be read: "+err.Error())
			return
		}
		c.Params[i].Value = value
	}
}

// methodNotAllowed answers OPTIONS with the methods of the path, and others with a problem.
func (s *server) methodNotAllowed(c *gin.Context) {
	allowed := strings.Split(c.Writer.Header().Get("Allow"), ", ")
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	allowed = append(allowed, http.MethodOptions)
	slices.Sort(allowed)
	c.Header("Allow", strings.Join(allowed, ", "))
	if c.Request.Method == http.MethodOptions {
		c.Abort()
		c.Status(http.StatusNoContent)
		c.Writer.WriteHeaderNow()
		return
	}
	s.refuse(c, problemMethod, "this path allows "+strings.Join(allowed, ", "))
}
