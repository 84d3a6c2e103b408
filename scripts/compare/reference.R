# Forecasts of R's forecast package on the same work as `pilotlight accuracy`, for its --compare.
#
#   Rscript reference.R INPUT.csv OUTPUT.csv HORIZON ORIGINS PERIODS [MODELS] [SECONDS]
#
# INPUT has the columns series,value; PERIODS is like 24,168; MODELS is like ets,stlf,tbats,dshw (the default). Origin k, counted from
# the latest, forecasts the HORIZON steps from n - HORIZON*(k+1) on, and the column `origin` is the 0-based index of the first of them.
# A forecast that takes longer than SECONDS (default 120) is given up and left out. Column cpu_ms is the processor time of one
# forecast, fit included. Needs the Debian package r-cran-forecast.
suppressPackageStartupMessages(library(forecast))
args <- commandArgs(TRUE)
if (length(args) < 5) stop("usage: reference.R INPUT OUTPUT HORIZON ORIGINS PERIODS [MODELS] [SECONDS]")
h <- as.integer(args[3]); origins <- as.integer(args[4])
periods <- as.integer(strsplit(args[5], ",")[[1]])
wanted <- if (length(args) > 5) strsplit(args[6], ",")[[1]] else c("ets", "stlf", "tbats", "dshw")
limit <- if (length(args) > 6) as.numeric(args[7]) else 120

# Central intervals whose ends are the quantiles .01 .05 .1 ... .9 .95 .99.
levels <- c(20, 40, 60, 80, 90, 98)
quantiles <- c(0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
asRow <- function(f) cbind(f$lower[, 6:1, drop = FALSE], f$mean, f$upper[, 1:6, drop = FALSE])

fits <- list(
  # ets takes seasons of at most 24 steps; longer ones go to stlf, which is ets on the seasonally adjusted series.
  ets = function(y, p) forecast(ets(if (p[1] <= 24) ts(y, frequency = p[1]) else ts(y)), h = h, level = levels),
  stlf = function(y, p) stlf(if (length(p) > 1) msts(y, seasonal.periods = p) else ts(y, frequency = p[1]), h = h, level = levels),
  tbats = function(y, p) forecast(tbats(msts(y, seasonal.periods = p), use.parallel = FALSE), h = h, level = levels),
  dshw = function(y, p) {
    if (length(p) < 2 || min(y) <= 0) stop("dshw needs two periods and values above 0")
    dshw(y, period1 = p[1], period2 = p[2], h = h)
  })

data <- read.csv(args[1], stringsAsFactors = FALSE)
out <- file(args[2], "w")
cat("model,series,origin,step,cpu_ms,mean,", paste0("q", quantiles, collapse = ","), "\n", sep = "", file = out)
for (s in unique(data$series)) {
  y <- data$value[data$series == s]
  n <- length(y)
  for (k in seq_len(origins) - 1) {
    at <- n - h * (k + 1)
    past <- as.numeric(na.interp(y[seq_len(at)]))
    p <- periods[at >= 2 * periods]
    if (length(p) == 0) p <- 1
    for (m in wanted) {
      start <- sum(proc.time()[1:2])
      setTimeLimit(cpu = limit, transient = TRUE)
      f <- try(suppressWarnings(fits[[m]](past, p)), silent = TRUE)
      setTimeLimit()
      ms <- 1000 * (sum(proc.time()[1:2]) - start)
      if (inherits(f, "try-error")) { message(m, " ", s, " ", at, ": ", conditionMessage(attr(f, "condition"))); next }
      rows <- if (is.null(f$lower)) matrix(rep(as.numeric(f$mean), 13), ncol = 13) else asRow(f)
      for (i in seq_len(h)) cat("r_", m, ",", s, ",", at, ",", i, ",", format(ms), ",", as.numeric(f$mean)[i], ",",
        paste(pmax(rows[i, ], if (min(past) >= 0) 0 else -Inf), collapse = ","), "\n", sep = "", file = out)
    }
  }
}
close(out)
