SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --warn-undefined-variables --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help

GO ?= go
# The race detector needs a C compiler; RACE= does without.
RACE ?= -race
TIMEOUT ?= 15m
# Test binaries that run at once: with more, databases and tests fight for the cores.
P ?= 2
TESTFLAGS ?=

# oracle: the first random operation, their number, the databases (all, sqlite3, postgres or mysql).
SEED ?= 1
OPS ?= 20000
DB ?= all
FUZZTIME ?= 30s
# simulation: how many histories to play, from SEED on.
HISTORIES ?= 20000
# bench-save and bench-compare: what results are kept as, what they are compared with, and which benchmarks, how often, how long.
NAME ?= new
OLD ?= old
BENCH ?= Reads/sqlite
COUNT ?= 6
BENCHTIME ?= 50ms
# faults: the servers, and by that the database.
FAULTS_DB ?= postgres,redis
ARGS ?=

# Modules of their own, which the commands of the main one don't see.
MODULES := $(patsubst %/go.mod,%,$(wildcard internal/*/go.mod internal/*/*/go.mod))

# Starts private servers for the command after "--". Built, since "go run" passes on neither signals nor the exit status.
SERVERS := bin/servers

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: lint $(SERVERS) ## Run all tests with the race detector, on SQLite, PostgreSQL, MariaDB and Redis
	$(SERVERS) -- $(GO) test $(RACE) -p $(P) -timeout $(TIMEOUT) $(TESTFLAGS) ./...
	@# The race detector would make these too slow: the model's searches, and the simulation and precision, where one goroutine runs at a time.
	$(GO) test -timeout $(TIMEOUT) $(TESTFLAGS) ./internal/model ./internal/precision
	$(GO) test -timeout $(TIMEOUT) $(TESTFLAGS) ./internal/simulation -args -histories 20000
	@# What results depend on, at length, and that each error in it is found.
	$(GO) test -timeout $(TIMEOUT) $(TESTFLAGS) -tags mutant -run 'TestFactsCoverChanges' ./cache
	@for module in $(MODULES); do \
		echo "cd $$module && $(GO) test ./..."; \
		(cd "$$module" && "$(CURDIR)/$(SERVERS)" -- $(GO) test $(RACE) -p $(P) -timeout $(TIMEOUT) $(TESTFLAGS) ./...); \
	done

.PHONY: test-quick
test-quick: ## Run the tests that need no server, without the race detector
	CI= ENTCACHE_TEST_POSTGRES= ENTCACHE_TEST_MYSQL= ENTCACHE_TEST_REDIS= $(GO) test -timeout $(TIMEOUT) $(TESTFLAGS) ./...

.PHONY: oracle
oracle: $(SERVERS) ## Compare a cached and an uncached client over random operations (SEED= OPS= DB=)
	$(SERVERS) -only $(DB) -- $(GO) run ./internal/oracle/cmd/oracle -seed $(SEED) -ops $(OPS) -db $(DB)

.PHONY: simulation
simulation: ## Play random histories of several processes, with faults (SEED= HISTORIES=)
	$(GO) test -timeout 0 -count 1 -v -run '^TestSimulation$$' ./internal/simulation -args -seed $(SEED) -histories $(HISTORIES)

.PHONY: faults
faults: $(SERVERS) ## Kill, stop and cut off real processes and Redis, and check every read (ARGS=)
	$(SERVERS) -only $(FAULTS_DB) -- $(GO) test -tags faults -timeout 0 -count 1 -v -run '^TestFaults$$' ./internal/faults -args -long $(ARGS)

# Before Go 1.27 fuzzing may end with "context deadline exceeded" and no finding (go.dev/issue/75804): that alone is no failure.
.PHONY: fuzz
fuzz: ## Run every fuzz test for FUZZTIME=
	@log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	for dir in $$(grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u); do \
		for name in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$$dir"/*_test.go | cut -c6- | sort -u); do \
			echo "$$dir $$name"; \
			(cd "$$dir" && $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) .) 2>&1 | tee "$$log" || \
				grep -A1 '^--- FAIL: Fuzz' "$$log" | grep -qx '    context deadline exceeded'; \
		done; \
	done

.PHONY: generate
generate: ## Generate code again
	$(GO) generate ./...

.PHONY: example
example: ## Run the example shop (ARGS=)
	$(GO) run ./example/shop $(ARGS)

.PHONY: example-processes
example-processes: ## Run the example shop in several processes, with Redis (ARGS=)
	$(GO) run ./example/processes $(ARGS)

.PHONY: bench
bench: $(SERVERS) ## Measure reads uncached, as hits of each level and as misses (ARGS=-full; ARGS=-remote for several processes)
	@cd internal/benchmarks && $(GO) build -o "$(CURDIR)/bin/table" ./cmd/table
	$(SERVERS) -only postgres -- bin/table $(ARGS)

.PHONY: bench-save
bench-save: $(SERVERS) ## Keep results of benchmarks in bin/bench as NAME= (BENCH= COUNT= BENCHTIME=)
	@mkdir -p bin/bench
	@cd internal/benchmarks && $(GO) test -c -o "$(CURDIR)/bin/bench/test" .
	@# One after the other and all again, so that what disturbs the machine for a while disturbs no benchmark's every run.
	$(SERVERS) -only postgres -- $(SHELL) $(.SHELLFLAGS) 'for i in $$(seq $(COUNT)); do \
		bin/bench/test -test.run "^$$" -test.bench "$(BENCH)" -test.benchtime $(BENCHTIME); done | tee bin/bench/$(NAME).new'
	@mv bin/bench/$(NAME).new bin/bench/$(NAME).txt

.PHONY: bench-compare
bench-compare: ## Compare what bench-save kept as OLD= and as NAME=
	@cd internal/benchmarks && $(GO) tool benchstat $(OLD)="$(CURDIR)/bin/bench/$(OLD).txt" $(NAME)="$(CURDIR)/bin/bench/$(NAME).txt"

.PHONY: precision
precision: ## Measure how far the cache is from a perfect one, beside others (ARGS=)
	$(GO) run ./internal/precision/cmd/precision -operations 100000 $(ARGS)

.PHONY: lint
lint: ## Check formatting, and run go vet
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt -w is needed:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	@for module in $(MODULES); do echo "cd $$module && $(GO) vet ./..."; (cd "$$module" && $(GO) vet ./...); done

.PHONY: clean
clean: ## Remove what the other targets built
	rm -rf bin
	$(GO) clean -testcache

# Built each time: Go knows best whether something has changed.
.PHONY: $(SERVERS)
$(SERVERS):
	@$(GO) build -buildvcs=false -o $@ ./internal/testdb/cmd/servers
