# The verbs of this project. `make demo` is the first thing to run, `make test` the last.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test lint types bench docs fuzz release-hash clean
.DELETE_ON_ERROR:

demo: .venv/installed
	@$(BIN)/learnt demo

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "learnt needs Python 3.11 or newer")'
	@echo "Installing learnt into .venv (once)…"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

.venv/installed-dev: .venv/installed
	@echo "Installing what the tests need (once)…"
	@$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $@

test: .venv/installed-dev lint types
	$(BIN)/python -m pytest

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed-dev
	$(BIN)/mypy

bench: .venv/installed-dev  # make bench ARGS="serving --fastapi PYTHON"
	$(BIN)/python -m benchmarks $(ARGS)

docs: .venv/installed-dev
	$(BIN)/python docs/generate.py

fuzz: .venv/installed-dev
	$(BIN)/python -m tests.fuzz

release-hash: .venv/installed-dev
	$(BIN)/python -m learnt.program.known

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
