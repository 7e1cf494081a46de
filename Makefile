# make            what there is
# make PYTHON=/path/to/python3.13 VENV=DIR build      for a chosen interpreter
#
# PYTHON  the interpreter (default: the one VENV has, else tools/find_python)
# VENV    where its environment and build folder live (default: .venv)
# ONLY    some of the matrix' interpreters: make matrix ONLY="3.14 3.15d"
# TESTS   what pytest runs: files, node ids, options (default: everything)

SHELL := /bin/sh
VENV ?= .venv
PYTHON ?=
TESTS ?=

venv := $(abspath $(VENV))
python := $(venv)/bin/python

.DEFAULT_GOAL := help
.PHONY: help build test matrix clean

help:  ## show this list
	@echo 'targets:'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | \
	    while IFS='|' read -r name what; do printf '  %-9s %s\n' $$name "$$what"; done
	@echo 'variables: PYTHON VENV ONLY TESTS (see the top of the Makefile)'

build:  ## compile and install into VENV (incremental)
	@tools/make_venv '$(venv)' '$(PYTHON)' build
	@tools/build '$(venv)' -Ddev=true

test: build  ## run the test suite in VENV
	@tools/make_venv '$(venv)' '$(PYTHON)' test
	$(python) -m pytest $(TESTS)

matrix:  ## run it on every supported interpreter (host and chroot, debug, JIT)
	@ONLY='$(ONLY)' TESTS='$(TESTS)' tools/matrix.sh

clean:  ## remove what the targets made (VENV with its build folder, caches)
	rm -rf '$(venv)' '$(venv).lock' build dist .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
