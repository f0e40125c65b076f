# make demo | test | lint | docs | coverage: each creates the virtual environment it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DOCUMENTED := $(VENV)/.documented

.PHONY: demo test slow coverage lint docs audit clean

demo: $(INSTALLED)
	$(BIN)/voxlate demo --out demo

test: $(DOCUMENTED)
	$(BIN)/python -m pytest -n 2 --dist loadscope

slow: $(INSTALLED)
	$(BIN)/python -m pytest -m slow

coverage: $(DOCUMENTED)
	$(BIN)/python -m pytest -n 2 --dist loadscope --cov --cov-report term:skip-covered --cov-report html

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
