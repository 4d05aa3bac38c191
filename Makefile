# Two commands matter: `make up` and `make test`. Everything they need is fetched by them.
STATE ?= .bionic
BOOTSTRAP := $(STATE)/bootstrap
# Empty when uv is on PATH; else the file that must be made first.
UV_FILE := $(if $(shell command -v uv 2>/dev/null),,$(BOOTSTRAP)/bin/uv)
export UV := $(or $(UV_FILE:%=$(CURDIR)/%),uv)
RUN := $(UV) run --no-sync
# Without compiled modules every process would take seconds longer to start: keep them out of the way instead.
ifdef PYTHONDONTWRITEBYTECODE
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX ?= $(CURDIR)/$(STATE)/pycache
endif

.DEFAULT_GOAL := help
.PHONY: help up test check bench chaos fix sync

help:
	@echo "make up     everything on this machine, with a demo agent to talk to"
	@echo "make test   all tests, on real servers and a real browser"
	@echo "make check  format, lint, types, import rules"
	@echo "make bench  the benchmarks, as ratios against a stock worker"
	@echo "make chaos  everything goes wrong, at random and for long; whatever was promised must hold"
	@echo "make fix    format, and repair what the linter can"

up: sync
	@exec $(RUN) python -m stack up $(ARGS)

test: sync
	@$(RUN) python -m stack prepare --tests
	@$(RUN) pytest --numprocesses 2 --dist loadfile $(ARGS)

check: sync
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy
	@$(RUN) lint-imports
	@$(RUN) python -m stack npm web/console check

bench: sync
	@exec $(RUN) python -m benchmarks $(ARGS)

chaos: sync
	@$(RUN) python -m stack prepare --tests
	@exec $(RUN) python -m tests.chaos $(ARGS)

fix: sync
	@$(RUN) ruff check --fix-only .
	@$(RUN) ruff format .

# `--inexact` keeps the toolchains that an earlier run had to install. Only the first time takes long enough to tell.
sync: .venv/pyvenv.cfg
	@$(UV) sync --locked --inexact --quiet

# From Python 3.12 on, calls share what they inherit: some 40 % less memory for each. One that is here already, or else
# is fetched; where it can't be, 3.11 does. pyenv shows a version only to those who name it.
.venv/pyvenv.cfg: | $(UV_FILE)
	@echo "Installing Python packages into .venv (once)"
	@for version in 3.13 3.12; do \
		PYENV_VERSION=$$version $(UV) venv --quiet --no-python-downloads --python $$version .venv 2>/dev/null && exit; \
	done; \
	$(UV) venv --quiet --python 3.13 .venv 2>/dev/null || $(UV) venv --quiet --python '>=3.11' .venv

$(BOOTSTRAP)/bin/uv:
	@echo "Installing uv into $(BOOTSTRAP) (once)"
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	@python3 -m venv $(BOOTSTRAP) >/dev/null 2>&1 || python3 -m venv --without-pip $(BOOTSTRAP)
	@$(BOOTSTRAP)/bin/python -m pip --version >/dev/null 2>&1 \
		&& $(BOOTSTRAP)/bin/python -m pip install --quiet --disable-pip-version-check uv \
		|| python3 -m pip --python $(BOOTSTRAP)/bin/python install --quiet --disable-pip-version-check uv \
		|| { echo "uv could not be installed: install it (https://docs.astral.sh/uv/), or python3-venv and python3-pip"; exit 1; }
