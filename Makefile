# Two commands do everything: `make demo` and `make test`. Both make the environment first if it is not there.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DATA ?= ../shared/data

.PHONY: demo test lint check models bench clean

demo: $(VENV)/.installed
	$(BIN)/voc --db demo.db demo

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What continuous integration runs.
check: lint test

# Every file of models/ from data; needs about an hour on two cores.
models: $(VENV)/.installed-training
	$(BIN)/voc --models models train all --data $(DATA)

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/speed.py --data $(DATA) $(if $(GLUE),--glue $(GLUE))

$(BIN)/python:
	@echo "making the environment with $(PYTHON)"
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt pyproject.toml | $(BIN)/python
	@echo "installing the pinned dependencies (a few minutes the first time)"
	$(BIN)/python -m pip install --progress-bar on --no-deps -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps -r requirements-dev.txt
	@touch $@

$(VENV)/.installed-training: $(VENV)/.installed requirements-training.txt
	$(BIN)/python -m pip install --quiet --no-deps -r requirements-training.txt
	@touch $@

clean:
	rm -rf $(VENV) build dist demo.db demo.db-shm demo.db-wal
