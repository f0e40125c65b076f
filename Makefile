# make demo | test | quick | cases | lint | docs | coverage: each creates the virtual environment it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DOCUMENTED := $(VENV)/.documented

.PHONY: demo test quick cases slow coverage lint docs audit clean

demo: $(INSTALLED)
	$(BIN)/voxlate demo --out demo

# Each of the two workers computes on one thread: those of a second one would wait for a core that the other worker has.
# Tests start the program again and again, so its compiled modules are kept. A module stays on one worker, which its
# fixtures need, but for the pages of the documentation, which tests/conftest.py shares out one by one; modules that
# train come first, so that no worker has a long one left when the other is done.
PYTEST := env -u PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS=1 $(BIN)/python -m pytest
PARALLEL := -n 2 --dist loadscope --no-loadscope-reorder

test: $(DOCUMENTED)
	$(PYTEST) $(PARALLEL) --durations 10

quick: $(DOCUMENTED)
	$(PYTEST) $(PARALLEL) -m 'not slow and not gpu and not cases and not trains' --durations 10

# Faults as scripts, each of which runs the program several times and judges it.
cases: $(INSTALLED)
	$(PYTEST) -n 2 -m cases --durations 5 tests/test_cases.py

slow: $(INSTALLED)
	$(PYTEST) -m slow

coverage: $(DOCUMENTED)
	$(PYTEST) $(PARALLEL) --cov --cov-report term:skip-covered --cov-report html

lint: $(INSTALLED)
	$(BIN)/ruff format --check src tests
	$(BIN)/ruff check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -q tests/test_style.py tests/test_fences.py

docs: $(DOCUMENTED)
	$(BIN)/sphinx-build -W -q -b html docs docs/_build/html

audit: $(INSTALLED)
	$(BIN)/pip-audit --skip-editable

clean:
	rm -rf $(VENV) build docs/_build demo htmlcov .coverage

# torch comes first and alone, so that the pinned build is the one that everything else finds installed.
$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# The tests build the tables of the documentation too.
$(DOCUMENTED): $(INSTALLED)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@
