package promstore

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

var errHistogram = errors.New("the result holds native histograms, which this store does not answer with")

// appendValue appends the JSON of a result: its type, and points as [time, "value"]. A general encoder would spend most of the
// time of a long answer on reflection.
func appendValue(to []byte, v parser.Value) ([]byte, error) {
	to = append(to, `{"resultType":"`...)
	to = append(append(to, v.Type()...), `","result":`...)
	var err error
	switch v := v.(type) {
	case promql.Matrix:
		to, err = appendMatrix(to, v)
	case promql.Vector:
		to, err = appendVector(to, v)
	case promql.Scalar:
		to = appendPoint(to, v.T, v.V)
	case promql.String:
		to = append(appendTime(append(to, '['), v.T), ',')
		to, err = appendJSON(to, v.V)
		to = append(to, ']')
	}
	return append(to, '}'), err
}

func appendMatrix(to []byte, m promql.Matrix) ([]byte, error) {
	to = append(to, '[')
	for i := range m {
		if len(m[i].Histograms) > 0 {
			return to, errHistogram
		}
		var err error
		if to, err = appendMetric(to, i, m[i].Metric); err != nil {
			return to, err
		}
		to = append(to, `"values":[`...)
		for j, p := range m[i].Floats {
			if j > 0 {
				to = append(to, ',')
			}
			to = appendPoint(to, p.T, p.F)
		}
		to = append(to, "]}"...)
	}
	return append(to, ']'), nil
}

func appendVector(to []byte, v promql.Vector) ([]byte, error) {
	to = append(to, '[')
	for i := range v {
		if v[i].H != nil {
			return to, errHistogram
		}
		var err error
		if to, err = appendMetric(to, i, v[i].Metric); err != nil {
			return to, err
		}
		to = append(appendPoint(append(to, `"value":`...), v[i].T, v[i].F), '}')
	}
	return append(to, ']'), nil
}

// appendMetric begins the object of a series with its labels.
func appendMetric(to []byte, i int, l labels.Labels) ([]byte, error) {
	if i > 0 {
		to = append(to, ',')
	}
	to, err := appendJSON(append(to, `{"metric":`...), l)
	return append(to, ','), err
}

func appendJSON(to []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	return append(to, text...), err
}

func appendPoint(to []byte, t int64, v float64) []byte {
	to = append(appendTime(append(to, '['), t), `,"`...)
	switch {
	case math.IsInf(v, 1):
		to = append(to, "+Inf"...)
	case math.IsInf(v, -1):
		to = append(to, "-Inf"...)
	default:
		to = strconv.AppendFloat(to, v, 'f', -1, 64)
	}
	return append(to, `"]`...)
}

// appendTime writes milliseconds as seconds.
func appendTime(to []byte, t int64) []byte {
	if t < 0 {
		to = append(to, '-')
		t = -t
	}
	to = strconv.AppendInt(to, t/1000, 10)
	if ms := t % 1000; ms != 0 {
		to = append(to, '.', byte('0'+ms/100))
		if ms%100 != 0 {
			to = append(to, byte('0'+ms/10%10))
		}
		if ms%10 != 0 {
			to = append(to, byte('0'+ms%10))
		}
	}
	return to
}

// sorted returns the strings in order, each once.
func sorted(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}
