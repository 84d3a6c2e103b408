// Package faulttest makes fake platforms fail on the wire: with errors of their own, with answers that are cut short, garbled or
// never come, before or after a request has had its effect. All fakes of actuators play the same script, so that one matrix of
// faults fits them all.
package faulttest

import (
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"
)

// Fault is how a request goes wrong.
type Fault struct {
	// Ops are the operations that it strikes; none is any but those that the fake keeps for faults which name them.
	Ops []string
	// AfterEffect carries the request out before its answer goes wrong.
	AfterEffect bool
	// RetryAfter asks the client, in a header, to come again after that time; 0 does not ask.
	RetryAfter time.Duration

	// err is an error of the platform itself, which the fake knows how to answer with; spoil answers without the fake.
	err   error
	spoil func(w http.ResponseWriter, r *http.Request) (status int)
}

// On limits the fault to operations.
func (f Fault) On(ops ...string) Fault {
	f.Ops = ops
	return f
}

// ButDone carries the request out before its answer goes wrong.
func (f Fault) ButDone() Fault {
	f.AfterEffect = true
	return f
}

// Later asks the client to come again after a time, 0 does not.
func (f Fault) Later(retryAfter time.Duration) Fault {
	f.RetryAfter = retryAfter
	return f
}

// strikes reports whether it strikes an operation; named says that only faults which name it do.
func (f *Fault) strikes(op string, named bool) bool {
	return len(f.Ops) == 0 && !named || slices.Contains(f.Ops, op)
}

// Answer answers with an error of the platform's own kind, which the fake turns into an answer.
func Answer(err error) Fault { return Fault{err: err} }

// Status answers with an HTTP status and its name, as servers without errors of a form of their own do.
func Status(code int) Fault { return Text(code, http.StatusText(code)) }

// Text answers with an HTTP status and a text.
func Text(code int, text string) Fault {
	return Fault{spoil: func(w http.ResponseWriter, _ *http.Request) int {
		http.Error(w, text, code)
		return code
	}}
}

// Headed answers with an HTTP status and headers, and without a body.
func Headed(code int, header http.Header) Fault {
	return Fault{spoil: func(w http.ResponseWriter, _ *http.Request) int {
		maps.Copy(w.Header(), header)
		w.WriteHeader(code)
		return code
	}}
}

// Proxy answers 502 with a page of something in between.
func Proxy() Fault {
	return Fault{spoil: func(w http.ResponseWriter, _ *http.Request) int {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<html><h1>Bad Gateway</h1></html>")
		return http.StatusBadGateway
	}}
}

// Malformed answers 200 with a body that is no JSON.
func Malformed() Fault { return Body("<html>proxy</html>") }

// Empty answers 200 with an empty JSON object, which says nothing.
func Empty() Fault { return Body("{}") }

// Body answers 200 with a body that is called JSON. The status is not told of as one that counts.
func Body(body string) Fault {
	return Fault{spoil: func(w http.ResponseWriter, _ *http.Request) int {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
		return 0
	}}
}

// Dropped closes the connection without an answer.
func Dropped() Fault {
	return Fault{spoil: func(w http.ResponseWriter, _ *http.Request) int {
		if conn := hijack(w); conn != nil {
			_ = conn.Close()
		}
		return 0
	}}
}

// HalfClosed begins an answer, then closes its half of the connection.
func HalfClosed() Fault {
	return Fault{spoil: func(w http.ResponseWriter, _ *http.Request) int {
		conn := hijack(w)
		if conn == nil {
			return 0
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n{\"name\":")
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		// The client closes its half when it has seen that the answer is cut short.
		_, _ = io.Copy(io.Discard, conn)
		return 0
	}}
}

// Slow never answers: it calls hanging once the request is there, and waits until the client goes away.
func Slow(hanging func()) Fault {
	return Fault{spoil: func(_ http.ResponseWriter, r *http.Request) int {
		hanging()
		<-r.Context().Done()
		return 0
	}}
}

// hijack takes the connection from the server, nil if it cannot.
func hijack(w http.ResponseWriter) net.Conn {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return nil
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		return nil
	}
	return conn
}
