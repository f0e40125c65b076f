# make demo | default-model | page | wheel | test | quick | cases | bench | lint | docs | coverage: each creates the virtual environment it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEVELOPED := $(VENV)/.developed
DOCUMENTED := $(VENV)/.documented

VIEWER := src/voxlate/web/page/vendor/LICENCES.txt

.PHONY: demo default-model page wheel test quick cases bench slow coverage lint static docs audit clean

demo: $(INSTALLED)
	$(BIN)/voxlate demo --out demo

# The model that `voxlate translate` takes where none is named: hours, and the same command again goes on.
DATA ?= ../shared/data
WORK ?= default-model
default-model: $(INSTALLED)
	$(BIN)/python default_model/make.py --data $(DATA) --work $(WORK) --ship src/voxlate/models/head $(OPTIONS)

# The viewer of the page that `voxlate serve` shows, and what draws its curves, by npm, into a folder that git ignores;
# with their licences. axe-core, which judges whether the page is accessible, stays in build/page for the tests.
page: $(VIEWER)

$(VIEWER): Makefile
	@command -v npm >/dev/null || { echo "npm brings the viewer of the page. On Debian and Ubuntu: sudo apt install npm" >&2; exit 1; }
	npm install --silent --no-audit --no-fund --no-save --no-package-lock --ignore-scripts --prefix build/page \
		@niivue/niivue@0.69.0 uplot@1.6.32 axe-core@4.14.1
	mkdir -p $(@D)
	cp build/page/node_modules/@niivue/niivue/dist/niivue.umd.js build/page/node_modules/uplot/dist/uPlot.esm.js \
		build/page/node_modules/uplot/dist/uPlot.min.css $(@D)
	cd build/page/node_modules && tail -n +1 @lukeed/uuid/license @ungap/structured-clone/LICENSE array-equal/LICENSE \
		fflate/LICENSE gl-matrix/LICENSE.md nifti-reader-js/LICENSE zarrita/LICENSE uplot/LICENSE > $(CURDIR)/$(@D)/LICENCES.txt
	touch $@

wheel: $(DEVELOPED) $(VIEWER)
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

# Tests of the page need the viewer, and are skipped where there is no npm to bring it.
.PHONY: page-if-possible
page-if-possible:
	@$(MAKE) --no-print-directory page || true

# Each of the two workers computes on one thread: those of a second one would wait for a core that the other worker has.
# Tests start the program again and again, so its compiled modules are kept. A module stays on one worker, which its
# fixtures need, but for the pages of the documentation, which tests/conftest.py shares out one by one; modules that
# train come first, so that no worker has a long one left when the other is done.
PYTEST := env -u PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS=1 $(BIN)/python -m pytest
PARALLEL := -n 2 --dist loadscope --no-loadscope-reorder

test: $(DOCUMENTED) page-if-possible
	$(PYTEST) $(PARALLEL) --durations 10

quick: $(DOCUMENTED)
	$(PYTEST) $(PARALLEL) -m 'not slow and not gpu and not cases and not trains' --durations 10

# Faults as scripts, each of which runs the program several times and judges it.
cases: $(DEVELOPED)
	$(PYTEST) -n 2 -m cases --durations 5 tests/test_cases.py

# Speed against what one would otherwise run; writes docs/performance.md. With nothing else on the machine.
bench: $(DEVELOPED)
	$(BIN)/python benchmarks/speed $(OPTIONS)

slow: $(DEVELOPED)
	$(PYTEST) -m slow

coverage: $(DOCUMENTED) page-if-possible
	$(PYTEST) $(PARALLEL) --cov --cov-report term:skip-covered --cov-report html

lint: static
	$(BIN)/python -m pytest -q tests/test_style.py tests/test_fences.py

# What no test repeats.
static: $(DEVELOPED)
	$(BIN)/ruff format --check src tests
	$(BIN)/ruff check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: $(DOCUMENTED)
	$(BIN)/sphinx-build -W -q -b html docs docs/_build/html

audit: $(DEVELOPED)
	$(BIN)/pip-audit --skip-editable

clean:
	rm -rf $(VENV) build docs/_build demo htmlcov .coverage

# torch comes first and alone, so that the pinned build is the one that everything else finds installed.
PIP := $(BIN)/pip install --quiet --constraint constraints.txt
define PREPARE
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "Voxlate needs Python 3.11 or later as $(PYTHON); say where it is: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || \
	{ echo "$(PYTHON) cannot make a virtual environment in $(VENV). On Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
$(PIP) torch
endef

$(INSTALLED): pyproject.toml constraints.txt
	$(PREPARE)
	$(PIP) --editable .
	touch $@

# With what tests and checks need; the program is installed by the same call, so that nothing is installed twice.
$(DEVELOPED): pyproject.toml constraints.txt
	$(PREPARE)
	$(PIP) --editable '.[dev]'
	touch $(INSTALLED) $@

# The tests build the tables of the documentation too.
$(DOCUMENTED): $(DEVELOPED)
	$(PIP) --editable '.[docs]'
	touch $@
