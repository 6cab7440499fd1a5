# One command per job; `make help` lists them. The virtual environment is made once, on first need.
#
#   make match ARGS="--visits 50"        further options of `lzeval match`
#   make test ARGS="-k ko -x"            further options of pytest
#   make bench BENCH=packing ARGS="--positions 100000"
#   make test PYTHON=python3.12 VENV=.venv312
#   make test PIP_ARGS="--index-url URL" a package index of your own, such as one with small builds of torch

PYTHON   ?= python3
VENV     ?= .venv
ARGS     ?=
PIP_ARGS ?=
BENCH    ?= match_vs_leelaz engine_vs_leelaz winograd search_overhead packing loading training_step memory \
            rating reading weights_reading report_page tournament_vs_ringmaster networks_in_process beside_busy

BIN     := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt
CHECKED := lzeval trainer engines tournaments tests benchmarks docs

unexport PYTHONDONTWRITEBYTECODE # the tests, and the programs that they start, would be compiled each time

.DEFAULT_GOAL := help
.PHONY: help match test test-slow lint format docs bench rewrite-golden clean

help: ## Say what there is to make.
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | awk -F '|' '{ printf "%-22s %s\n", $$1, $$2 }'

match: $(VENV)/.installed ## Play 20 short games between the two bundled networks and rate them.
	$(BIN)/lzeval match big small --games 20 --visits 8 $(ARGS)

test: $(VENV)/.installed-dev ## Run the tests, on up to four cores.
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

test-slow: $(VENV)/.installed-dev ## Run the tests that take minutes as well.
	$(BIN)/python -m pytest -m "slow or not slow" $(ARGS)

lint: $(VENV)/.installed-dev ## Check style, format and types.
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy

format: $(VENV)/.installed-dev ## Mend what ruff can mend.
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

docs: $(VENV)/.installed-docs ## Build the documentation into ./site; a broken link is an error.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict $(ARGS)
	@echo "to read it with search: $(BIN)/python -m http.server --directory site"

bench: $(VENV)/.installed-dev ## Run the benchmarks, or those in BENCH.
	@for name in $(BENCH); do \
		echo "== $$name"; $(BIN)/python -m benchmarks.$$name $(ARGS) || exit 1; \
	done

rewrite-golden: $(VENV)/.installed-dev ## Write the golden files anew; look at the difference before committing it.
	$(BIN)/python -m pytest --rewrite-golden $(ARGS)

clean: ## Remove the virtual environment and what tools leave behind; keep matches and runs.
	rm -rf $(VENV) build site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Stamps: newer than what they depend on once the installation has succeeded.

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing lzeval into $(VENV); a first time takes some minutes"
	$(INSTALL) -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing lzeval and its tools into $(VENV); a first time takes some minutes"
	$(INSTALL) -e '.[dev]'
	@touch $(VENV)/.installed $@

$(VENV)/.installed-docs: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing lzeval and what builds its documentation into $(VENV); a first time takes some minutes"
	$(INSTALL) -e '.[docs]'
	@touch $(VENV)/.installed $@
