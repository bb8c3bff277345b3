# Two commands matter: `make demo` and `make test`. Each sets up .venv by itself, from Python, make and a C library alone.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
.PHONY: demo test lint types bench chaos lock clean install

demo: install
	$(BIN)/python -m jobs.index +dataset=demo
	$(BIN)/python -m jobs.query +dataset=demo "text=a red star"
	$(BIN)/python -m jobs.track +dataset=demo "text=a red star"
	$(BIN)/python -m jobs.report +dataset=demo

# Tests of pipelines mostly wait: for Ray to start, for leases to run out, for nodes to go. Two parts of them run beside the others.
WAITING := tests/pipelines tests/s3
PART_1 := $(wildcard tests/pipelines/test_[a-i]*.py)
PART_2 := $(filter-out $(PART_1),$(wildcard tests/pipelines/test_*.py)) tests/s3
test: install
	@$(BIN)/python -m pytest --durations=10 $(PART_1) > .venv/part_1.log 2>&1 & first=$$!; \
	$(BIN)/python -m pytest --durations=10 $(PART_2) > .venv/part_2.log 2>&1 & second=$$!; \
	trap "kill $$first $$second" INT TERM; \
	$(BIN)/python -m pytest $(WAITING:%=--ignore=%); failed=$$?; \
	wait $$first || failed=1; wait $$second || failed=1; cat .venv/part_1.log .venv/part_2.log; exit $$failed

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

bench: install
	$(BIN)/python -m benchmarks

chaos: install
	$(BIN)/python -m tests.chaos

lock: install
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-emit-index-url \
	    --python-version 3.11 --upgrade -q -o requirements.lock

install: $(STAMP)

# uv checks every hash and takes seconds where pip takes minutes; it comes from PyPI like the rest.
$(STAMP): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check "uv>=0.9"
	$(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $(STAMP)

clean:
	rm -rf .venv data outputs multirun
