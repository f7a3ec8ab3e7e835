# Everything that is done to this repository is a target here; CI calls nothing else.

GO ?= go
GOLANGCI_VERSION := v2.15.0
GOLANGCI := bin/golangci-lint-$(GOLANGCI_VERSION)
GOTESTSUM_VERSION := v1.13.0
GOTESTSUM := bin/gotestsum-$(GOTESTSUM_VERSION)
# HELM= names another helm; compiling it takes minutes.
HELM_VERSION := v3.22.0
HELM ?= $(CURDIR)/bin/helm-$(HELM_VERSION)
KUBECONFORM_VERSION := v0.8.0
KUBECONFORM := bin/kubeconform-$(KUBECONFORM_VERSION)
KUBESCORE_VERSION := v1.20.0
KUBESCORE := bin/kube-score-$(KUBESCORE_VERSION)

# The list of modules has one owner: go.work.
MODULES = $(shell $(GO) list -m -f '{{.Dir}}')
# A module is tidied after those that it needs.
TIDY_FIRST = $(filter %/schemas %/pkg,$(MODULES)) $(filter-out %/cmd/murmur %/e2e %/schemas %/pkg,$(MODULES))

TESTFLAGS ?=
# RETRY=1, as in CI, runs a test that failed once more, alone, and names it at the end:
# a machine that stands still for seconds fails tests that wait. Not if a data race was
# found or several fail, and never a schedule of faults or a simulation: whatever is lost
# there was lost.
RETRY ?=
RETRY_MOST := 3
RETRIED := .murmuration/retried
# TEST runs tests: name, flags, packages.
TEST = $(if $(RETRY),$(GOTESTSUM) --format standard-quiet --rerun-fails=1 --rerun-fails-max-failures $(RETRY_MOST) \
	--rerun-fails-run-root-test --rerun-fails-abort-on-data-race --rerun-fails-report $(RETRIED)-$(strip $1) \
	--packages "$3" -- $2 $(TESTFLAGS),$(GO) test $2 $(TESTFLAGS) $3)
TELL_RETRIED = if [ -n "$(RETRY)" ] && [ -n "$$(cat $(RETRIED)-* 2>/dev/null)" ]; then echo "PASSED ONLY WHEN RUN AGAIN, if at all:"; cat $(RETRIED)-*; fi
BENCH ?= .
# How long each fuzz target runs, after its kept inputs.
FUZZTIME ?= 10s
# The slowest package takes a minute under the race detector on two cores.
TEST_TIMEOUT := 15m
# The container tests kill and restart brokers and databases, which take seconds to come back.
E2E_TIMEOUT := 45m
# One package after the other: each starts brokers and databases. The other tests
# of the module need no containers and are not run again.
# E2E_PACKAGES= chooses among them.
ALL_E2E = $(shell grep -rl --include='*_test.go' '^//go:build e2e' e2e | xargs -n 1 dirname | sort -u | sed 's|^|./|')
E2E_PACKAGES = $(ALL_E2E)
E2E_OTHERS = $(filter-out ./e2e/fault/drill,$(E2E_PACKAGES))
E2E = $(if $(E2E_OTHERS),$(call TEST,containers,-tags e2e -p 1 -count 1 -timeout $(E2E_TIMEOUT),$(E2E_OTHERS)),true) && $(if $(filter ./e2e/fault/drill,$(E2E_PACKAGES)),$(DRILL),true)
E2E_LEFT_OUT = $(filter-out $(E2E_PACKAGES),$(ALL_E2E))
# Schedules of faults tell their seeds, what was injected and what came of it. SEED,
# FAULTS, DURATION and RATE ask for one schedule of that size and for nothing else.
DRILL = $(GO) test -tags e2e -count 1 -v -timeout $(DRILL_TIMEOUT) $(TESTFLAGS) ./e2e/fault/drill
DRILL_TIMEOUT := 3h
LONG_RUN = $(strip $(SEED)$(FAULTS)$(DURATION)$(RATE))

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## Run everything in one process and place orders, until Ctrl-C
	$(GO) run ./cmd/murmur demo

.PHONY: build
build: ## Build the command and the services into bin/
	@mkdir -p bin
	$(GO) build -trimpath -o bin/ $$(for d in cmd/murmur services/*/cmd/*; do if compgen -G "$$d/*.go" >/dev/null; then echo ./$$d; fi; done)

.PHONY: image
image: ## Build the container images (VERSION, BASE, ARCH: see deploy/docker/build.sh)
	@deploy/docker/build.sh

# What there is of Docker's compose, the plugin first.
COMPOSE ?= $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
# The addresses of order, payment and inventory in compose.yaml.
UP_READY = http://127.0.0.1:9180/readyz http://127.0.0.1:9181/readyz http://127.0.0.1:9182/readyz

.PHONY: up
up: ## Run everything in containers (needs Docker; BASE=scratch builds offline)
	@TAG=dev deploy/docker/build.sh
	$(COMPOSE) up -d
	@echo "waiting until all services are ready"
	@for url in $(UP_READY); do curl -fsS --retry 120 --retry-delay 1 --retry-all-errors -o /dev/null "$$url" 2>/dev/null || { echo "$$url does not get ready: see $(COMPOSE) logs"; exit 1; }; done
	@echo "ready: orders at http://127.0.0.1:8080; try: $(GO) run ./cmd/murmur status --data deploy/docker"

.PHONY: down
down: ## Stop the containers of make up; what they keep stays (docker volume)
	$(COMPOSE) down

.PHONY: test
test: $(if $(RETRY),$(GOTESTSUM)) ## Test every module with the race detector; with a Docker Engine, the container tests too
	@mkdir -p $(dir $(RETRIED)); rm -f $(RETRIED)-*; trap '$(TELL_RETRIED)' EXIT; \
	code=0; $(call TEST,unit,-race -timeout $(TEST_TIMEOUT),work) || code=$$?; \
	if [ $$code -ne 0 ]; then \
		echo "Container tests: NOT RUN, since the tests above failed."; \
		exit $$code; \
	elif docker info >/dev/null 2>&1; then \
		{ $(E2E); } || { echo "Container tests: FAILED"; exit 1; }; \
		echo "Container tests: run, on Docker Engine $$(docker version -f '{{.Server.Version}}'): $(E2E_PACKAGES)"; \
		[ -z "$(strip $(E2E_LEFT_OUT))" ] || echo "NOT RUN, since left out: $(E2E_LEFT_OUT). 'make e2e' runs them all."; \
	else \
		echo "Container tests: NOT RUN, since no Docker Engine answers."; \
		echo "Start one and run 'make e2e': real brokers and databases, killed and cut off."; \
	fi; \
	echo "Kubernetes tests: NOT RUN here. 'make kubernetes' runs them on the cluster that KUBECONFIG names."

.PHONY: e2e
e2e: ## Run the container tests alone, or SEED=, FAULTS=, DURATION= of faults (needs a Docker Engine)
	$(if $(LONG_RUN),$(DRILL) -run '^TestSchedule',$(E2E))

# What it needs, and how images get into the cluster: e2e/kubernetes/doc.go.
KUBERNETES_TIMEOUT := 45m
.PHONY: kubernetes
kubernetes: ## Test the chart on the cluster of KUBECONFIG (needs kubectl, helm and a Docker Engine)
	$(GO) test -tags kubernetes -count 1 -v -timeout $(KUBERNETES_TIMEOUT) $(TESTFLAGS) ./e2e/kubernetes

# What is explored and how far: e2e/model/doc.go. PROVEFLAGS=-deep lets more faults
# meet in one run, for minutes and gigabytes.
PROVEFLAGS ?=
.PHONY: prove
prove: ## Explore every interleaving of one order, and of two for one SKU, and prove what must hold
	$(GO) test -count 1 -timeout 60m -v -run '^TestProve' ./e2e/model $(PROVEFLAGS)

.PHONY: mutants
mutants: ## Plant defects in choreography and hops and list which tool finds each, in what time
	$(GO) run ./e2e/mutant

# DEFECTS=regexp chooses among them; all take half an hour.
DEFECTS ?=
.PHONY: mutants-stack
mutants-stack: ## Plant what breaks the two hops, and show which test on Kafka and PostgreSQL finds each (needs a Docker Engine)
	$(GO) run ./e2e/mutant -stack -run '$(DEFECTS)'

# A run in CI takes 100,000. Each begins at another seed, beside the fixed ones.
SEEDS ?= 10000
SIM_FIRST ?= $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')

.PHONY: sim
sim: ## Simulate SEEDS schedules of faults, and one real day (SIM_FIRST=seed repeats a run)
	@first=$(SIM_FIRST); echo "make sim SEEDS=$(SEEDS) SIM_FIRST=$$first repeats this run"; \
	SIM_FIRST=$$first SIM_SEEDS=$(SEEDS) $(GO) test -p 1 -count 1 -timeout $(TEST_TIMEOUT) -v -run '^TestSimulation_' $(TESTFLAGS) ./pkg/sim ./e2e/sim

.PHONY: lint
lint: check-format check-code build-isolated ## Check format, code, and that each module builds alone

.PHONY: check-format
check-format:
	@unformatted=$$(gofmt -l $(MODULES)); \
	if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w:"; echo "$$unformatted"; exit 1; fi

# golangci-lint runs go vet's analyzers, with more of them enabled.
.PHONY: check-code
check-code: $(GOLANGCI)
	$(GOLANGCI) run --allow-parallel-runners $$($(GO) list -m -f '{{.Dir}}/...')

.PHONY: build-isolated
build-isolated: ## Build and vet each module by its own go.mod, as its users do
	@broken=; for module in $(MODULES); do \
		echo "GOWORK=off go build and vet in $${module#$(CURDIR)/}"; \
		(cd $$module && GOWORK=off $(GO) build ./... && GOWORK=off $(GO) vet ./...) || broken+=" $${module#$(CURDIR)/}"; \
	done; \
	if [ -n "$$broken" ]; then echo "cannot be built alone:$$broken"; exit 1; fi

CHART := deploy/helm/murmuration
# What a helm from Go's modules would otherwise take for an old one.
KUBERNETES_VERSION := 1.33.13
# Exceptions: Always would make the registry of images part of every restart, and tags
# are versions; pods are spread by topologySpreadConstraints, which kube-score does not
# look at.
KUBESCORE_FLAGS := --kubernetes-version v1.33 --output-format ci \
	--enable-optional-test container-seccomp-profile --enable-optional-test container-ports-check \
	--ignore-test container-image-pull-policy --ignore-test deployment-has-host-podantiaffinity

.PHONY: chart
chart: $(HELM) $(KUBECONFORM) $(KUBESCORE) ## Lint the Helm chart, and render and validate it over its table of values
	for values in values values-production; do \
		$(HELM) lint --strict --kube-version $(KUBERNETES_VERSION) --values $(CHART)/$$values.yaml $(CHART); \
		$(HELM) template shop $(CHART) --kube-version $(KUBERNETES_VERSION) --values $(CHART)/$$values.yaml | \
			$(KUBECONFORM) -strict -summary -kubernetes-version $(KUBERNETES_VERSION) -schema-location 'e2e/chart/testdata/kinds/{{.ResourceKind}}{{.KindSuffix}}.json'; \
	done
	$(HELM) template shop $(CHART) --kube-version $(KUBERNETES_VERSION) --values $(CHART)/values-production.yaml | \
		$(KUBESCORE) score $(KUBESCORE_FLAGS) - | (! grep -E '^\[(WARNING|CRITICAL)\]')
	HELM=$(HELM) $(GO) test -count 1 ./e2e/chart/...

.PHONY: bench
bench: ## Measure the whole platform, then its parts (BENCH=regexp chooses among them)
	$(GO) run ./cmd/murmur bench --suite
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -timeout $(TEST_TIMEOUT) $(TESTFLAGS) work

# What is measured, and against what: e2e/bench/realstack. It takes six minutes;
# BENCHFLAGS='-rounds 1 -paced 10s -burst 300' is short, -help lists all.
BENCHFLAGS ?=
.PHONY: bench-stack
bench-stack: ## Measure orders on Apache Kafka and PostgreSQL in containers (needs a Docker Engine)
	$(GO) run -tags e2e ./e2e/bench/realstack $(BENCHFLAGS)

# What is needed and what can be chosen: e2e/bench/peers.sh. PEERS=murmuration:drain:1
# is the shortest run; with 20 kills it takes half an hour.
.PHONY: bench-peers
bench-peers: ## Measure the relay beside other outboxes (needs the bench of peers: BENCH=folder)
	e2e/bench/peers.sh .murmuration/bench-peers

# -list tells the targets, so that none has to be written down. An input that
# tells something new is made smaller for a second only.
.PHONY: fuzz
fuzz: ## Fuzz every decoder, each for FUZZTIME
	@packages=$$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); \
	for package in $$packages; do \
		listed=$$($(GO) test -list '^Fuzz' $$package); \
		for target in $$(grep '^Fuzz' <<<"$$listed"); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $(TESTFLAGS) $$package; \
		done; \
	done

.PHONY: generate
generate: ## Write the generated files anew
	$(GO) generate work

# A digest of the tree, so that it also works before a commit.
DIGEST = git ls-files -co --exclude-standard -z | sort -z | while IFS= read -r -d '' f; do if [ -f "$$f" ]; then sha256sum "$$f"; fi; done

.PHONY: verify
verify: ## Check that the generated files are what generate writes
	@before=$$(mktemp); trap 'rm -f "$$before"' EXIT; \
	$(DIGEST) >"$$before"; \
	$(MAKE) --no-print-directory generate; \
	if ! $(DIGEST) | diff "$$before" - ; then echo "generated files are stale: commit what 'make generate' wrote"; exit 1; fi

.PHONY: tidy
tidy: ## Tidy every go.mod, needed modules first
	@for module in $(TIDY_FIRST) $(filter %/cmd/murmur,$(MODULES)) $(filter %/e2e,$(MODULES)); do \
		echo "go mod tidy in $${module#$(CURDIR)/}"; \
		(cd $$module && GOWORK=off $(GO) mod tidy); \
	done

.PHONY: tools
tools: $(GOLANGCI) $(GOTESTSUM) $(HELM) $(KUBECONFORM) $(KUBESCORE) ## Install the pinned tools into bin/

# Renamed with its version, so that a new version is installed by itself.
$(GOLANGCI):
	@mkdir -p bin
	GOBIN=$(CURDIR)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv bin/golangci-lint $@

$(GOTESTSUM):
	@mkdir -p bin
	GOBIN=$(CURDIR)/bin $(GO) install gotest.tools/gotestsum@$(GOTESTSUM_VERSION)
	mv bin/gotestsum $@

$(CURDIR)/bin/helm-$(HELM_VERSION):
	@mkdir -p bin
	GOBIN=$(CURDIR)/bin $(GO) install helm.sh/helm/v3/cmd/helm@$(HELM_VERSION)
	mv bin/helm $@

$(KUBECONFORM):
	@mkdir -p bin
	GOBIN=$(CURDIR)/bin $(GO) install github.com/yannh/kubeconform/cmd/kubeconform@$(KUBECONFORM_VERSION)
	mv bin/kubeconform $@

$(KUBESCORE):
	@mkdir -p bin
	GOBIN=$(CURDIR)/bin $(GO) install github.com/zegl/kube-score/cmd/kube-score@$(KUBESCORE_VERSION)
	mv bin/kube-score $@

.PHONY: clean
clean: ## Remove what was built and what local runs left
	rm -rf bin .murmuration
