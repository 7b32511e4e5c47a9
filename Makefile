# The commands for working on Sluice. "make" alone lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# A recipe that fails leaves no half of a file.
.DELETE_ON_ERROR:

# Every module of the repository: the root, and nested ones whose dependencies
# must not enter it.
MODULES := $(sort $(patsubst %/,%,$(dir $(shell find . -name go.mod -not -path './.bin/*'))))
NESTED := $(filter-out .,$(MODULES))

BIN := $(CURDIR)/.bin
GOLANGCI_VERSION := v2.15.0
GOLANGCI := $(BIN)/golangci-lint-$(GOLANGCI_VERSION)
APIDIFF_VERSION := v0.0.0-20261113113407-e3970619a1a4
APIDIFF := $(BIN)/apidiff-$(APIDIFF_VERSION)
GOTESTSUM_VERSION := v1.13.0
GOTESTSUM := $(BIN)/gotestsum-$(GOTESTSUM_VERSION)
MAILAUTH_VERSION := 7.1.0

FUZZTIME ?= 30s
FUZZTOTAL ?=
FINDS ?= fail
VET ?=
RERUN ?=
CONNECTIONS ?= 150000
BENCH ?= .
SINCE ?=
RELEASE ?=
PKGS ?=
# The packages whose results depend most on the versions of the mail servers.
MTA_PKGS := ./framework/miltertest/realmta ./framework/integration ./contrib/headers ./contrib/dkim

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^##@ / { print "\n" substr($$0, 5) } /^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

##@ To work on it

.PHONY: build
build: ## Compile everything, tests with the integration tag too
	@for m in $(MODULES); do (cd $$m && go build ./... && go vet -tags integration ./...); done

.PHONY: one
one: ## Run the tests RUN of PKG, those against real MTAs too (as root)
	go test -race -count 1 -tags integration -timeout 30m -run '$(RUN)' -v $(PKG)

.PHONY: test
test: install ## Run everything: unit, integration, large, nested, fuzz
	@$(MAKE) timed-integration timed-large timed-nested timed-fuzz

.PHONY: short
short: ## Run the unit tests of the root module only
	go test -race -shuffle=on -timeout 20m ./...

.PHONY: lint
lint: $(GOLANGCI) ## Lint and check the format, the import order included
	@for m in $(MODULES); do (cd $$m && $(GOLANGCI) run --allow-parallel-runners --config $(CURDIR)/.golangci.yml ./...); done

.PHONY: fmt
fmt: $(GOLANGCI) ## Format all Go files
	@for m in $(MODULES); do (cd $$m && $(GOLANGCI) fmt --config $(CURDIR)/.golangci.yml ./...); done

.PHONY: ci
ci: ## Run all that CI runs
	@$(MAKE) timed-checks timed-servers timed-rest timed-fuzz

# The folder of trixie and a fresh Debian wait for downloads, and a newcomer for mail
# servers, while the compiler and the linter work.
.PHONY: checks
checks: install ## Build, lint, do as newcomers do, and make the folder of trixie, three at once
	@$(MAKE) RELEASE=trixie -j 3 --output-sync=target $(addprefix timed-,build mtas newcomer-install lint newcomer tidy-check)

# The servers of trixie run beside those of this machine. The names of the tests that fail
# are printed in the end of each.
.PHONY: servers
servers: $(if $(RERUN),$(GOTESTSUM)) ## Run the integration tests, and beside them those with trixie's servers
	@$(MAKE) -j 2 timed-integration timed-trixie

.PHONY: rest
rest: ## Run the large and the nested tests, both at once
	@$(MAKE) -j 2 --output-sync=target timed-large timed-nested

# timed-X makes X and prints how long that took.
timed-%:
	@echo "== $*"; SECONDS=0; $(MAKE) $*; echo "== $* ($$SECONDS s)"

.PHONY: apidiff
apidiff: $(APIDIFF) ## Compare the public packages with the last tag, or with SINCE
	@APIDIFF=$(APIDIFF) SINCE=$(SINCE) .ci/apidiff

# What .gitignore lists, but for the tools. An ignored file of another list stays.
.PHONY: clean
clean: ## Remove what test runs and builds write
	@git ls-files -z --others --ignored --exclude-from=.gitignore -- ':!.bin' | xargs -0 rm -fv --

.PHONY: clean-tools
clean-tools: ## Remove the pinned tools, which make installs anew
	rm -rf $(BIN)

##@ Parts of test and ci

# The tag adds tests and removes none, so this runs the unit tests too. A
# Postfix that is not there fails these tests; it does not skip them.
.PHONY: integration
integration: $(if $(RERUN),$(GOTESTSUM)) ## Run the unit tests and those against real MTAs (as root)
	@VET=$(VET) RERUN=$(RERUN) GOTESTSUM=$(GOTESTSUM) .ci/integration

# With the race detector these tests read less: it would take minutes.
.PHONY: large
large: ## Edit messages of 1 GiB, and record a million, in bounded memory
	go test -count 1 -timeout 30m $(if $(VET),-vet=$(VET)) -run '^(TestMemory|TestEditMemory|TestEditOnePart)$$' ./framework/message/parts -gigabyte
	go test -count 1 -timeout 30m $(if $(VET),-vet=$(VET)) -run '^TestMillion$$' ./framework/inspect -million

# The tests in a browser keep pictures, and one of them runs Postfix (as root).
.PHONY: nested
nested: ## Run the tests of the nested modules, those in a browser too
	@for m in $(NESTED); do echo "module $$m"; tags=; if [[ $$m == */browser ]]; then tags=integration; fi; \
		(cd $$m && SLUICE_SCREENSHOTS=$(BIN)/screenshots go test -race -shuffle=on -tags "$$tags" -timeout 30m $(if $(VET),-vet=$(VET)) ./...); done

.PHONY: fuzz
fuzz: ## Run each fuzz function for FUZZTIME (30s), or all for FUZZTOTAL seconds
	@FUZZTIME=$(FUZZTIME) FUZZTOTAL=$(FUZZTOTAL) FINDS=$(FINDS) .ci/fuzz

# The integration tests do it with 10,000 connections and the race detector.
.PHONY: attack
attack: ## Attack the examples with CONNECTIONS (150000) hostile connections
	go test -tags integration -count 1 -timeout 60m -v ./framework/attack -connections $(CONNECTIONS) $(ATTACK)

# Not a part of CI, for it downloads from npm. It needs Node.js.
.PHONY: dmarc-oracle
dmarc-oracle: ## Ask npm mailauth about 2,000 worlds, compare contrib/dmarc and record the answers
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix $(BIN)/mailauth mailauth@$(MAILAUTH_VERSION)
	NODE_PATH=$(BIN)/mailauth/node_modules go test -count 1 -v -run TestMailauth ./contrib/dmarc -mailauth

.PHONY: install
install: ## Install the Debian packages that the tests need (as root)
	@.ci/install

.PHONY: mtas
mtas: ## Make folders with the mail servers of RELEASE (trixie, sid) (as root)
	@.ci/mtas $(RELEASE)

.PHONY: matrix
matrix: $(if $(RERUN),$(GOTESTSUM)) ## Run the tests with the mail servers of RELEASE (all three), or PKGS of them
	@PKGS='$(PKGS)' RERUN=$(RERUN) GOTESTSUM=$(GOTESTSUM) .ci/matrix $(RELEASE)

# One package at a time, because CI runs it beside "make integration". That has the race
# detector, and here it would find the same.
.PHONY: trixie
trixie: $(if $(RERUN),$(GOTESTSUM)) ## Run what depends most on a mail server's version, with trixie's
	@PKGS='$(MTA_PKGS)' RERUN=$(RERUN) GOTESTSUM=$(GOTESTSUM) TESTFLAGS='-p 1 $(if $(VET),-vet=$(VET))' .ci/matrix trixie

.PHONY: tidy-check
tidy-check: ## Fail if a go.mod or go.sum is not tidy
	@for m in $(MODULES); do (cd $$m && go mod tidy -diff); done

.PHONY: newcomer
newcomer: install ## Do what a newcomer does, with a clone of the last commit
	@.ci/newcomer

.PHONY: newcomer-minimal
newcomer-minimal: ## Run the README's commands on a Debian with Go and git alone
	@.ci/newcomer-minimal

.PHONY: newcomer-install
newcomer-install: ## Install on such a Debian, and build with the race detector
	@.ci/newcomer-minimal install

##@ To measure and to draw

.PHONY: cover
cover: ## Write the unit tests' coverage to cover.html, print the total
	go test -coverpkg=./... -coverprofile=cover.out ./...
	go tool cover -html=cover.out -o cover.html
	@go tool cover -func=cover.out | tail -1

.PHONY: bench
bench: ## Run the benchmarks of the root module that match BENCH
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./...

.PHONY: bench-peers
bench-peers: install ## Measure Sluice beside its peers, into docs/benchmarks.md
	cd framework/benchmarks && go run ./cmd/peers -doc ../../docs/benchmarks.md $(PEERS)

.PHONY: bench-dkim
bench-dkim: install ## Measure dkimd beside OpenDKIM, into docs/benchmarks.md
	cd framework/benchmarks && go run ./cmd/dkim -doc ../../docs/benchmarks.md $(DKIM)

.PHONY: bench-async
bench-async: install ## Measure how long a client of Postfix waits for three checks, into docs/benchmarks.md
	cd framework/benchmarks && go run ./cmd/checks -doc ../../docs/benchmarks.md $(CHECKS)

.PHONY: bench-auth
bench-auth: install ## Measure SPF, DKIM and DMARC beside OpenDKIM and OpenDMARC, into docs/benchmarks.md
	cd framework/benchmarks && go run ./cmd/auth -doc ../../docs/benchmarks.md $(AUTH)

.PHONY: playground-picture
playground-picture: ## Draw docs/images/playground.svg from a run of it
	go test ./examples/playground -run TestPicture -update

.PHONY: inspect-pictures
inspect-pictures: install ## Draw docs/images/inspect-light.png and -dark.png
	cd framework/inspect/browser && go test -run TestPictures ./... -update

$(GOLANGCI):
	@mkdir -p $(BIN)
	GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv $(BIN)/golangci-lint $@

$(GOTESTSUM):
	@mkdir -p $(BIN)
	GOBIN=$(BIN) go install gotest.tools/gotestsum@$(GOTESTSUM_VERSION)
	@mv $(BIN)/gotestsum $@

$(APIDIFF):
	@mkdir -p $(BIN)
	GOBIN=$(BIN) go install golang.org/x/exp/cmd/apidiff@$(APIDIFF_VERSION)
	@mv $(BIN)/apidiff $@
