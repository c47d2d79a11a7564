# `make demo` and `make test` set up everything they need in $(VENV). `make check` is what CI runs.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

CORES := $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
# Tests wait more than they compute, so there are more processes than cores. Those of the self-test wait most.
WORKERS ?= $(shell expr $(CORES) '*' 4)
SELFTEST_WORKERS ?= $(shell expr $(CORES) '*' 16)
# SHARD=2/4 runs the second quarter of the tests of `make test` or `make test-all`.
PART := $(if $(SHARD),--shard $(SHARD))

PYTEST := $(BIN)/pytest -n $(WORKERS) --dist worksteal $(PART)
SELFTEST := $(BIN)/pytest -n $(SELFTEST_WORKERS) --dist load --maxschedchunk 1 -p no:randomly -p no:cacheprovider -q

# How long `make fuzz` and `make soak` go on.
SECONDS ?= 600
MINUTES ?= 30

.PHONY: demo test test-all lint check wheel selftest bench fuzz soak torment format clean

demo: $(READY)
	$(BIN)/tcrp-conformance run --exec '$(BIN)/tcrp-server --tcp-port {tcp} --udp-port {udp}'

test: $(READY)
	$(PYTEST)

# --publish selects all wrong and odd servers; here nobody reads the page.
test-all: $(READY)
	$(PYTEST) --long --ignore tests/selftest
	$(SELFTEST) $(PART) --publish /dev/null tests/selftest

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test

wheel:
	PYTHON='$(PYTHON)' .ci/wheel

selftest: $(READY)
	$(SELFTEST) --publish docs/selftest.md tests/selftest

bench: $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m benchmarks --write benchmarks/RESULTS.md

# atheris is led by coverage, and is not there for every system and Python: without it hypothesis makes the inputs.
fuzz: $(READY)
	-$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	$(BIN)/python -m tests.hardening.fuzz --seconds $(SECONDS)

soak: $(READY)
	$(BIN)/python -m tests.hardening.soak --minutes $(MINUTES)

torment: $(READY)
	$(BIN)/python -m tests.hardening.torment

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) dist tcrp-report .fuzz

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("tcrp needs Python 3.11 or newer, this is %d.%d: make PYTHON=python3.12 ..." % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(READY)
