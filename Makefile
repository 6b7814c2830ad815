# Every command that people use. `make help` lists them.
# All of them work inside this folder: the environment is .venv, caches are .cache, results are build.
# GNU make 3.81, which macOS has, can read this file; tests/test_makefile.py refuses what is newer.

SHELL := /bin/bash
.DEFAULT_GOAL := help
# Two installations into one environment at the same time would break it.
.NOTPARALLEL:

# ---- one environment, inside the folder ------------------------------------------------------
VENV := .venv
BIN := $(VENV)/bin
LIBS ?= pymc stan numpyro pyro tfp
# CI takes requirements/hashed, with which pip refuses a file that is not the one that was locked.
LOCKS ?= requirements

# A folder that can't be written to (a server's, shared): doctor keeps its caches in your own, and nothing else works.
WRITABLE := $(shell test -w . && echo yes)
ifeq ($(WRITABLE),)
STOP := $(if $(filter-out help doctor,$(MAKECMDGOALS)),$(error $(CURDIR) can't be written to: copy it to a folder of your own, and type make there))
endif
CACHE := $(if $(WRITABLE),$(CURDIR)/.cache,$(HOME)/.cache/bayes-side-by-side)
export XDG_CACHE_HOME := $(CACHE)
export XDG_CONFIG_HOME := $(CACHE)/config
export XDG_DATA_HOME := $(CACHE)/data
export IPYTHONDIR := $(CACHE)/ipython
export JUPYTER_CONFIG_DIR := $(CURDIR)/.jupyter
export JUPYTER_DATA_DIR := $(CACHE)/jupyter
export JUPYTER_RUNTIME_DIR := $(CACHE)/jupyter/runtime
export MPLCONFIGDIR := $(CACHE)/matplotlib
export KERAS_HOME := $(CACHE)/keras
export PYTENSOR_FLAGS := base_compiledir=$(CACHE)/pytensor
# Python's own flags ask for debugging symbols (-g), and Stan's compiler spends a sixth of its time on them
export CXXFLAGS ?= -DNDEBUG -fno-strict-overflow -g0
export PIP_NO_CACHE_DIR := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PIP := $(BIN)/python -m pip install --quiet --require-virtualenv

.PHONY: help doctor book slides slides-pdf test run lab cuts cuts-alone colab publish-notebooks hub-trial dask-trial lock lint references calibration mutants seeds shared-choice benchmark clean always lab-user

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Is .venv usable here? Its Python must start, be new enough and have pip, and its scripts must start that Python. They
# start another one, or none, if the folder was moved, renamed or copied.
USABLE := $(BIN)/python -c 'import os, pip, sys; script = open("$(BIN)/pip").read(); sys.exit(sys.version_info < (3, 12) or not any(place + "/bin/python" in script for place in (sys.prefix, os.path.realpath(sys.prefix))))' 2>/dev/null
UNUSABLE := The environment $(VENV) does not work here: its folder was moved, renamed or copied, or its Python or pip is gone or too old.

# Checked on every run, and made anew if it is not usable. What is installed in .venv depends on this file, so a new .venv
# is filled again. 3.12 first: the locks are made on it, and PyStan 3.14 does not load on Linux with Python 3.13.
$(VENV)/pyvenv.cfg: always
	@mkdir -p .cache/ipython  # IPython warns where the folder above its own is missing
	@$(USABLE) && exit; \
	own="$(CURDIR)/$(BIN)"; PATH=$${PATH//$$own:/}; \
	for candidate in python3.12 python3 python python3.13 python3.14; do \
	  if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then \
	    if $$candidate -c 'import ensurepip, venv' 2>/dev/null; then found=$$candidate; break; fi; \
	    package=$${package:-$$($$candidate -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')}; \
	  fi; \
	done; \
	if [ -z "$$found" ] && [ -n "$$package" ]; then \
	  echo "Python can't make an environment here, since a part of it is not installed: on Debian or Ubuntu type 'sudo apt install $$package', and then the same command again." >&2; exit 1; \
	elif [ -z "$$found" ]; then \
	  echo "This course needs Python 3.12: install it (for example with 'uv python install 3.12', 'pyenv install 3.12' or your system's package manager) and type the same command again." >&2; exit 1; \
	fi; \
	if [ -e $(VENV) ]; then echo "$(UNUSABLE)"; fi; \
	echo "Making $(VENV) with $$($$found --version)"; rm -rf $(VENV) && $$found -m venv $(VENV)

$(VENV)/.book: requirements/book.txt pyproject.toml $(VENV)/pyvenv.cfg
	@echo "Installing what the book needs (none of the five libraries) ..."
	@$(PIP) -r $(LOCKS)/book.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.all: requirements/all.txt pyproject.toml $(VENV)/pyvenv.cfg
	@echo "Installing everything, the five libraries included (some 9 GB; minutes) ..."
	@$(PIP) -r $(LOCKS)/all.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.book

# ---- readers and speakers --------------------------------------------------------------------
book: $(VENV)/.book ## build the book and the decks from the stored outputs, into build/
	@$(BIN)/jupyter-book build . --toc book/_toc.yml --path-output build --all -W -n --keep-going
	@$(MAKE) --no-print-directory slides
	@echo; echo "The book:   open build/_build/html/index.html"; \
	 echo "The decks:  open build/_build/html/book/talks.html (in a deck, press S for the notes)"

slides: $(VENV)/.book ## build the decks alone; prints them to PDF too where Chromium is installed
	@$(BIN)/python -m publish.decks slides build/_build/html/slides

slides-pdf: $(VENV)/.book ## build the decks and print them to PDF; says what to install where Chromium is missing
	@$(BIN)/python -m publish.decks slides build/_build/html/slides --pdf

# Jupyter refuses to run as root, and would report that only after the whole installation.
lab-user:
	@if [ "$$(id -u)" = 0 ] && [[ " $(LAB) " != *" --allow-root "* ]]; then \
	  echo "You are root, and Jupyter refuses to run as root unless it is told to. In a container, where that is usual, type:" >&2; \
	  echo 'make lab$(if $(filter file,$(origin LIBS)),, LIBS="$(LIBS)") LAB="$(strip $(LAB) --allow-root)"' >&2; exit 2; \
	fi

lab: lab-user $(VENV)/pyvenv.cfg ## open JupyterLab at your start page; LIBS="pymc numpyro" installs those libraries alone
	@echo "Installing JupyterLab and: $(LIBS) ..."
	@$(PIP) -r requirements/book.txt
	@$(PIP) -c requirements/all.txt --no-build-isolation -e ".[lab,$(shell echo $(LIBS) | tr ' ' ',')]"
	@$(BIN)/python -m publish.study notebooks study
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/study/START.ipynb $(LAB)

# .venv if it is there, else the environment that is active, else the Python there is; it installs and removes nothing.
doctor: ## is this machine ready? Tries each library that is installed; LIBS="pymc stan" demands those
	@python=; if [ -e $(VENV) ]; then \
	  $(USABLE) || { echo '$(UNUSABLE) This makes it anew: make lab LIBS="$(if $(filter file,$(origin LIBS)),pymc,$(LIBS))"' >&2; exit 1; }; \
	  python=$(BIN)/python; \
	else \
	  for candidate in $${VIRTUAL_ENV:+python} $${CONDA_PREFIX:+python} python3.12 python3 python; do \
	    if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 7))' 2>/dev/null; then python=$$candidate; break; fi; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "There is no Python 3.7 or newer here, and the course needs 3.12: install Python 3.12, then type: make lab LIBS=\"pymc\"" >&2; exit 1; \
	  fi; \
	  echo "There is no .venv here yet (make lab LIBS=\"pymc\" makes one): this is what $$python sees."; \
	fi; \
	PYTHONPATH=src$${PYTHONPATH:+:$$PYTHONPATH} $$python -m sidebyside doctor $(if $(filter file,$(origin LIBS)),,$(LIBS))

# ---- authors ---------------------------------------------------------------------------------
# Stan's headers, compiled once: each of the many programs then compiles in half the time. Not for run: it tells readers its time.
STAN_HEADER := .cache/stan/model_header.hpp
$(STAN_HEADER): $(VENV)/.all tools/precompile_stan.py
	@$(BIN)/python tools/precompile_stan.py $@
WITH_STAN_HEADER := CXXFLAGS="$$CXXFLAGS -include \"$(CURDIR)/$(STAN_HEADER)\""

run: $(VENV)/.all ## execute NB=notebooks/06_robust_regression, store its outputs, keep the pair in step
	@test -n "$(NB)" || { echo "Say which notebook: make run NB=notebooks/06_robust_regression" >&2; exit 2; }
	@$(BIN)/python -m publish.execute $(NB)

test: $(VENV)/.all $(STAN_HEADER) book ## run every test, every notebook included, three at a time
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@# in this order: by the number of tests, as pytest-xdist sorts, the longest notebook begins last and runs alone
	@# one thread in each test: more (BLAS, OpenMP) wait for one another most of the time; three tests at a time on two
	@# cores, since a test waits a third of its time, for a browser, a process or the disk
	@$(WITH_STAN_HEADER) SIDEBYSIDE_STORING=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations=40 --durations-min=5 tests notebooks slides

lint: $(VENV)/.all ## bring pairs in step, format and check code and notebooks with ruff
	@$(BIN)/jupytext --quiet --sync notebooks/*.md slides/*.md
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .
	@$(BIN)/jupytext --quiet --sync notebooks/*.ipynb slides/*.ipynb

cuts: $(VENV)/.book ## make the notebooks that people run (per library, full, workshop) into build/cuts
	@$(BIN)/python -m publish.cuts notebooks build/cuts

cuts-alone: $(VENV)/.all ## run each cut in an environment of its own that holds no other library (hours; goes on where it stopped)
	@$(BIN)/python -m trials.cuts_alone

colab: $(VENV)/.all ## run notebooks as on Colab, on Python 3.12 and 3.13; ON="3.13 pymc full 06" chooses (hours, GBs)
	@$(BIN)/python -m trials.colab_stand_in $(ON)

publish-notebooks: $(VENV)/.book ## commit them to the branch "notebooks", for Colab and Binder; WORKSHOP=2026-12-01 adds that day
	@$(BIN)/python -m publish.branch . $(if $(WORKSHOP),--workshop $(WORKSHOP))

calibration: $(VENV)/.all ## rank the truths of many worlds of chapter 6 (half an hour); SEEDS=10: of chapter 14, ten times over (hours)
	@$(BIN)/python trials/calibrate.py $(SEEDS)

references: $(VENV)/.all ## make the reference posteriors anew (minutes; make_references/ says how)
	@$(BIN)/python -m make_references

mutants: $(VENV)/.all $(STAN_HEADER) ## break one library's model at a time: does its chapter notice? ANALYSIS=1 NB=...: a page's analysis, at random
	@test -z "$(NB)" -o -n "$(ANALYSIS)" || { echo "NB= goes with ANALYSIS=1; one chapter's models: $(BIN)/python trials/mutants.py 06" >&2; exit 2; }
	@$(WITH_STAN_HEADER) $(BIN)/python $(if $(ANALYSIS),trials/analysis_mutants.py $(NB) $(MUTANTS),trials/mutants.py)

seeds: $(VENV)/.all ## draw each chapter with ten other seeds and report the largest z
	@$(BIN)/python trials/seeds.py

shared-choice: $(VENV)/.all ## see whether R-hat misleads where Pyro's chains share NUTS's choice (minutes)
	@$(BIN)/python trials/shared_choice.py

benchmark: $(VENV)/.all ## measure the five libraries; QUICK=1 in 5 minutes, else hours (resumable); PROMOTE=1 stores them
	@$(BIN)/python -m benchmark $(if $(QUICK),--quick) $(if $(PROMOTE),--promote) $(BENCHMARK)

# JupyterHub stands beside the environment, not in it; its proxy comes from npm.
.cache/hub/.ready: requirements/hub.txt
	@command -v npm > /dev/null || { echo "The proxy of JupyterHub needs Node.js 20 or newer, with npm." >&2; exit 1; }
	@rm -rf .cache/hub && mkdir -p .cache/hub
	@$(PIP) --target .cache/hub --no-deps -r $(LOCKS)/hub.txt
	@npm install --silent --no-audit --no-fund --prefix .cache/hub configurable-http-proxy@5.3.0
	@touch $@

hub-trial: $(VENV)/.all cuts .cache/hub/.ready ## how many students does this machine carry? A JupyterHub and a class (half an hour)
	@PYTHONPATH=.cache/hub $(BIN)/python trials/hub_trial.py $(HUB)

dask-trial: $(VENV)/.all ## kill a worker in mid-run, with real fits on two workers; DASK="stan 12" chooses (minutes)
	@$(BIN)/python trials/dask_trial.py $(DASK)

lock: $(VENV)/.all ## make the locks anew from pyproject.toml; UPGRADE=1 takes the newest versions
	@$(BIN)/python tools/lock.py

clean: ## remove what was built; the environment stays
	rm -rf build .pytest_cache .ruff_cache
