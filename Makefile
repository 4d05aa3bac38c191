# Two commands matter: `make up` and `make test`. Everything they need is fetched by them.
STATE ?= .bionic
UV := $(shell command -v uv 2>/dev/null || echo $(STATE)/bootstrap/bin/uv)

.DEFAULT_GOAL := help
.PHONY: help up test check bench fix

help:
	@echo "make up     everything on this machine, with a demo agent to talk to"
	@echo "make test   all tests, on real servers and a real browser"
	@echo "make check  format, lint, types, import rules"
	@echo "make bench  the benchmarks, as ratios against a stock worker"

$(STATE)/bootstrap/bin/uv:
	@echo "Installing uv into $(STATE)/bootstrap (once)"
	@python3 -m venv $(STATE)/bootstrap
	@$(STATE)/bootstrap/bin/pip install --quiet --disable-pip-version-check uv
