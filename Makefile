# Every command of this repository. `make` alone prints them.

VENV     := .venv
BIN      := $(VENV)/bin
PYTHON   := $(BIN)/python
DONE     := $(VENV)/.done
PACKAGES := $(patsubst %/pyproject.toml,%,$(wildcard libs/*/pyproject.toml services/*/pyproject.toml cli/pyproject.toml sandbox/pyproject.toml))
INSTALL  := $(PYTHON) requirements/install.py
# Of the virtual environment where requirements/web.sh had to put it there, else of this machine.
NPM      := PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix web --silent
PAGE     := $(shell find web -name node_modules -prune -o -name dist -prune -o -type f ! -name '*.test.*' -print)

# Where this forbids Python to keep what it has compiled, every process would compile again what is newer than
# the set-up: the tests and whatever was edited.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo up down test test-long check lock bench bench-recorder clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(DONE)/runtime $(DONE)/packages $(DONE)/kafka $(DONE)/web ## set up what the stack needs: Python packages, Kafka, the page

setup-dev: $(DONE)/dev $(DONE)/packages $(DONE)/kafka $(DONE)/web $(DONE)/prometheus $(DONE)/chromium ## the same, with the tools for tests and checks

demo: setup ## import a recording, connect Fathom and Zoom (played here), show it all, serve until Ctrl-C
	@$(BIN)/callvault demo

up: setup ## start the whole stack and serve until Ctrl-C
	@$(BIN)/callvault up

down: setup ## stop a stack that runs in the background
	@$(BIN)/callvault down

test: setup-dev ## run all tests (ARGS="..." for pytest)
	@$(if $(ARGS),,$(NPM) test)
	@$(PYTHON) -m pytest -n 3 --dist loadscope --no-loadscope-reorder $(ARGS)

test-long: setup-dev ## connectors by every case, 500 other orders of events (STORIES=500), three hours of sound (LONG_MINUTES=180)
	@for source in fathom zoom youtube; do $(BIN)/callvault connector check $$source || exit; done
	@STORIES=$(or $(STORIES),500) $(PYTHON) -m pytest tests/properties $(ARGS)
	@LONG_MINUTES=$(or $(LONG_MINUTES),180) $(PYTHON) -m pytest -s tests/long $(ARGS)

check: setup-dev ## lint, formatting, types, import rules, message schemas
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(wildcard $(PACKAGES:%=%/src))
	$(BIN)/lint-imports
	$(PYTHON) -m pipeline_contracts.schemas --check
	$(PYTHON) web/scripts/api_types.py --check
	$(NPM) run check

lock: setup-dev ## write the hashed locks anew from what the packages ask for
	sh requirements/lock.sh $(ARGS)

bench: setup-dev ## how long a pushed call takes to its recording; the recorder's figures, quickly
	@$(PYTHON) benchmarks/webhook.py
	@$(PYTHON) benchmarks/recorder.py --quick

bench-recorder: setup-dev ## how many records a second the recorder stores
	@$(PYTHON) benchmarks/recorder.py $(ARGS)

clean: ## remove the virtual environment and all caches (no data)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A step is done again when what it read is newer than the mark it left. Bytecode is compiled here, once: where
# the environment forbids Python to write it (images often do), every start of a service would compile all anew.

$(DONE)/venv:
	@for python in python3.13 python3.12 python3.11 python3; do \
	  if $$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Making a virtual environment in $(VENV) with $$($$python --version)"; \
	    $$python -m venv $(VENV) && mkdir -p $(DONE) && touch $@; exit; \
	  fi; \
	done; \
	echo "Python 3.11 or newer with its venv module is needed (on Debian: apt install python3-venv)." >&2; exit 1

$(DONE)/uv: requirements/uv.txt $(DONE)/venv
	@echo "Installing the installer"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(DONE)/runtime: requirements/runtime.txt $(DONE)/uv
	@echo "Installing the Python packages"
	@$(INSTALL) --compile-bytecode --require-hashes -r requirements/runtime.txt
	@touch $@

$(DONE)/dev: requirements/dev.txt $(DONE)/uv
	@echo "Installing the Python packages and the tools for tests and checks"
	@$(INSTALL) --compile-bytecode --require-hashes -r requirements/dev.txt
	@touch $@

# Whichever set of packages was asked for comes first; both hold what builds ours.
$(DONE)/packages: $(PACKAGES:%=%/pyproject.toml) $(DONE)/uv | $(if $(filter setup-dev test test-long check lock bench bench-recorder,$(MAKECMDGOALS)),$(DONE)/dev,$(DONE)/runtime)
	@echo "Installing our own packages from their folders"
	@$(INSTALL) --quiet --no-deps --no-build-isolation $(addprefix --editable ./,$(PACKAGES))
	@$(PYTHON) -m compileall -q $(PACKAGES:%=%/src)
	@touch $@

$(DONE)/kafka: cli/src/callvault/embedded/kafka-jars.txt $(DONE)/packages
	@$(BIN)/callvault setup
	@touch $@

# Where one of these cannot be had all else is set up; the gateway, or the test that wants it, says what is missing.
$(DONE)/web: requirements/web.sh $(PAGE) $(DONE)/uv
	@if sh requirements/web.sh; then touch $@; fi

$(DONE)/chromium: requirements/chromium.sh | $(DONE)/dev
	@if sh requirements/chromium.sh; then touch $@; fi

$(DONE)/prometheus: requirements/prometheus.sh $(DONE)/venv
	@if sh requirements/prometheus.sh; then touch $@; fi
