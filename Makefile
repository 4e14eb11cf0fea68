# Everything a person does with this repository. `make help` lists it.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-versions test-installs test-stack lint sbom bench bench-quick generate engines stack demo-stack

help:  ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("otelml needs Python 3.10 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 10) else 0)'
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@echo "installing otelml and what the demo needs (about a minute)"
	@$(BIN)/python -m pip install --quiet --editable '.[all]'
	@touch $@

$(VENV)/.installed-dev: $(STAMP)
	@echo "installing what the tests need"
	@# All of it once more: where an index has half of a release, one step alone would mix two.
	@$(BIN)/python -m pip install --quiet --editable '.[all]' --group test --group lint --group generate
	@touch $@

demo: $(STAMP)  ## Run the demo service, traffic and the viewer; Ctrl-C ends all
	@exec $(BIN)/otelml demo $(ARGS)

test: $(VENV)/.installed-dev  ## Run the quick tests (installs Chromium by apt-get where root)
	@./tests/install-browser
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not stack" $(ARGS)

test-all: $(VENV)/.installed-dev  ## Run what `make test` and `make test-stack` leave out, with the engines (Chromium, Node, Java by apt-get where root)
	@./tests/install-browser
	@./tests/install-node
	@./tests/install-kafka
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "slow and not stack" $(ARGS)
	$(MAKE) test-versions ARGS=
	@$(PYTHON) -m engines.build
	$(BIN)/python -m pytest -m "stack and heavy" $(ARGS)

test-versions: $(VENV)/.installed-dev  ## Run quick tests with the lowest, middle and newest versions (ARGS=--all: each SDK)
	$(BIN)/python -m tests.installs.versions $(ARGS)

test-installs: $(VENV)/.installed-dev  ## Install a small service with each Python, pip and uv there is, and count what it sends
	$(BIN)/python -m tests.installs.matrix $(ARGS)

test-stack: $(VENV)/.installed-dev  ## Run the tests that need the real engines
	@$(PYTHON) -m engines.build --tools
	@./tests/install-browser
	@./tests/install-kafka
	@./tests/install-postgresql
	@./tests/install-node
	$(BIN)/python -m pytest -m "stack and not heavy" $(ARGS)

lint: $(VENV)/.installed-dev  ## Check style, types, layers, generated files, licences of all parts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check
	$(BIN)/python -m grafana.generate --check
	$(BIN)/python deploy/generate.py --check
	$(BIN)/python -m licenses

sbom: $(VENV)/.installed-dev  ## Write sbom.json: every part with its licence, CycloneDX (ARGS=FILE: elsewhere)
	$(BIN)/python -m licenses.sbom $(ARGS)

bench: $(VENV)/.installed-bench  ## Measure every figure of the performance targets (ARGS="--only drift,monitor": some)
	$(BIN)/python -m benchmarks $(ARGS)

bench-quick: $(VENV)/.installed-bench  ## The same with fewer repeats (the last part needs make engines)
	$(BIN)/python -m benchmarks --quick $(ARGS)

$(VENV)/.installed-bench: $(VENV)/.installed-dev
	@$(BIN)/python -m pip install --quiet --editable '.[all]' --group test --group lint --group generate --group bench
	@touch $@

engines:  ## Build the real engines: Collector, Prometheus, Jaeger, VictoriaLogs, Alertmanager (needs Go)
	@$(PYTHON) -m engines.build $(ARGS)

stack:  ## Run the whole stack without containers; Ctrl-C ends all (ARGS=--secure: over TLS)
	@$(PYTHON) -m engines.build
	@exec $(PYTHON) -m engines.stack $(ARGS)

demo-stack: $(STAMP)  ## Run the stack, the demo service and traffic; Ctrl-C ends all
	@$(PYTHON) -m engines.build
	@exec $(BIN)/python -m engines.demo $(ARGS)

generate: $(VENV)/.installed-dev  ## Write the generated documents, dashboards, rules and runbooks
	$(BIN)/python docs/generate.py
	$(BIN)/python -m grafana.generate
	$(BIN)/python deploy/generate.py
