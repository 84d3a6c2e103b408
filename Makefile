# Pilotlight. `make help` lists the targets. Only Go is needed, except where a target says otherwise.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export GOFLAGS ?= -buildvcs=false

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X github.com/prometheus/common/version.Version=$(VERSION)
TOOLS   := $(CURDIR)/.cache/tools
# The cache is this folder's own: a shared one reports findings under the paths of another checkout, where the exclusions miss them.
LINT    := GOLANGCI_LINT_CACHE=$(CURDIR)/.cache/lint $(TOOLS)/golangci-lint
ARGS    ?=
comma   := ,

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/pilotlight
	go build -ldflags '$(LDFLAGS)' -o bin/pilotlight ./cmd/pilotlight

.PHONY: demo
demo: build ## Run the demo; ARGS=--once ends it with the summary
	bin/pilotlight demo $(ARGS)

.PHONY: test
test: ## Run the tests
	go test ./...

.PHONY: test-race
test-race: ## Run the tests with the race detector, in random order (fewer random cases)
	go test -race -short -shuffle=on ./...

.PHONY: test-prometheus
test-prometheus: build ## Run the daemon and its collector against a real Prometheus (Debian package prometheus)
	go test -tags realprom -count=1 ./collectors/prometheus/... ./internal/e2e

.PHONY: test-replay
test-replay: ## Check that decisions never look ahead and repeat byte for byte
	go test -tags replay -count=1 ./internal/e2e

.PHONY: test-crash
test-crash: ## Kill the daemon 50 times in the middle of its work and count what is left
	go test -tags crash -count=1 -timeout 20m ./internal/e2e

.PHONY: test-faults
test-faults: ## Let each actuator fail in each way at each moment of a write, and kill the process in between
	go test -count=1 ./internal/e2e/faults/... -kinds

.PHONY: test-faults-all
test-faults-all: ## The same, with each fault on the wire also several times in a row
	go test -count=1 ./internal/e2e/faults/... -all

.PHONY: test-advisor
test-advisor: ## Let a scripted model give good, hostile and broken answers to the advisor, and measure what its advice is worth
	go test -count=1 ./predictor/advisor/... ./internal/advice
	go test -tags planted -count=1 -v ./internal/e2e/planted

.PHONY: test-kube
test-kube: ## Run the Kubernetes and Knative actuators against a real kube-apiserver and etcd (builds them the first time)
	dir=$$(scripts/controlplane.sh) && PILOTLIGHT_CONTROL_PLANE=$$dir go test -tags kube -count=1 -timeout 10m ./internal/e2e/kube/...

.PHONY: fuzz
fuzz: ## Fuzz every parser, FUZZTIME each (default 10s)
	scripts/fuzz.sh $(or $(FUZZTIME),10s)

.PHONY: bench
bench: ## Run the benchmarks
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: bench-backtest
bench-backtest: ## Backtest 1,000 functions; TRACE=folder names the trace that they are made of
	PILOTLIGHT_BENCH_TRACE=$(abspath $(TRACE)) go test ./internal/app -run '^$$' -bench '^BenchmarkBacktest$$' -benchtime 1x -benchmem -timeout 30m

.PHONY: bench-fleet
bench-fleet: ## Measure forecasts for fleets of 10k, 100k and 1M targets (FLEET=10000 for a small one; 1M needs 12 GB)
	go test -run '^$$' -bench Fleet -benchtime 2x -timeout 60m ./predictor -fleet $(or $(FLEET),10000$(comma)100000$(comma)1000000)

.PHONY: compare
compare: build ## Score forecasts beside those of R and statsmodels: INPUT=F.csv HORIZON=48 ORIGINS=1 PERIODS=24,168 (Debian: r-cran-forecast, python3-statsmodels)
	mkdir -p .cache
	Rscript scripts/compare/reference.R $(INPUT) .cache/r.csv $(HORIZON) $(ORIGINS) $(PERIODS) $(RMODELS)
	/usr/bin/python3 scripts/compare/reference.py $(INPUT) .cache/python.csv $(HORIZON) $(ORIGINS) $(PERIODS)
	(cat .cache/r.csv; tail -n +2 .cache/python.csv) > .cache/compare.csv
	bin/pilotlight accuracy --input $(INPUT) --horizon $(HORIZON) --origins $(ORIGINS) --period $(PERIODS) --compare .cache/compare.csv

$(TOOLS)/.stamp: tools/go.mod tools/go.sum
	mkdir -p $(TOOLS)
	cd tools && go build -o $(TOOLS)/ github.com/golangci/golangci-lint/v2/cmd/golangci-lint golang.org/x/tools/cmd/deadcode
	touch $@

.PHONY: lint
lint: $(TOOLS)/.stamp ## Run golangci-lint and deadcode (pinned in tools/go.mod)
	$(LINT) run ./...
	scripts/deadcode.sh $(TOOLS)/deadcode

.PHONY: fmt
fmt: $(TOOLS)/.stamp ## Format the code
	$(LINT) fmt ./...

.PHONY: openapi
openapi: ## Write api/openapi.json anew from the Go types
	go test ./api -run OpenAPI -update

.PHONY: check
check: lint test-race ## Everything CI checks without other programs
	go vet ./...
	go mod tidy -diff
