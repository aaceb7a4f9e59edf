# Needs GNU make, bash and a Python 3.11 or newer; everything else is installed into .venv* at first use.
#
#   make demo    the guard at work, in the terminal
#   make test    the suite, on every Python of this machine (TESTARGS='-k retry' narrows it)
#   make everywhere   what make test leaves out on the Pythons besides the main one
#   make check   lint, format, types, import contracts, public surface, snippets of the documents
#   make bench   what a call costs, here and with others (PEERS=none for the quick look, PEERS=tenacity,stamina for some)
#   make rates   what response verification flags and catches, from the simulator

SHELL := bash
PY := .venv/bin/python
TESTARGS ?=
# What `make bench` compares with: all, none, or some of BENCH_PEERS with commas between them.
PEERS ?= all
# Which rows of our own `make bench` measures, as topics with commas between them; all when empty.
ROWS ?=
# Where `make bench JSON=docs/bench.json` saves its figures, and where `make bench-report` reads them.
JSON ?=
# The tool that writes requirements/*.txt; installed only by `make lock` and `make lock-bench`.
UV := uv==0.13.8

.DELETE_ON_ERROR:
.PHONY: help demo test everywhere quick coverage check lint format-check types contracts surface snippets format api lock
.PHONY: bench bench-report rates lock-bench mutants lock-mutants clean

help:
	@sed -n 's/^#   //p' Makefile

demo: .venv/.installed
	@.venv/bin/agentguard demo

test:
	@MAKE="$(MAKE)" scripts/run-tests $(TESTARGS)

# All of the suite on the other Pythons, where `make test` leaves out what hardly depends on them.
everywhere:
	@EVERYWHERE=1 MAKE="$(MAKE)" scripts/run-tests $(TESTARGS)

# The suite on the main Python only.
quick: .venv/.installed
	@$(PY) -m pytest -q -n 2 --dist worksteal $(TESTARGS)

coverage: .venv/.installed
	@$(PY) -m pytest -q --cov $(TESTARGS)

# ------------------------------------------------------------------------------------------------------------- checks

check: lint format-check types contracts surface snippets

lint: .venv/.installed
	$(PY) -m ruff check --quiet .

format-check: .venv/.installed
	$(PY) -m ruff format --quiet --check .

types: .venv/.installed
	$(PY) -m mypy --no-error-summary
	.venv/bin/basedpyright --pythonpath $(PY)

contracts: .venv/.installed
	@echo "import contracts"
	@.venv/bin/lint-imports --no-cache >.venv/contracts.log 2>&1 || { cat .venv/contracts.log; exit 1; }

surface: .venv/.installed
	$(PY) -m pytest -q tests/arch

snippets: .venv/.installed
	$(PY) -m pytest -q tests/docs

# ------------------------------------------------------------------------------------------------------------ writers

format: .venv/.installed
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

api: .venv/.installed
	$(PY) -m tests.arch.api > .venv/api.txt
	mv .venv/api.txt tests/api.txt

# UPGRADE=--upgrade takes the newest versions; without it the pins stay where they are.
lock: .venv-lock/.installed
	.venv-lock/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--python-version 3.11 --custom-compile-command "make lock" --extra schema $(UPGRADE) \
		--output-file requirements/dev.txt pyproject.toml requirements/dev.in

# ------------------------------------------------------------------------------------------------------------ mutants
# FILES="policies/bucket.py policies/slots.py" tries some only; WORKERS=2 uses two processors.

FILES ?=
WORKERS ?= 1

mutants: .venv-mutants/.pinned
	@WORKERS=$(WORKERS) .venv-mutants/bin/python -m tests.mutants $(FILES)

lock-mutants: .venv-lock/.installed
	.venv-lock/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--python-version 3.11 --custom-compile-command "make lock-mutants" --extra schema $(UPGRADE) \
		--constraint requirements/dev.txt --output-file requirements/mutants.txt \
		pyproject.toml requirements/dev.in requirements/mutants.in

# ---------------------------------------------------------------------------------------------------------- benchmark
# One program per peer, named after its package; the peer's environment is made when the benchmark comes to it.

BENCH_PEERS := $(subst _,-,$(filter-out __init__,$(basename $(notdir $(wildcard bench/peers/*.py)))))

bench: .venv/.installed
	@MAKE="$(MAKE)" $(PY) -m bench --peers $(PEERS) $(if $(ROWS),--rows $(ROWS)) $(if $(JSON),--json $(JSON))

bench-report: .venv/.installed .venv-bench-matplotlib/.pinned
	@$(PY) -m bench.report $(or $(JSON),docs/bench.json)
	@.venv-bench-matplotlib/bin/python -m bench.plot $(or $(JSON),docs/bench.json) docs/bench.svg

# SEEDS=2 for a quick look.
rates: .venv/.installed
	@$(PY) -m bench.responses $(if $(SEEDS),--seeds $(SEEDS))

lock-bench: .venv-lock/.installed
	@for name in $(BENCH_PEERS) matplotlib; do \
		echo "requirements/bench-$$name.txt"; \
		echo "$$name" | .venv-lock/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
			--no-emit-find-links --python-version 3.11 --custom-compile-command "make lock-bench" $(UPGRADE) \
			--output-file "requirements/bench-$$name.txt" - || exit 1; \
	done

clean:
	rm -rf .venv .venv-* build dist .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# ------------------------------------------------------------------------------------------------------- environments
# Two stamps each: .pinned follows requirements/dev.txt, .installed follows pyproject.toml (entry points, metadata).
# Those of the benchmark's peers have no agentguard in them, and only the first stamp.

.PRECIOUS: .venv-%/.pinned .venv-bench-%/.pinned

.venv/.pinned: requirements/dev.txt scripts/make-env
	@scripts/make-env $(@D)
	@touch $@

.venv-bench-%/.pinned: requirements/bench-%.txt scripts/make-env
	@scripts/make-env $(@D)
	@touch $@

.venv-mutants/.pinned: requirements/mutants.txt scripts/make-env
	@scripts/make-env $(@D)
	@touch $@

.venv-%/.pinned: requirements/dev.txt scripts/make-env
	@scripts/make-env $(@D)
	@touch $@

.venv/.installed: .venv/.pinned pyproject.toml
	$(install-agentguard)

.venv-%/.installed: .venv-%/.pinned pyproject.toml
	$(install-agentguard)

define install-agentguard
@$(@D)/bin/python -m pip --disable-pip-version-check install -qq --no-deps --no-build-isolation -e .
@touch $@
endef

.venv-lock/.installed: Makefile
	@"$$(scripts/find-pythons main)" -m venv --clear .venv-lock
	@.venv-lock/bin/python -m pip --disable-pip-version-check install -qq $(UV)
	@touch $@
