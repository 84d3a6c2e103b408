"""Makes reference_py.json: fitted values, forecasts and optimised errors of statsmodels' ETSModel, for the tests of Holt-Winters.

Needs Python with statsmodels, and reference_r.json beside it, whose series and initial states it uses:
    /usr/bin/python3 reference.py > reference_py.json
Every case has given initial states, so that only the smoothing parameters are searched for.

With a multiplicative season statsmodels 0.13.5 divides the error by the new level when it updates the season, unlike its own
documentation and R, which divide by the old level plus trend. Such cases are left out of the exact comparison.
"""

import json
import warnings

import numpy as np
import pandas as pd
import statsmodels
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

warnings.simplefilter("ignore")


def build(case):
    trend, season = case["model"][1] == "A", case["model"][2]
    return ETSModel(
        pd.Series(np.array(case["y"], dtype=float)), error="add", trend="add" if trend else None, damped_trend=case["damped"],
        seasonal="mul" if season == "M" else "add", seasonal_periods=12, initialization_method="known",
        initial_level=case["level"], initial_trend=case["trend"] if trend else None, initial_seasonal=np.array(case["season"]),
    )


def fixed(case):
    model = build(case)
    names = {"smoothing_level": "alpha", "smoothing_trend": "beta", "smoothing_seasonal": "gamma", "damping_trend": "phi"}
    params = [case[names[n]] if n in names else v for n, v in zip(model.param_names, model.start_params)]
    result = model.smooth(params)
    out = {k: case[k] for k in ("name", "model", "damped", "alpha", "beta", "gamma", "phi", "level", "trend", "season", "y")}
    out["fitted"] = [float(v) for v in result.fittedvalues]
    out["forecast"] = [float(v) for v in result.forecast(24)]
    return out


def search(case):
    trend = case["model"][1] == "A"
    model = build(case)
    best = None
    for alpha in (0.1, 0.4, 0.8):
        for gamma in (0.02, 0.15):
            start = [alpha] + ([0.01] if trend else []) + [gamma] + ([0.95] if case["damped"] else [])
            # The known initial states are parameters too, held by the model at their values.
            start = np.array(start + list(model.start_params[len(start):]))
            fit = model.fit(start_params=start, disp=False, maxiter=2000)
            if best is None or fit.sse < best.sse:
                best = fit
    return {
        "name": case["name"], "model": case["model"], "damped": case["damped"], "level": case["level"], "trend": case["trend"],
        "season": case["season"], "y": case["y"], "sse": float(best.sse), "alpha": float(best.alpha),
        "beta": float(best.beta) if trend else 0.0, "gamma": float(best.gamma),
        "phi": float(best.phi) if case["damped"] else 1.0,
        "forecast": [float(v) for v in best.forecast(24)],
    }


with open("reference_r.json", encoding="utf-8") as f:
    cases = json.load(f)["cases"]
print(json.dumps({"made_by": "statsmodels " + statsmodels.__version__, "cases": [fixed(c) for c in cases if c["model"][2] == "A"], "searches": [search(c) for c in cases]}))
