# Two commands matter: `make demo` and `make test`. Each sets up .venv by itself, from Python, make and a C library alone.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# Each job and test is several processes. Bytecode is compiled once, at installation or at first use, and not by each of them.
export PYTHONDONTWRITEBYTECODE :=
.PHONY: demo test lint types bench chaos lock clean install

demo: install
	$(BIN)/python -m jobs.index +dataset=demo
	$(BIN)/python -m jobs.query +dataset=demo "text=a red star"
	$(BIN)/python -m jobs.track +dataset=demo "text=a red star"
	$(BIN)/python -m jobs.report +dataset=demo

# One process more than cores: tests of pipelines also wait, for nodes that come and leases that run out. Each computes on one thread.
TEST_PROCESSES ?= $(shell expr $$(nproc) + 1)
test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=$(TEST_PROCESSES) --dist=loadscope --no-loadscope-reorder --durations=20

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
	$(BIN)/uv pip sync -q --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $(STAMP)

clean:
	rm -rf .venv data outputs multirun
