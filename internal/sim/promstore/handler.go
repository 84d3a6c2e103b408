package promstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// The API is described at https://prometheus.io/docs/prometheus/latest/querying/api/.

const (
	// maxPoints is the greatest number of points of a series in one answer.
	maxPoints = 11_000
	// maxBody bounds a request.
	maxBody = 1 << 20

	statusClientClosed = 499
)

// The kinds of errors of the API.
const (
	kindBadData   = "bad_data"
	kindExecution = "execution"
	kindCanceled  = "canceled"
	kindTimeout   = "timeout"
	kindInternal  = "internal"
)

// apiError is an error with its kind.
type apiError struct {
	kind string
	err  error
}

func (e *apiError) Error() string { return e.err.Error() }

func (e *apiError) Unwrap() error { return e.err }

func badParam(name string, err error) error {
	return &apiError{kindBadData, fmt.Errorf("invalid parameter %q: %w", name, err)}
}

// answer is what a request is answered with: the JSON of its data, and remarks about it.
type answer struct {
	data            []byte
	warnings, infos []string
}

// Handler serves the queries of the HTTP API of Prometheus: query, query_range, series, labels and label values, each by GET and
// form POST, and /-/ready and /-/healthy.
func (s *Store) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, serve := range map[string]func(*http.Request) (answer, error){
		"/api/v1/query":               s.query,
		"/api/v1/query_range":         s.queryRange,
		"/api/v1/series":              s.series,
		"/api/v1/labels":              s.labelNames,
		"/api/v1/label/{name}/values": s.labelValues,
	} {
		mux.Handle("GET "+path, reply(serve))
		mux.Handle("POST "+path, reply(serve))
	}
	for _, state := range []string{"Ready", "Healthy"} {
		mux.HandleFunc("GET /-/"+map[string]string{"Ready": "ready", "Healthy": "healthy"}[state], func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, "Prometheus Server is %s.\n", state)
		})
	}
	return mux
}

// reply writes an answer in the envelope of the API.
func reply(serve func(*http.Request) (answer, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		var a answer
		err := r.ParseForm()
		if err != nil {
			err = &apiError{kindBadData, fmt.Errorf("parse the form: %w", err)}
		} else {
			a, err = serve(r)
		}
		envelope := struct {
			Status    string          `json:"status"`
			Data      json.RawMessage `json:"data,omitempty"`
			ErrorType string          `json:"errorType,omitempty"`
			Error     string          `json:"error,omitempty"`
			Warnings  []string        `json:"warnings,omitempty"`
			Infos     []string        `json:"infos,omitempty"`
		}{Status: "success", Data: a.data, Warnings: a.warnings, Infos: a.infos}
		code := http.StatusOK
		if err != nil {
			envelope.Status, envelope.Error = "error", err.Error()
			envelope.ErrorType, code = classOf(err)
		}
		w.Header().Set("Content-Type", "application/json")
		body, err := json.Marshal(&envelope)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(code)
		_, _ = w.Write(body) // whoever asked may be gone
	})
}

// classOf returns the kind of an error and the status it is answered with.
func classOf(err error) (kind string, status int) {
	kind = kindExecution
	if e, ok := errors.AsType[*apiError](err); ok {
		kind = e.kind
	}
	var (
		canceled promql.ErrQueryCanceled
		timeout  promql.ErrQueryTimeout
		stored   promql.ErrStorage
	)
	switch {
	case errors.As(err, &canceled) || errors.Is(err, context.Canceled):
		kind = kindCanceled
	case errors.As(err, &timeout) || errors.Is(err, context.DeadlineExceeded):
		kind = kindTimeout
	case errors.As(err, &stored):
		kind = kindInternal
	}
	switch kind {
	case kindBadData:
		return kind, http.StatusBadRequest
	case kindCanceled:
		return kind, statusClientClosed
	case kindTimeout:
		return kind, http.StatusServiceUnavailable
	case kindInternal:
		return kind, http.StatusInternalServerError
	}
	return kind, http.StatusUnprocessableEntity
}

// query evaluates an expression at one time.
func (s *Store) query(r *http.Request) (answer, error) {
	at, err := timeParam(r, "time", s.now())
	if err != nil {
		return answer{}, err
	}
	options, err := lookback(r)
	if err != nil {
		return answer{}, err
	}
	return s.evaluate(r, func(ctx context.Context) (promql.Query, error) {
		return s.engine.NewInstantQuery(ctx, s.db, options, r.FormValue("query"), at)
	})
}

// queryRange evaluates an expression at regular times.
func (s *Store) queryRange(r *http.Request) (answer, error) {
	start, err := timeParam(r, "start", time.Time{})
	if err != nil {
		return answer{}, err
	}
	end, err := timeParam(r, "end", time.Time{})
	if err != nil {
		return answer{}, err
	}
	if end.Before(start) {
		return answer{}, badParam("end", errors.New("end timestamp must not be before start time"))
	}
	step, err := durationParam(r, "step")
	if err != nil {
		return answer{}, err
	}
	if step <= 0 {
		return answer{}, badParam("step", errors.New("zero or negative query resolution step widths are not accepted. Try a positive integer"))
	}
	if end.Sub(start)/step > maxPoints {
		return answer{}, &apiError{kindBadData, errors.New("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)")}
	}
	options, err := lookback(r)
	if err != nil {
		return answer{}, err
	}
	return s.evaluate(r, func(ctx context.Context) (promql.Query, error) {
		return s.engine.NewRangeQuery(ctx, s.db, options, r.FormValue("query"), start, end, step)
	})
}

// evaluate runs the query that prepare makes.
func (s *Store) evaluate(r *http.Request, prepare func(ctx context.Context) (promql.Query, error)) (answer, error) {
	ctx := r.Context()
	if r.FormValue("timeout") != "" {
		timeout, err := durationParam(r, "timeout")
		if err != nil {
			return answer{}, err
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	limit, err := limitParam(r)
	if err != nil {
		return answer{}, err
	}
	q, err := prepare(ctx)
	if err != nil {
		return answer{}, badParam("query", err)
	}
	defer q.Close()
	result := q.Exec(ctx)
	a := answer{}
	a.warnings, a.infos = result.Warnings.AsStrings(r.FormValue("query"), 10, 10)
	if result.Err != nil {
		return a, result.Err
	}
	value, cut := truncate(result.Value, limit)
	if cut {
		a.warnings = append(a.warnings, "results truncated due to limit")
	}
	a.data, err = appendValue(nil, value)
	return a, err
}

// truncate cuts a result to so many series; 0 is no limit.
func truncate(v parser.Value, limit int) (parser.Value, bool) {
	switch v := v.(type) {
	case promql.Matrix:
		if limit > 0 && len(v) > limit {
			return v[:limit], true
		}
	case promql.Vector:
		if limit > 0 && len(v) > limit {
			return v[:limit], true
		}
	}
	return v, false
}
