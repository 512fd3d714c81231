# Two commands on a fresh machine with Python 3.11: `make demo` and `make test`. Everything else is in README.md.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: setup demo phantom sample publish test acceptance slurm-test lint bench drill clean

PYTHON ?= $(shell command -v python3.11 || command -v python3)
# On a machine without a GPU, TORCH_INDEX=https://download.pytorch.org/whl/cpu saves several gigabytes.
TORCH_INDEX ?=
CORES ?= $(shell nproc 2>/dev/null || echo 2)
DATA ?= data/raw

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES)
OVERLAY = --configfile config.yaml profiles/overlays/$(1).yaml
PLACED := 'sources={mendeley: {origin: local, archive: "$(DATA)/PBC_dataset_normal_DIB.zip"}, tcia: {origin: local, archive: "$(DATA)/AML-Cytomorphology_LMU.zip"}}'

setup: $(VENV)/ready

# torch first and by itself: with it in place nothing below pulls another build of it.
$(VENV)/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "hemabalance needs Python 3.11: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@# One that works is kept: another Python written over it would find packages that are not its own.
	$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(PIP) --editable '.[dev]'
	@touch $@

demo: setup
	$(SNAKEMAKE) $(call OVERLAY,demo)
	@echo "The report: $(CURDIR)/results/demo/report.html"

phantom: setup
	$(SNAKEMAKE) $(call OVERLAY,demo) profiles/overlays/phantom.yaml
	@echo "The report: $(CURDIR)/results/phantom/report.html"

sample: setup
	$(SNAKEMAKE) $(call OVERLAY,sample) --config $(PLACED)
	@echo "The report: $(CURDIR)/results/sample/report.html"

# What is up to date goes under DVC: of the full run, or of RUN=demo, RUN=sample.
publish: setup
	$(BIN)/hemabalance publish $(if $(RUN),$(call OVERLAY,$(RUN))) $(if $(filter sample,$(RUN)),--config $(PLACED))

# A file a worker, the longest first: most of its tests look at one finished run.
test: setup lint
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder tests/workflow tests/unit tests/numerics

# All of versions, with each way in which DVC can link files.
acceptance: setup
	for link in copy hardlink symlink; do \
		HEMABALANCE_LINK=$$link $(BIN)/python -m pytest tests/workflow/test_versioning.py || exit 1; done

# Installs Debian's Slurm and starts it for the time of the tests; `make test` does so where CI=true alone.
slurm-test: setup
	HEMABALANCE_SLURM_TEST=1 $(BIN)/python -m pytest tests/workflow/test_slurm.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint

bench: setup
	$(PIP) --editable '.[bench]'
	PYTHONPATH=tests $(BIN)/python -m bench --data $(DATA)

# Faults from outside, in copies of an undisturbed demo. DRILL='--faults 10' draws ten; `make drill DRILL=--help`.
drill: setup
	PYTHONPATH=tests $(BIN)/python -m drill $(DRILL)

clean:
	rm -rf $(VENV) .snakemake .pytest_cache .mypy_cache .ruff_cache results/demo results/phantom
