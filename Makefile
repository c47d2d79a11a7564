# `make demo` and `make test` set up everything they need in $(VENV); `make check` is what CI runs.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check selftest bench format clean

demo: $(READY)
	$(BIN)/tcrp-conformance run --exec '$(BIN)/tcrp-server --tcp-port {tcp} --udp-port {udp}'

test: $(READY)
	$(BIN)/pytest -n 8 --dist worksteal

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(MAKE) test

selftest: $(READY)
	$(BIN)/pytest -n 32 --dist load --maxschedchunk 1 -p no:randomly -p no:cacheprovider -q --publish docs/selftest.md tests/selftest

bench: $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m benchmarks --write benchmarks/RESULTS.md

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) dist tcrp-report

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("tcrp needs Python 3.11 or newer, this is %d.%d: make PYTHON=python3.12 ..." % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(READY)
