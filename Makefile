# make            what there is
# make PYTHON=/path/to/python3.13 VENV=DIR build      for a chosen interpreter
#
# PYTHON  the interpreter (default: the one VENV has, else tools/find_python)
# VENV    where its environment and build folder live (default: .venv)
# ONLY    some of the matrix' interpreters: make matrix ONLY="3.14 3.15d"
# MATRIX  1: make mutants on the matrix' interpreters
# BENCH   options of benchmarks/bench.py: make bench BENCH="--rounds 3"
# N       which mutants (default: all 28)
# TESTS   what pytest runs: files, node ids, options (default: everything)

SHELL := /bin/sh
VENV ?= .venv
PYTHON ?=
TESTS ?=

venv := $(abspath $(VENV))
python := $(venv)/bin/python

.DEFAULT_GOAL := help
.PHONY: help build demo test bench compare wheel lint format matrix asan mutants clean

help:  ## show this list
	@echo 'targets:'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | \
	    while IFS='|' read -r name what; do printf '  %-9s %s\n' $$name "$$what"; done
	@echo 'variables: PYTHON VENV TESTS BENCH ONLY MATRIX N (see the top of the Makefile)'

build:  ## compile and install into VENV (incremental)
	@tools/make_venv '$(venv)' '$(PYTHON)' build
	@tools/build '$(venv)' -Ddev=true

demo: build  ## the game server of examples/arena, updated while bots play
	$(python) examples/arena/demo.py $(DEMO)

test: build  ## run the test suite in VENV
	@tools/make_venv '$(venv)' '$(PYTHON)' test
	$(python) -m pytest $(TESTS)

# What users get: a wheel, in an environment of its own (VENV-bench) beside the tools that
# resoul is compared with. Made again when the engine or the requirements have changed.
bench_python := $(venv)-bench/bin/python
bench_ready := $(venv)-bench/.ready
$(bench_ready): benchmarks/requirements.txt pyproject.toml meson.build $(shell find src -name '*.[chi]' -o -name '*.py' -o -name 'meson.build')
	@tools/make_venv '$(venv)' '$(PYTHON)'
	@test -x '$(bench_python)' || $(python) -m venv '$(venv)-bench'
	$(bench_python) -m pip install -q -q --disable-pip-version-check -r benchmarks/requirements.txt
	$(bench_python) -m pip install -q -q --disable-pip-version-check --no-deps --force-reinstall .
	@touch '$@'

bench: $(bench_ready)  ## measure against importlib, IPython, jurigged; BENCH="--rounds 3"
	$(bench_python) benchmarks/bench.py $(BENCH)

compare: $(bench_ready)  ## run every case of the comparison and write its table
	$(bench_python) benchmarks/compare.py

# In a folder of its own and without our environment: what a user's install does.
wheel:  ## sdist, from it a wheel, and tools/smoke.py in a fresh environment
	@tools/make_venv '$(venv)' '$(PYTHON)' wheel
	@git diff --quiet HEAD || echo 'wheel: of what is committed; there are other changes'
	rm -rf dist '$(venv)-wheel'
	$(python) -m build --outdir dist . >'$(venv)-wheel.log' 2>&1 || \
	    { cat '$(venv)-wheel.log'; exit 1; }
	$(python) -m venv '$(venv)-wheel'
	'$(venv)-wheel/bin/python' -m pip install -q -q --no-deps dist/*.whl
	'$(venv)-wheel/bin/python' tools/smoke.py

lint:  ## formatting, ruff, mypy, stubtest, house rules
	@tools/make_venv '$(venv)' '$(PYTHON)' build lint
	@tools/build '$(venv)' -Ddev=true
	@tools/lint '$(venv)'

format:  ## format C and Python
	@tools/make_venv '$(venv)' '$(PYTHON)' lint
	@find src include tests examples -name '*.[ch]' 2>/dev/null | xargs $(venv)/bin/clang-format -i
	@$(venv)/bin/ruff format --quiet .
	@$(venv)/bin/ruff check --quiet --fix-only .

asan:  ## run the tests under Address- and UBSanitizer (in VENV-asan)
	@tools/make_venv '$(venv)-asan' '$(PYTHON)' build test
	@tools/build '$(venv)-asan' -Ddev=true -Db_sanitize=address,undefined -Db_lundef=false
	tools/asan '$(venv)-asan' $(TESTS)

mutants:  ## take out each cure in turn: does a test notice? (N="3 7" for some)
	@$(if $(MATRIX),N='$(N)' ONLY='$(ONLY)' tools/matrix.sh mutants, \
	    tools/make_venv '$(venv)' '$(PYTHON)' build test && \
	    $(python) tools/mutants.py $(N))

matrix:  ## run it on every supported interpreter (host and chroot, debug, JIT)
	@ONLY='$(ONLY)' TESTS='$(TESTS)' tools/matrix.sh

clean:  ## remove what the targets made (VENV with its build folder, caches)
	rm -rf $(foreach one,'' -asan -bench -mutants -wheel,'$(venv)'$(one) '$(venv)'$(one).lock) '$(venv)-wheel.log' build dist .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
