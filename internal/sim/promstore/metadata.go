package promstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// series lists the series that match selectors.
func (s *Store) series(r *http.Request) (answer, error) {
	if len(r.Form["match[]"]) == 0 {
		return answer{}, &apiError{kindBadData, errors.New("no match[] parameter provided")}
	}
	out := []labels.Labels{}
	a, err := s.metadata(r, func(q storage.Querier, of *scope) (annotations.Annotations, error) {
		hints := &storage.SelectHints{Start: of.start.UnixMilli(), End: of.end.UnixMilli(), Func: "series"}
		found := make([]storage.SeriesSet, len(of.sets))
		for i, matchers := range of.sets {
			found[i] = q.Select(r.Context(), true, hints, matchers...)
		}
		set := storage.NewMergeSeriesSet(found, 0, storage.ChainedSeriesMerge)
		for set.Next() && (of.limit == 0 || len(out) < of.limit) {
			out = append(out, set.At().Labels())
		}
		return set.Warnings(), set.Err()
	})
	if err != nil {
		return a, err
	}
	a.data, err = json.Marshal(out)
	return a, err
}

// labelNames lists the names of labels.
func (s *Store) labelNames(r *http.Request) (answer, error) {
	return s.strings(r, func(q storage.Querier, hints *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelNames(r.Context(), hints, matchers...)
	})
}

// labelValues lists the values of a label.
func (s *Store) labelValues(r *http.Request) (answer, error) {
	name := r.PathValue("name")
	if !model.UTF8Validation.IsValidLabelName(name) {
		return answer{}, &apiError{kindBadData, fmt.Errorf("invalid label name: %q", name)}
	}
	return s.strings(r, func(q storage.Querier, hints *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelValues(r.Context(), name, hints, matchers...)
	})
}

// list asks for names or values of labels.
type list func(q storage.Querier, hints *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error)

// strings answers with what list gives for all selectors, sorted and each once.
func (s *Store) strings(r *http.Request, ask list) (answer, error) {
	out := []string{}
	a, err := s.metadata(r, func(q storage.Querier, of *scope) (annotations.Annotations, error) {
		if len(of.sets) == 0 {
			of.sets = [][]*labels.Matcher{nil}
		}
		var warnings annotations.Annotations
		for _, matchers := range of.sets {
			found, w, err := ask(q, &storage.LabelHints{}, matchers...)
			warnings.Merge(w)
			if err != nil {
				return warnings, err
			}
			out = append(out, found...)
		}
		out = sorted(out)
		if of.limit > 0 && len(out) > of.limit {
			out = out[:of.limit]
			warnings.Add(errors.New("results truncated due to limit"))
		}
		return warnings, nil
	})
	if err != nil {
		return a, err
	}
	a.data, err = json.Marshal(out)
	return a, err
}

// scope is what a request about series and labels is about.
type scope struct {
	start, end time.Time
	// sets are the matchers of each selector; none stand for everything.
	sets [][]*labels.Matcher
	// limit is the greatest number of results; 0 is none.
	limit int
}

func scopeOf(r *http.Request) (scope, error) {
	var of scope
	var err error
	if of.start, err = timeParam(r, "start", time.UnixMilli(math.MinInt64/2)); err != nil {
		return of, err
	}
	if of.end, err = timeParam(r, "end", time.UnixMilli(math.MaxInt64/2)); err != nil {
		return of, err
	}
	if of.end.Before(of.start) {
		return of, badParam("end", errors.New("end timestamp must not be before start time"))
	}
	if of.limit, err = limitParam(r); err != nil {
		return of, err
	}
	if of.sets, err = parser.NewParser(parser.Options{}).ParseMetricSelectors(r.Form["match[]"]); err != nil {
		return of, badParam("match[]", err)
	}
	return of, nil
}

// metadata calls ask with a querier for the scope of the request.
func (s *Store) metadata(r *http.Request, ask func(q storage.Querier, of *scope) (annotations.Annotations, error)) (answer, error) {
	of, err := scopeOf(r)
	if err != nil {
		return answer{}, err
	}
	q, err := s.db.Querier(of.start.UnixMilli(), of.end.UnixMilli())
	if err != nil {
		return answer{}, &apiError{kindExecution, err}
	}
	warnings, err := ask(q, &of)
	a := answer{}
	a.warnings, a.infos = warnings.AsStrings("", 10, 10)
	if closeErr := q.Close(); err == nil {
		err = closeErr
	}
	return a, err
}
