# FedCredit from a fresh clone: `make demo`, then `make test`. `make help` lists all.

PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/python -m pip -qq --disable-pip-version-check
READY := $(VENV)/.ready

# Flower neither reports its use nor looks for newer versions of itself.
export FLWR_TELEMETRY_ENABLED := 0
export FLWR_DISABLE_UPDATE_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-shot fuzz test test-long check bench clean

help: ## say what each word does
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(READY) ## create .venv in this folder (called by the others; a minute, once)
	@:

# PyTorch goes first and alone, so that a CPU build offered by an index is taken as it is. The
# build tool is pinned too, hence no build isolation.
$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "FedCredit needs Python 3.11 or newer; say which: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up .venv (about a minute, 1.5 GB; later calls skip this)."
	@$(PYTHON) -m venv $(VENV)
	@echo "  1 of 2: PyTorch and the build tool"
	@$(PIP) install -c constraints.txt torch==2.13.0 hatchling editables
	@echo "  2 of 2: FedCredit, what it needs, and its tests' tools"
	@$(PIP) install -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $(READY)
	@echo "Ready: .venv/bin/fedcredit"

demo: setup ## four banks, one scorecard, nobody reads anybody; writes demo/
	@$(VENV)/bin/fedcredit demo

demo-shot: setup ## render the demo's report at 390 and 1280 pixels into demo/ (needs Chromium)
	@$(VENV)/bin/python -m fedcredit.screenshot

# A file's tests stay together: they share what they have set up.
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist loadfile

test: setup ## everything but the long tests
	@$(VENV)/bin/python -m pytest -m "not long" $(SIDE_BY_SIDE)

test-long: setup ## the long tests: kills, fuzzing, many rounds; writes test-results/long-DATE.json
	@$(VENV)/bin/python -m pytest -m long --record test-results/long-$$(date -u +%F).json

# `make fuzz N=10000 SEED=7` repeats a run; without SEED one is drawn and printed.
N ?= 10000
SEED ?=

fuzz: setup ## N mutated messages to everything that reads; writes test-results/fuzz-DATE.json
	@$(VENV)/bin/python -m tests.fuzz $(N) $(SEED)

check: setup ## format, lint and types
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy

bench: setup ## measure on this machine; writes benchmarks/results/
	@$(VENV)/bin/python benchmarks/ckks_cost.py
	@$(VENV)/bin/python benchmarks/horizontal_vs_pooled.py
	@$(VENV)/bin/python benchmarks/deployment.py
	@$(VENV)/bin/python benchmarks/ledger_append.py
	@$(VENV)/bin/python benchmarks/ledger_verify.py
	@$(VENV)/bin/python benchmarks/evidence_batch.py
	@$(VENV)/bin/python benchmarks/rows.py
	@$(VENV)/bin/python benchmarks/table.py
	@$(VENV)/bin/python benchmarks/mlp_rounds.py
	@$(VENV)/bin/python benchmarks/tables.py

clean: ## remove demo/ and the tools' caches (not .venv)
	@rm -rf demo .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
	@find . -path ./$(VENV) -prune -o -type d -name __pycache__ -exec rm -rf {} +
