# make lab: install what is missing and open the course.   make test: run every test and every notebook.
# make lab CPU=1: the same without CUDA, for Linux laptops.
PYTHON ?= $(if $(realpath .venv/bin/python),.venv/bin/python,python3)
BIN := .venv/bin
INSTALLED := .venv/installed
NBGRADER = $(addprefix nbgrader.server_extensions.,assignment_list course_list formgrader validate_assignment)
FIRST = $(firstword $(shell grep -om1 'notebooks/[0-9a-z_]*.ipynb' README.md))

# A .venv works only where it was made.
ifneq ($(shell test ! -s $(INSTALLED) || test "$$(cat $(INSTALLED))" = "$$(pwd -P)" || echo moved),)
$(error This folder was moved or copied after the install. Type rm -rf .venv, then call make again)
endif

SITE ?= results/site

.PHONY: lab test lint lock assignments figures race site grade progress
lab: $(INSTALLED)
	@$(BIN)/python -m helpers.commands.assignments copy
	$(BIN)/jupyter lab --ServerApp.ip=localhost --ServerApp.root_dir=. --LanguageServerManager.autodetect=False \
	    $(LAB_FLAGS) --LabApp.default_url=/lab/tree/$(FIRST)

test: $(INSTALLED) lint
	$(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"Python 3.11 or newer is needed, this is {v[0]}.{v[1]}. Name another: make lab PYTHON=python3.12")'
	@# A .venv of another Python, as an install that failed leaves it, would go on with that Python.
	@test ! -L .venv/bin/python || test "$$($(PYTHON) -V)" = "$$(.venv/bin/python -V)" || rm -rf .venv
	$(PYTHON) -m venv .venv
	@echo "Libraries are being installed into .venv. Nothing is printed for some minutes."
ifdef CPU  # on Linux: torch without 5 GB of CUDA
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	grep -vE '^(nvidia|cuda|triton)' requirements.txt > .venv/cpu-only.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --torch-backend cpu -r .venv/cpu-only.txt -e . || \
	    { echo "If PyTorch's own site is out of reach: make lab, without CPU=1, gets the same with CUDA elsewhere."; exit 1; }
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -e .
endif
	@# Not for learners: the instructor's panels, and the pop-up that asks for news from the internet.
	$(BIN)/jupyter labextension disable --level=sys_prefix @jupyter/nbgrader >/dev/null 2>&1
	$(BIN)/jupyter labextension disable --level=sys_prefix @jupyterlab/apputils-extension:announcements >/dev/null 2>&1
	$(BIN)/jupyter server extension disable --sys-prefix $(NBGRADER) >/dev/null 2>&1
	@pwd -P > $@

# Needs the network and uv (pip install uv).
lock:
	uv pip compile pyproject.toml --extra instructor --extra site --universal --python-version 3.11 --fork-strategy fewest \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links --upgrade --quiet -o requirements.txt

# Where you stand: exercises solved, marks, hints, over all assignments.
progress: $(INSTALLED)
	@$(BIN)/python -m helpers.commands.progress

assignments: $(INSTALLED)
	$(BIN)/python -m helpers.commands.assignments generate

figures: $(INSTALLED)
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False \
	    --ExecutePreprocessor.store_widget_state=False notebooks/0*.ipynb notebooks/solutions/0*.ipynb
	@# In a pass of its own, after the run: how a kernel cuts its prints into pieces differs from run to run.
	$(BIN)/jupyter nbconvert --to notebook --inplace --coalesce-streams notebooks/0*.ipynb notebooks/solutions/0*.ipynb
	$(BIN)/python -m helpers.commands.figures

race: $(INSTALLED)
	$(BIN)/python tests/benchmarks/word2vec_speed.py
	$(BIN)/python tests/benchmarks/stft_speed.py

# The course as web pages, with the outputs that the notebooks store. A broken link stops it.
site: $(INSTALLED)
	$(BIN)/python -m sphinx -c docs -j auto --fail-on-warning --quiet -d $(SITE)-cache . $(SITE)
	@echo "Open $(SITE)/index.html in a browser, or give the folder to any web server."

# Four made-up learners; or your class: make grade ASSIGNMENT=02_spectrograms SUBMISSIONS=a/folder
grade: $(INSTALLED)
	$(BIN)/python -m helpers.commands.grade $(if $(ASSIGNMENT)$(SUBMISSIONS),"$(ASSIGNMENT)" "$(SUBMISSIONS)")
