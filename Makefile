# Everything a newcomer or CI needs; `make` alone explains itself.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
# With duckdb 2.0.0 in place of the locked version; see docs/decisions/0003-duckdb-versions.md.
NEXT := .venv-duckdb2
NEXT_DUCKDB := 2.0.0

.PHONY: help demo test test-all test-duckdb2 collector check lint types bench bench-agent bench-guard bench-detection bench-tick matrix soak lock clean

help: ## Show what can be made
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: $(READY) ## Install all it needs; watch a small fleet spend, and be stopped (FOR=120 ends it after 120 s)
	@$(BIN)/manager-agent demo $(if $(FOR),--seconds $(FOR))

test: $(READY) ## Install all it needs; run the fast tests
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-all: $(READY) collector test-duckdb2 ## The slow tests too: kills, full disks, a real collector, the other DuckDB version
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow --durations=25

test-duckdb2: $(READY) ## The fast tests that use DuckDB, on 2.0.0
	@$(PYTHON) -m venv $(NEXT)
	@sed '/^duckdb==/,/# via/d' requirements.lock > $(NEXT)/requirements.txt
	@$(NEXT)/bin/pip install --quiet --no-deps --require-hashes -r $(NEXT)/requirements.txt
	@$(NEXT)/bin/pip install --quiet --no-deps duckdb==$(NEXT_DUCKDB)
	@$(NEXT)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	$(NEXT)/bin/python -m pytest -n 2 --dist loadfile -m "not slow" tests/store tests/analytics tests/api tests/flow $$(grep -lE "manager_agent\.store|tests\.harness\.(manager|facts)" tests/receiver/test_*.py)

collector: ## Build the OpenTelemetry Collector that the slow tests run (Go; once, some minutes)
	@bash deploy/collector/build.sh

check: lint types ## Lint and types, as CI runs them

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

bench: $(READY) ## Measure ingest on this machine, some minutes (ALL=1: every combination; RIVALS=1: others, too)
	$(BIN)/python -m benchmarks.ingest $(if $(ALL),--all) $(if $(RIVALS),--rivals)

bench-agent: $(READY) ## What metering costs an agent: at its start, for each call, in memory (RIVALS=1: others, too)
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.overhead $(if $(RIVALS),--rivals)

bench-guard: $(READY) ## Does a hard limit hold, whatever happens? Beside two peers, by the provider's ledger (QUICK=1: shorter)
	$(BIN)/python -m benchmarks.guard $(if $(QUICK),--quick --no-peers) $(if $(ROWS),--rows $(ROWS))

bench-detection: $(READY) ## Do the rules find loops and spikes, and leave work alone? Beside simple detectors (DAYS=7, TRACE=directory)
	$(BIN)/python -m benchmarks.detection $(if $(DAYS),--days $(DAYS)) $(if $(TRACE),--trace $(TRACE))

bench-tick: $(READY) ## What a look at the rules costs with 1, 10 and 50 M stored calls (QUICK=1: smaller)
	$(BIN)/python -m benchmarks.tick $(if $(QUICK),--quick)

matrix: $(READY) ## Real SDKs, modes and outcomes: what agent, provider and manager say of the same calls
	$(BIN)/python -m tests.matrix

soak: $(READY) ## An hour at 5,000 spans/s: does memory stay flat, does the time to an answer? (SECONDS=600 shortens it)
	$(BIN)/python -m benchmarks.soak --seconds $(or $(SECONDS),3600)

lock: ## Resolve the dependencies anew into requirements.lock (hashes, no index address)
	@$(PYTHON) -m venv $(VENV)-lock
	@$(VENV)-lock/bin/pip install --quiet uv
	@echo 'duckdb==1.5.6' > $(VENV)-lock/constraints.txt
	@$(VENV)-lock/bin/uv pip compile pyproject.toml --all-extras --group dev --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet \
		--constraint $(VENV)-lock/constraints.txt --output-file requirements.lock

clean: ## Remove what was installed and built
	rm -rf .cache $(VENV) $(VENV)-lock $(NEXT) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name it with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python's venv module is missing; on Debian: apt install python3-venv"; exit 1; }
	@echo "installing into $(VENV) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)
