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

# Tests of pipelines mostly wait: for Ray to start, for leases to run out, for nodes to go. The others compute meanwhile.
WAITING := tests/pipelines tests/s3
test: install
	@$(BIN)/python -m pytest $(WAITING) > .venv/waiting.log 2>&1 & waiting=$$!; trap "kill $$waiting" INT TERM; \
	$(BIN)/python -m pytest $(WAITING:%=--ignore=%); computing=$$?; \
	wait $$waiting; waited=$$?; cat .venv/waiting.log; exit $$((computing + waited))

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

bench: install
	$(BIN)/python -m benchmarks

chaos: install
	$(BIN)/python -m benchmarks.chaos

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
