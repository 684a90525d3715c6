# The two commands are `make run` and `make test`; `make help` lists the rest.

# The first python3 that runs: under pyenv the one on the PATH may be a shim with nothing behind it.
SYSTEM_PYTHON := $(shell for python in python3 /usr/bin/python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null && echo $$python && break; done)
PYTHON := .venv/bin/python
# A worker for each of two cores; a log line for each request would cost more than some tests. The templates are written
# first, so that not each worker writes them.
TESTS := $(PYTHON) -m tests.roles && POWERTOOLS_LOG_LEVEL=WARNING $(PYTHON) -m pytest -m "not bench" -n 2 --dist worksteal --cov
# How many collections the markets have in which discover is measured.
COLLECTIONS = 10000,100000,1000000
# Among how many listings duplicates are sought.
LISTINGS = 100000,1000000
export PYTHONPATH := $(CURDIR):$(CURDIR)/shared
# Each of the many processes of a run would compile anew all it imports.
unexport PYTHONDONTWRITEBYTECODE
# How the locks are made: one resolution for all groups, then one file with hashes for each.
UV = $(firstword $(wildcard .tools/bin/uv) uv)
COMPILE = $(UV) pip compile -q --universal --no-annotate --no-header --python-version 3.13 pyproject.toml
GROUPS := runtime renderer infra dev

.PHONY: help setup everything run test test-full doctor demo isolated pictures migrate lint bench layer synth lock clean bench-discovery bench-duplicates bench-listings bench-cards
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup: ## set up .venv and Chromium; the other commands do it themselves
	@test -n "$(SYSTEM_PYTHON)" || { echo "No python3 from 3.9 on runs here; install Debian's package python3."; exit 1; }
	@$(SYSTEM_PYTHON) infra/local/bootstrap.py

everything: ## set up what the stacks need too
	@$(SYSTEM_PYTHON) infra/local/bootstrap.py infra

run: setup ## start the whole system on http://127.0.0.1:8000 (PORT= for another)
	@$(PYTHON) -m infra.local.run

test: everything ## run every test, with branch coverage
	@$(TESTS)

test-full: everything ## the same tests with larger numbers
	@$(TESTS) --full

doctor: setup ## say which parts are there and answer
	@$(PYTHON) -m infra.local.doctor

demo: setup ## walk the whole path with real offers; pictures and files land in out/
	@$(PYTHON) -m infra.local.demo

isolated: setup ## the same walk with every function in processes of its own, as on AWS
	@$(PYTHON) -m infra.local.isolated

pictures: setup ## take pictures of every page, phone and desktop, light and dark, into docs/pictures/pages/
	@$(PYTHON) -m infra.local.pictures

migrate: setup ## bring the database up to date (DATABASE_URL= for another than our own)
	@$(PYTHON) -m infra.local.migrate

lint: everything ## ruff with every rule, mypy strict
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy

bench: setup ## measure; the last figures stand in docs/benchmarks.md
	@$(PYTHON) -m pytest -m bench tests/bench --ignore=tests/bench/test_card_speed.py

bench-cards: setup ## measure cards beside other ways of drawing them (fetches satori, resvg, takumi into build/; needs npm)
	@$(PYTHON) -m pytest -m bench tests/bench/test_card_speed.py

bench-duplicates: setup ## measure the search for duplicates among up to a million listings (LISTINGS= for other sizes)
	@$(PYTHON) -m pytest -m bench -s tests/bench/test_duplicates.py --listings=$(LISTINGS)

bench-listings: LISTINGS = 100000
bench-listings: setup ## measure the list of offers, every filter in every order (LISTINGS= for other sizes)
	@$(PYTHON) -m pytest -m bench -s tests/bench/test_listings.py --listings=$(LISTINGS)

bench-discovery: setup ## the same for discover alone, in markets of up to a million collections (COLLECTIONS= for other sizes)
	@$(PYTHON) -m pytest -m bench -s tests/bench/test_discovery.py --collections=$(COLLECTIONS)

layer: everything ## build the layer of the AWS functions and print its size
	@$(PYTHON) -m infra.layer

synth: everything ## write and check what would deploy on AWS, without an account (docs/deploying.md)
	@$(PYTHON) -m infra.synth

lock: setup ## resolve the dependencies of pyproject.toml anew into layers/*.txt
	@mkdir -p build
	@$(COMPILE) $(foreach group,$(GROUPS),--group $(group)) -o build/all.txt
	@for group in $(GROUPS); do \
		$(COMPILE) --generate-hashes -c build/all.txt --group $$group -o layers/$$group.txt || exit 1; done

clean: ## remove everything that was made here, the data too
	rm -rf .venv .tools .data .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis build cdk.out out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
