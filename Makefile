# Two commands on a fresh machine: `make demo` and `make test`. README.md names the others, and the pages about them.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: setup place demo phantom sample experiments scarcity across publish gpu gpu-pack test acceptance slurm-test lint bench drill clean

# The first of these that fits is used for the environment; PYTHON=/path/to/python3.12 chooses another one.
PYTHON ?= python3.13 python3.12 python3.11 python3
# On a machine without a GPU, TORCH_INDEX=https://download.pytorch.org/whl/cpu saves several gigabytes.
TORCH_INDEX ?=
CORES ?= $(shell nproc 2>/dev/null || echo 2)
DATA ?= data/raw

PACK_PYTHON ?= 3.12
PACK := pydantic pydantic-core annotated-types typing-inspection typing-extensions pyyaml pandera typeguard typing-inspect \
	mypy-extensions lightning-fabric lightning-utilities packaging

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES)
OVERLAY = --configfile config.yaml profiles/overlays/$(1).yaml

ANSWER := profiles/overlays/answer.yaml

# DATA as it was typed, with `~` and `$HOME`, which the config replaces; quoted for YAML, and all of it for the shell.
QUOTED = '$(subst ','\'',$(1))'
PLACE = "$(subst ",\",$(subst \,\\,$(value DATA)))/$(1)"
SOURCES = sources={mendeley: {origin: local, archive: $(call PLACE,PBC_dataset_normal_DIB.zip)}, tcia: {origin: local, archive: $(call PLACE,AML-Cytomorphology_LMU.zip)}}
ONE_SOURCE = sources={mendeley: {origin: local, archive: $(call PLACE,PBC_dataset_normal_DIB.zip)}}
PLACED = $(call QUOTED,$(SOURCES))

# Debian and Ubuntu ship ensurepip in a separate package; venv needs it to install pip.
define FITS
import sys
found = "Python %d.%d.%d (%s)" % (sys.version_info[:3] + (sys.executable,))
if not (3, 11) <= sys.version_info < (3, 14):
    sys.exit(found + " is not 3.11, 3.12 or 3.13")
from importlib.util import find_spec
if sys.argv[1:] != ["made"] and not find_spec("ensurepip"):
    sys.exit(found + " lacks the module venv (package python3-venv)")
print(found)
endef
define NO_PYTHON
hemabalance needs Python 3.11, 3.12 or 3.13 with venv. None of these fits: $(PYTHON)
  Debian 12 and 13, Ubuntu 24.04:  apt-get install python3 python3-venv
  Fedora:  dnf install python3.13
  macOS:  brew install python@3.13
  elsewhere:  uv python install 3.13, or conda create --name py313 python=3.13 and conda activate py313
Then run make again; to choose a Python: make PYTHON=/path/to/python3.13 ...
endef
export FITS NO_PYTHON

setup: $(VENV)/ready

# Snakemake calls the Python of $(VENV) through a shell, without quotes, and reads braces in the path as wildcards.
place:
	@case "$$(pwd -P)" in *[[:space:]\'\"\\$$\`\&\;\|\<\>\(\){}*?]*) \
		echo "$$(pwd -P): Snakemake cannot run an environment in a folder whose path has blanks, quotes, braces or other" \
			"characters of the shell. Move the project to another folder." >&2; exit 1;; esac

# torch is installed first, so that no later package pulls another build of it.
$(VENV)/ready: requirements.lock pyproject.toml | place
	@# A working environment is kept: another Python in its place would find packages built for the old one.
	@if $(BIN)/python -m pip --version > /dev/null 2>&1 && $(BIN)/python -c "$$FITS" made; then exit; fi; \
	for python in $(PYTHON); do \
		command -v $$python > /dev/null || continue; \
		found=$$($$python -c "$$FITS" 2>&1) && echo "$$found" && exec $$python -m venv --clear $(VENV); \
		refused+=$$found$$'\n'; \
	done; \
	echo "$$refused$$NO_PYTHON" >&2; exit 1
	$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(PIP) --editable '.[dev]'
	@touch $@

# Rendered cells, and few methods, each trained long enough to answer; overlays/demo.yaml alone runs all of them, shorter.
demo: setup
	$(SNAKEMAKE) $(call OVERLAY,demo) $(ANSWER)
	@echo "The report: $(CURDIR)/results/demo/report.html"

phantom: setup
	$(SNAKEMAKE) $(call OVERLAY,demo) profiles/overlays/phantom.yaml
	@echo "The report: $(CURDIR)/results/phantom/report.html"

sample: setup
	$(SNAKEMAKE) $(call OVERLAY,sample) --config $(PLACED)
	@echo "The report: $(CURDIR)/results/sample/report.html"

# All methods, both protocols and all ablations, hours long. After an interruption it continues where it was.
experiments: setup
	$(SNAKEMAKE) $(call OVERLAY,sample) profiles/overlays/experiments.yaml --config $(PLACED)
	@echo "The report: $(CURDIR)/results/experiments/report.html"

# Recipes for rare classes, with and without synthetic images, on well-filled classes cut to ten images. FULL=1: more
# draws, more images and all recipes.
SCARCITY := profiles/overlays/scarcity.yaml $(if $(FULL),profiles/overlays/scarcity_full.yaml)
scarcity: setup
	$(SNAKEMAKE) scarcity $(call OVERLAY,sample) $(SCARCITY) --config $(call QUOTED,$(ONE_SOURCE))
	@echo "The answer: $(CURDIR)/results/scarcity/scarcity/report.html"

# Models of one laboratory's labels on the other laboratory's images.
across: setup
	$(SNAKEMAKE) across $(call OVERLAY,sample) profiles/overlays/across.yaml --config $(PLACED)
	@echo "The answer: $(CURDIR)/results/across/across/report.html"

# Put up-to-date results under DVC: of the full run, or of RUN=demo or RUN=sample.
publish: setup
	$(BIN)/hemabalance publish $(if $(RUN),$(call OVERLAY,$(RUN)) $(if $(filter demo,$(RUN)),$(ANSWER))) $(if $(filter sample,$(RUN)),--config $(PLACED))

# What a GPU makes of the trainings of the full run. GPU='--device cpu --tiny' tries the check itself.
gpu: setup
	$(BIN)/hemabalance check-gpu $(GPU)

# For a GPU machine without network: the packages that `make gpu` imports and such a machine may lack.
gpu-pack: setup
	rm -rf gpu-pack
	$(PIP) --target gpu-pack --no-deps --no-compile --only-binary :all: --python-version $(PACK_PYTHON) \
		--platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 $(PACK)

# One test file per worker, the longest first: most tests of a file share one finished run.
test: setup lint
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder tests/workflow tests/unit tests/numerics

# All tests of versioning, with each way in which DVC can link files.
acceptance: setup
	for link in copy hardlink symlink; do \
		HEMABALANCE_LINK=$$link $(BIN)/python -m pytest tests/workflow/test_versioning.py || exit 1; done

# Install Debian's Slurm and run it during the tests; `make test` does so only with CI=true.
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
	PYTHONPATH=tests $(BIN)/python -m bench --data $(call QUOTED,$(value DATA))

# Inject faults into copies of an undisturbed demo. DRILL='--faults 10' chooses ten; see `make drill DRILL=--help`.
drill: setup
	PYTHONPATH=tests $(BIN)/python -m drill $(DRILL)

clean:
	rm -rf $(VENV) .snakemake .pytest_cache .mypy_cache .ruff_cache results/demo results/phantom
