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
	a, err := s.metadata(r, func(q storage.Querier, sets [][]*labels.Matcher, limit int) (annotations.Annotations, error) {
		hints := &storage.SelectHints{Func: "series"}
		found := make([]storage.SeriesSet, len(sets))
		for i, matchers := range sets {
			found[i] = q.Select(r.Context(), true, hints, matchers...)
		}
		set := storage.NewMergeSeriesSet(found, 0, storage.ChainedSeriesMerge)
		for set.Next() && (limit == 0 || len(out) < limit) {
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
	a, err := s.metadata(r, func(q storage.Querier, sets [][]*labels.Matcher, limit int) (annotations.Annotations, error) {
		if len(sets) == 0 {
			sets = [][]*labels.Matcher{nil}
		}
		var warnings annotations.Annotations
		for _, matchers := range sets {
			found, w, err := ask(q, &storage.LabelHints{}, matchers...)
			warnings.Merge(w)
			if err != nil {
				return warnings, err
			}
			out = append(out, found...)
		}
		out = sorted(out)
		if limit > 0 && len(out) > limit {
			out = out[:limit]
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

// metadata calls ask with a querier for the range and selectors of the request.
func (s *Store) metadata(
	r *http.Request, ask func(q storage.Querier, sets [][]*labels.Matcher, limit int) (annotations.Annotations, error),
) (answer, error) {
	start, err := timeParam(r, "start", time.UnixMilli(math.MinInt64/2))
	if err != nil {
		return answer{}, err
	}
	end, err := timeParam(r, "end", time.UnixMilli(math.MaxInt64/2))
	if err != nil {
		return answer{}, err
	}
	if end.Before(start) {
		return answer{}, badParam("end", errors.New("end timestamp must not be before start time"))
	}
	limit, err := limitParam(r)
	if err != nil {
		return answer{}, err
	}
	sets, err := parser.NewParser(parser.Options{}).ParseMetricSelectors(r.Form["match[]"])
	if err != nil {
		return answer{}, badParam("match[]", err)
	}
	q, err := s.db.Querier(start.UnixMilli(), end.UnixMilli())
	if err != nil {
		return answer{}, &apiError{kindExecution, err}
	}
	warnings, err := ask(q, sets, limit)
	a := answer{}
	a.warnings, a.infos = warnings.AsStrings("", 10, 10)
	if closeErr := q.Close(); err == nil {
		err = closeErr
	}
	return a, err
}
