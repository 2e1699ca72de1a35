# Two commands do everything: `make demo` and `make test`. Both make the environment first if it is not there.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DATA ?= ../shared/data

VSFC = --train $(DATA)/benchmark/uit_vsfc/train.jsonl --test $(DATA)/benchmark/uit_vsfc/test.jsonl
FIGURES := docs/figures

.PHONY: demo test lint check models quality finetuned bench bench-topics screenshots faults fuzz clean messages

demo: $(VENV)/.installed
	$(BIN)/voc --db demo.db demo

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# After a change of what the pages say: finds all texts, keeps their Vietnamese, compiles it. What is new stands
# empty in messages.po until somebody fills it in and this is run again; a test fails until then.
messages: $(VENV)/.installed-dev
	@mkdir -p build
	$(BIN)/pybabel -q extract -F voc/dashboard/babel.cfg -k lazy_gettext --no-location --sort-output -o build/messages.pot voc/dashboard
	$(BIN)/pybabel -q update -i build/messages.pot -d voc/dashboard/translations -l vi --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --width 110
	$(BIN)/pybabel -q compile -d voc/dashboard/translations

# What continuous integration runs.
check: lint test

# Every file of models/ from data; needs about an hour and a half on two cores.
models: $(VENV)/.installed-training
	$(BIN)/voc --models models train all --data $(DATA)

# Every figure of docs/quality.md but that of the next target, and the pictures; about ten minutes.
quality: $(VENV)/.installed-dev
	$(BIN)/voc evaluate routing $(DATA)/routing_dev.jsonl --json > $(FIGURES)/routing-dev.json
	$(BIN)/voc evaluate held-out --data $(DATA) --json > $(FIGURES)/held-out.json
	$(BIN)/voc evaluate renderings --json > $(FIGURES)/renderings.json
	$(BIN)/voc evaluate renderings --held-out-of-corpus --json > $(FIGURES)/renderings-held-out.json
	$(BIN)/voc evaluate translations --data $(DATA) --json > $(FIGURES)/translations.json
	$(BIN)/voc evaluate pii --json > $(FIGURES)/pii.json
	$(BIN)/voc evaluate hops --json > $(FIGURES)/hops.json
	$(BIN)/voc evaluate sentiment $(VSFC) --json > $(FIGURES)/uit-vsfc-sentiment.json
	$(BIN)/voc evaluate sentiment $(VSFC) --label topic --json > $(FIGURES)/uit-vsfc-topic.json
	$(BIN)/voc evaluate corpora > $(FIGURES)/corpora.json
	$(BIN)/python benchmarks/baselines.py --data $(DATA) --json $(FIGURES)/baselines.json
	$(BIN)/python docs/quality.py
	$(BIN)/python docs/pictures.py $(FIGURES)/routing-dev.json $(FIGURES)/held-out.json

# The encoder fine-tuned on a benchmark, for comparison alone; half an hour.
finetuned: $(VENV)/.installed-training
	$(BIN)/voc evaluate finetuned $(VSFC) --label sentiment --label topic --json \
		--weights $(wildcard runs/encoder/*/tuned.safetensors) > $(FIGURES)/uit-vsfc-finetuned.json

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/speed.py --data $(DATA) $(if $(GLUE),--glue $(GLUE))

# Every figure of docs/topics-quality.md; about half an hour.
bench-topics: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/topics.py octis --data $(DATA) --json $(FIGURES)/topics-octis.json
	$(BIN)/python benchmarks/topics.py labelled --data $(DATA) --json $(FIGURES)/topics-labelled.json
	$(BIN)/python benchmarks/topics.py tried --data $(DATA) --json $(FIGURES)/topics-tried.json
	$(BIN)/python docs/quality.py

# Every page of the demonstration, light and dark, in both languages, on a desk and on a telephone, into
# build/screenshots, and the best of them into docs/pictures; needs chromium (apt install chromium).
screenshots: $(VENV)/.installed-dev
	$(BIN)/python docs/screenshots.py --docs

# The table of fuzzing in docs/reliability.md; about an hour. What is found is kept in fuzz-findings/.
fuzz: $(VENV)/.installed-fuzz
	$(BIN)/python tests/fuzz/run.py --all --json $(FIGURES)/fuzz.json
	$(BIN)/python docs/quality.py

# Every fault of docs/reliability.md, as often as its table says; about an hour, and `disk-full` needs root.
faults: $(VENV)/.installed-dev
	$(BIN)/python tests/faults/run.py --all --json $(FIGURES)/faults.json
	$(BIN)/python docs/quality.py

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

$(VENV)/.installed-fuzz: $(VENV)/.installed-dev requirements-fuzz.txt
	$(BIN)/python -m pip install --quiet --no-deps -r requirements-fuzz.txt
	@touch $@

clean:
	rm -rf $(VENV) build dist demo.db demo.db-shm demo.db-wal
