# Every target sets up what it needs; what is set up stays until its inputs change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SEED ?= 0

# Idle OpenMP threads sleep: the verifier's processes and the trainer share the cores.
export OMP_WAIT_POLICY := passive
# Tests start processes of their own; `verirl train` sets the threads of its own run.
test test-slow: export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help install check test test-slow docs demo bench clean
.DELETE_ON_ERROR:

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY) ## Set up: Debian packages, .venv, pinned Python packages

$(READY): pyproject.toml constraints.txt third_party/apt.txt third_party/setup.sh
	@PYTHON='$(PYTHON)' VENV='$(VENV)' bash third_party/setup.sh
	@touch $@

check: $(READY) ## Lint, formatting, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(READY) ## The fast tests
	$(BIN)/pytest -m 'not slow'

test-slow: $(READY) ## The slow tests alone
	$(BIN)/pytest -m slow

docs: $(READY) ## The documentation site, in build/site; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo build/site/index.html

demo: $(READY) ## Train a small model on checked tasks and report what it learned (SEED=0)
	$(BIN)/verirl train quickstart --set seed=$(SEED) --run runs/quickstart-$(SEED)-$$(date +%Y%m%d-%H%M%S)

bench: $(READY) ## Every measurement in bench/, one after the other
	@set -e; for script in $$(grep -l "^def main" bench/*.py); do echo "== $$script"; $(BIN)/python $$script; done

clean: ## Remove the environment and the caches; runs/ stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
