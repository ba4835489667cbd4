# make demo | test | lint | bench | fuzz: each makes .venv with what it needs; nothing else is installed anywhere.
PYTHON ?= python3
export OMP_WAIT_POLICY ?= PASSIVE
BIN := .venv/bin

.PHONY: demo test lint bench fuzz evaluate train clean
demo: .venv/ready
	$(BIN)/mdepth demo --output demo --overwrite

# The networks of the tests are so small that a second thread only makes them wait for each other;
# a second process takes other files of tests. TEST_JOBS=0 runs them one after the other.
TEST_JOBS ?= 2
test: export OMP_NUM_THREADS ?= 1
test: .venv/ready
	$(BIN)/python -m pytest --numprocesses $(TEST_JOBS) --dist loadfile

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: .venv/ready
	$(BIN)/mdepth bench

# Hostile inputs of every kind (SECURITY.md); what breaks the rule is kept in fuzz-failures/.
FUZZ_SEED ?= 0
FUZZ_COUNT ?= 2000
FUZZ_SECONDS ?= 600
fuzz: .venv/ready
	$(BIN)/python -m fuzz --seed $(FUZZ_SEED) --count $(FUZZ_COUNT) --seconds $(FUZZ_SECONDS)

# The shipped model on held-out synthetic drives, beside the trivial predictors.
evaluate: .venv/ready
	$(BIN)/mdepth-train evaluate models/synthetic-nano.safetensors

# How the shipped model was made (about 90 minutes on two cores; goes on where it stopped).
train: .venv/ready
	$(BIN)/mdepth-train fit training/configs/synthetic-nano.yaml --output runs/synthetic-nano --resume

.venv/ready: setup.py pyproject.toml standalone/pyproject.toml training/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	    { echo 'Python 3.10 or newer is needed: make PYTHON=python3.12 ...'; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt -e ./standalone -e '.[test]' -e './training[test]'
	@touch $@

clean:
	rm -rf .venv demo runs
