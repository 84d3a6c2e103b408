# Makes reference_r.json: fitted values, forecasts and optimised errors of R's forecast::ets and stats::HoltWinters, for the tests of
# Holt-Winters. Needs R with the packages forecast and jsonlite:
#   Rscript reference.R > reference_r.json
# The series ship with R (package datasets): AirPassengers (Box, Jenkins and Reinsel, 1976, series G) and USAccDeaths (Brockwell and
# Davis, 1991).
suppressMessages(library(forecast))

# fixed runs ets with the given parameters and initial states, without optimising anything: refitting a model with
# use.initial.values only filters.
fixed <- function(y, model, damped, par, l, b, s) {
  spec <- ets(y, model = model, damped = damped, restrict = FALSE)
  season <- if (substr(model, 3, 3) == "N") NULL else rev(s)  # ets keeps the season in reverse order of time
  trend <- if (substr(model, 2, 2) == "N") NULL else b
  init <- c(l, trend, season)
  spec$initstate[] <- init
  spec$par <- unlist(par)
  fit <- ets(y, model = spec, use.initial.values = TRUE)
  out <- list(fitted = as.numeric(fitted(fit)))
  if (damped && substr(model, 3, 3) == "M") {
    # forecast 8.20 adds phi twice at the second step of damped models that have no closed form (etsforecast in etscalc.c adds
    # phi^(i+1), i from 0, to a sum that begins with phi), so this forecast comes from the final states by the formula.
    end <- as.numeric(tail(fit$states, 1))
    out$forecast <- (end[1] + cumsum(par$phi^(1:24)) * end[2]) * rep(rev(end[3:14]), 2)
  } else {
    out$forecast <- as.numeric(forecast(fit, h = 24, PI = FALSE)$mean)
  }
  out
}

case <- function(name, y, model, damped, alpha, beta, gamma, phi, l, b, s) {
  par <- list(alpha = alpha)
  if (substr(model, 2, 2) == "A") par$beta <- beta
  par$gamma <- gamma
  if (damped) par$phi <- phi
  out <- fixed(y, model, damped, par, l, b, s)
  c(list(name = name, model = model, damped = damped, alpha = alpha, beta = beta, gamma = gamma, phi = phi, level = l, trend = b,
         season = s, y = as.numeric(y)), out)
}

# heuristic initial states, the same for all cases of a series: first-year mean and differences or ratios.
additive <- function(y) as.numeric(y[1:12]) - mean(y[1:12])
ratio <- function(y) as.numeric(y[1:12]) / mean(y[1:12])
slope <- function(y) (mean(y[13:24]) - mean(y[1:12])) / 12

air <- AirPassengers
deaths <- USAccDeaths
cases <- list(
  case("air additive", air, "AAA", FALSE, 0.25, 0.02, 0.3, 1, mean(air[1:12]), slope(air), additive(air)),
  case("air damped", air, "AAA", TRUE, 0.4, 0.05, 0.2, 0.93, mean(air[1:12]), slope(air), additive(air)),
  case("air no trend", air, "ANA", FALSE, 0.6, 0, 0.35, 1, mean(air[1:12]), 0, additive(air)),
  case("air multiplicative", air, "AAM", FALSE, 0.3, 0.03, 0.4, 1, mean(air[1:12]), slope(air), ratio(air)),
  case("air multiplicative damped", air, "AAM", TRUE, 0.5, 0.04, 0.3, 0.9, mean(air[1:12]), slope(air), ratio(air)),
  case("deaths additive", deaths, "AAA", FALSE, 0.5, 0.01, 0.1, 1, mean(deaths[1:12]), slope(deaths), additive(deaths)),
  case("deaths no trend", deaths, "ANA", FALSE, 0.7, 0, 0.2, 1, mean(deaths[1:12]), 0, additive(deaths)),
  case("deaths multiplicative", deaths, "ANM", FALSE, 0.3, 0, 0.2, 1, mean(deaths[1:12]), 0, ratio(deaths))
)

# optimised: stats::HoltWinters minimises the squared one-step errors after the first year over its parameters, here from the
# classical start states. Its parameters become those of the error-correction form as alpha, alpha*beta, (1-alpha)*gamma.
optimised <- function(name, y, trend) {
  b <- slope(y) * trend
  offset <- 0:11 - 5.5
  best <- NULL
  for (a0 in c(0.1, 0.3, 0.6, 0.9)) for (g0 in c(0.1, 0.4, 0.8)) {
    fit <- try(HoltWinters(
      y, beta = if (trend) NULL else FALSE, l.start = mean(y[1:12]) + 5.5 * b, b.start = b, s.start = additive(y) - b * offset,
      optim.start = c(alpha = a0, beta = 0.1, gamma = g0)
    ), silent = TRUE)
    if (!inherits(fit, "try-error") && (is.null(best) || fit$SSE < best$SSE)) best <- fit
  }
  alpha <- as.numeric(best$alpha)
  beta <- if (trend) as.numeric(best$beta) else 0
  list(name = name, trend = trend, y = as.numeric(y), sse = best$SSE, alpha = alpha, beta = alpha * beta,
       gamma = (1 - alpha) * as.numeric(best$gamma), forecast = as.numeric(predict(best, 24)))
}

searches <- list(
  optimised("air additive", air, TRUE), optimised("air no trend", air, FALSE),
  optimised("deaths additive", deaths, TRUE), optimised("deaths no trend", deaths, FALSE)
)
cat(jsonlite::toJSON(list(
  made_by = paste(R.version.string, "forecast", packageVersion("forecast")),
  cases = cases, searches = searches
), auto_unbox = TRUE, digits = NA, pretty = FALSE))
