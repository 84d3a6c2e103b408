"""Forecasts of statsmodels on the same work as `pilotlight accuracy`, for its --compare.

    python3 reference.py INPUT.csv OUTPUT.csv HORIZON ORIGINS PERIODS

The columns and the origins are those of reference.R. The models are ExponentialSmoothing (Holt-Winters, additive season of the first
period, damped trend; quantiles by simulation) and, up to a period of 24, ETSModel with its own intervals. Needs the Debian package
python3-statsmodels.
"""
import csv, sys, time, warnings
import numpy as np
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.holtwinters import ExponentialSmoothing

warnings.simplefilter("ignore")
QUANTILES = [0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99]


def holt_winters(y, h, period):
    season = dict(seasonal="add", seasonal_periods=period) if period > 1 else {}
    fit = ExponentialSmoothing(y, trend="add", damped_trend=True, initialization_method="estimated", **season).fit()
    paths = fit.simulate(h, repetitions=500, random_state=1)
    return fit.forecast(h), np.quantile(paths, QUANTILES, axis=1)


def ets(y, h, period):
    if period > 24:
        raise ValueError("ETSModel is too slow for a period above 24")
    season = dict(seasonal="add", seasonal_periods=period) if period > 1 else {}
    fit = ETSModel(y, error="add", trend="add", damped_trend=True, **season).fit(disp=False)
    paths = fit.simulate(h, repetitions=500, anchor="end", random_state=1)
    return fit.forecast(h), np.quantile(np.asarray(paths).reshape(h, -1), QUANTILES, axis=1)


def main():
    source, target, horizon, origins, periods = sys.argv[1:6]
    horizon, origins = int(horizon), int(origins)
    periods = [int(p) for p in periods.split(",")]
    series = {}
    with open(source, newline="") as f:
        for row in csv.DictReader(f):
            series.setdefault(row["series"], []).append(float(row["value"] or "nan"))
    with open(target, "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(["model", "series", "origin", "step", "cpu_ms", "mean"] + [f"q{q}" for q in QUANTILES])
        for name, y in series.items():
            y = np.array(y)
            for k in range(origins):
                at = len(y) - horizon * (k + 1)
                past = y[:at]
                known = np.flatnonzero(~np.isnan(past))
                past = np.interp(np.arange(at), known, past[known])
                period = periods[0] if at >= 2 * periods[0] else 1
                for model in (holt_winters, ets):
                    start = time.process_time()
                    try:
                        mean, quantiles = model(past, horizon, period)
                    except Exception as e:  # a model that cannot take the series is left out, and said
                        print(f"{model.__name__} {name} {at}: {e}", file=sys.stderr)
                        continue
                    ms = 1000 * (time.process_time() - start)
                    low = 0 if past.min() >= 0 else -np.inf
                    for i in range(horizon):
                        w.writerow(["statsmodels_" + model.__name__, name, at, i + 1, round(ms, 3), mean[i]] + list(np.maximum(quantiles[:, i], low)))


main()
