# What a developer types; `make` alone lists it. Needs Python 3.11 or newer, and make.
# Another Python: make install PYTHON=python3.12        Some tests: make test TESTS=tests/unit

PYTHON ?= python3
TESTS ?=
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check
export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install test lint types sandbox requirements clean

help: ## list what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

install: .venv/package.stamp ## set up .venv with everything pinned; done once, and again when the pins change
	@:

test: install lint types ## format, lint and types, then all tests
	@echo 'pytest: unit tests, stories on stand-ins, end to end'
	@$(BIN)/pytest -n 2 --dist loadgroup $(TESTS)

lint: install ## ruff: format and rules
	@$(BIN)/ruff format --check --quiet . || { echo 'Format it with: .venv/bin/ruff format .' >&2; exit 1; }
	@echo 'ruff: formatted'
	@$(BIN)/ruff check --quiet .
	@echo 'ruff: no findings'

types: install ## mypy, strict
	@printf 'mypy: '
	@$(BIN)/mypy

sandbox: install ## play the whole job on this machine: stand-ins for GitHub, Slack and AWS, no account needed
	@$(BIN)/tengu sandbox --script demo

UPGRADE ?= --upgrade
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
	--no-emit-options --no-emit-find-links
requirements: install ## pin the newest versions that pyproject.toml allows (UPGRADE= keeps what fits)
	@$(COMPILE) $(UPGRADE) --output-file requirements.txt pyproject.toml
	@$(COMPILE) $(UPGRADE) --extra dev --extra sandbox --output-file requirements-dev.txt pyproject.toml
	@$(COMPILE) $(UPGRADE) --no-annotate --only-build-deps --build-deps-for wheel --constraint requirements-dev.txt \
		--output-file requirements-build.txt pyproject.toml

clean: ## remove .venv, caches and builds
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Tengu needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1 || true)." >&2; \
		echo 'Name another one: make install PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo 'This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv' >&2; \
		exit 1; }
	@$(PYTHON) -m venv .venv

.venv/requirements.stamp: requirements-dev.txt requirements-build.txt | $(BIN)/python
	@echo 'Installing what is pinned into .venv (once, a minute or two) ...'
	@$(PIP) install --require-hashes --requirement requirements-dev.txt --requirement requirements-build.txt
	@touch $@

# Without build isolation: what it builds with is pinned too, and it works offline
.venv/package.stamp: pyproject.toml .venv/requirements.stamp
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
