package promstore

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
)

// lookback reads how long a last value is repeated.
func lookback(r *http.Request) (promql.QueryOpts, error) {
	if r.FormValue("lookback_delta") == "" {
		return promql.NewPrometheusQueryOpts(false, 0), nil
	}
	delta, err := durationParam(r, "lookback_delta")
	return promql.NewPrometheusQueryOpts(false, delta), err
}

func limitParam(r *http.Request) (int, error) {
	text := r.FormValue("limit")
	if text == "" {
		return 0, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil {
		return 0, badParam("limit", err)
	}
	if limit < 0 {
		return 0, badParam("limit", errors.New("limit must be non-negative"))
	}
	return limit, nil
}

// timeParam reads Unix seconds or RFC 3339; without a fallback the parameter must be there.
func timeParam(r *http.Request, name string, fallback time.Time) (time.Time, error) {
	text := r.FormValue(name)
	if text == "" && !fallback.IsZero() {
		return fallback, nil
	}
	// Millisecond times must stay inside an int64, with room for lookbacks.
	const most = math.MaxInt64 / 1000 / 4
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(seconds) < most {
		whole, part := math.Modf(seconds)
		return time.Unix(int64(whole), int64(math.Round(part*1000))*int64(time.Millisecond)).UTC(), nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, badParam(name, fmt.Errorf("cannot parse %q to a valid timestamp", text))
	}
	return at, nil
}

// durationParam reads seconds or a duration such as 5m.
func durationParam(r *http.Request, name string) (time.Duration, error) {
	text := r.FormValue(name)
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if nanos := seconds * float64(time.Second); math.Abs(nanos) < math.MaxInt64 {
			return time.Duration(nanos), nil
		}
		return 0, badParam(name, fmt.Errorf("cannot parse %q to a valid duration. It overflows int64", text))
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, badParam(name, fmt.Errorf("cannot parse %q to a valid duration", text))
	}
	return time.Duration(d), nil
}
