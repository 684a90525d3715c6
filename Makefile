# The two commands are `make run` and `make test`; `make help` lists the rest.

# The first python3 that runs: under pyenv the one on the PATH may be a shim with nothing behind it.
SYSTEM_PYTHON := $(shell for python in python3 /usr/bin/python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null && echo $$python && break; done)
PYTHON := .venv/bin/python
TESTS := $(PYTHON) -m pytest -m "not bench" --cov
export PYTHONPATH := $(CURDIR):$(CURDIR)/shared
# How the locks are made: one resolution for all groups, then one file with hashes for each.
UV = $(firstword $(wildcard .tools/bin/uv) uv)
COMPILE = $(UV) pip compile -q --universal --no-annotate --no-header --python-version 3.13 pyproject.toml
GROUPS := runtime renderer infra dev

.PHONY: help setup run test test-full doctor demo migrate lint bench lock clean
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup: ## set up .venv and Chromium; the other commands do it themselves
	@test -n "$(SYSTEM_PYTHON)" || { echo "No python3 from 3.9 on runs here; install Debian's package python3."; exit 1; }
	@$(SYSTEM_PYTHON) infra/local/bootstrap.py

run: setup ## start the whole system on http://127.0.0.1:8000 (PORT= for another)
	@$(PYTHON) -m infra.local.run

test: setup ## run every test, with branch coverage
	@$(TESTS)

test-full: setup ## the same tests with larger numbers
	@$(TESTS) --full

doctor: setup ## say which parts are there and answer
	@$(PYTHON) -m infra.local.doctor

demo: setup ## walk the whole path with real offers; pictures and files land in out/
	@$(PYTHON) -m infra.local.demo

migrate: setup ## bring the database up to date (DATABASE_URL= for another than our own)
	@$(PYTHON) -m infra.local.migrate

lint: setup ## ruff with every rule, mypy strict
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy

bench: setup ## measure; the last figures stand in docs/benchmarks.md
	@$(PYTHON) -m pytest -m bench tests/bench

lock: setup ## resolve the dependencies of pyproject.toml anew into layers/*.txt
	@mkdir -p build
	@$(COMPILE) $(foreach group,$(GROUPS),--group $(group)) -o build/all.txt
	@for group in $(GROUPS); do \
		$(COMPILE) --generate-hashes -c build/all.txt --group $$group -o layers/$$group.txt || exit 1; done

clean: ## remove everything that was made here, the data too
	rm -rf .venv .tools .data .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis build out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
