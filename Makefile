PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Tests share out over processes, each on one thread: threads that wait would spin on the same cores.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1
JOBS ?= $(shell nproc)
# A file's tests stay in one process, so what a file fits for all of its tests is fitted once.
SHARED := -n $(JOBS) --dist loadfile --no-loadscope-reorder

.PHONY: docs linkcheck tour test coverage test-plain test-slow system lint type bench format clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --prefer-binary -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --prefer-binary -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

tour: $(STAMP)  ## the main job, on real data that ships with a dependency
	$(BIN)/harmonium tour -o tour

system:  ## what no wheel holds: Java for Spark, Chromium for the pages
	sh tests/system_packages.sh

test: $(STAMP) system
	$(ONE_THREAD) $(BIN)/python -m pytest -m "not slow" -k "not array_api" $(SHARED) --durations=15 $(COUNTED)
	$(ONE_THREAD) SCIPY_ARRAY_API=1 $(BIN)/python -m pytest -k array_api \
	  tests/models/rbm/test_rbm_fit.py tests/questions/test_classify.py

coverage:  ## the same, with lines and branches that they run: at least 93 in 100
	$(MAKE) test COUNTED="--cov --cov-report=term"

test-plain: $(STAMP)  ## the kernels' plain twins carry the same tests
	$(ONE_THREAD) HARMONIUM_PLAIN=1 $(BIN)/python -m pytest -n $(JOBS) -m "not slow" \
	  tests/models/rbm/test_rbm_exact.py tests/models/rbm/test_rbm_attributes.py

test-slow: $(STAMP) system
	$(ONE_THREAD) $(BIN)/python -m pytest -m slow -n $(JOBS)

docs: $(STAMP)  ## the site, from nothing: examples are run, a warning is an error
	rm -rf docs/_build docs/gallery docs/api/generated
	$(ONE_THREAD) $(BIN)/python -m sphinx -j $(JOBS) -W --keep-going -q -b html -d docs/_build/doctrees docs docs/_build/html

linkcheck: $(STAMP)  ## links that lead out of the site; wants the internet
	HARMONIUM_GALLERY=0 $(BIN)/python -m sphinx -q -b linkcheck -d docs/_build/linkcheck/doctrees docs docs/_build/linkcheck

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

type: $(STAMP)
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m benchmarks

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) tour docs/_build docs/gallery docs/api/generated .pytest_cache .mypy_cache .ruff_cache .coverage
