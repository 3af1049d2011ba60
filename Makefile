# make lab: install what is missing and open the course.   make test: run every test and every notebook.
# make lab CPU=1: the same without CUDA, for Linux laptops.  make doctor: what is wrong on this machine?
# make lab KO=1: the same in Korean.
# make doctor REPORT=1: what to send to your teacher when something fails.
BIN := .venv/bin
INSTALLED := .venv/installed
PYTHON ?= $(if $(shell $(BIN)/python -c 'print(1)' 2>/dev/null),$(BIN)/python,python3)
SITE ?= results/site

.PHONY: lab update doctor test test-all lint lock assignments figures race site slides korean grade progress
lab: $(INSTALLED)
	@$(BIN)/python -m helpers.commands.lab $(if $(KO),--korean )$(LAB_FLAGS)

doctor: python
	@$(PYTHON) -m helpers.commands.doctor $(if $(REPORT),--report)

test: $(INSTALLED) lint
	$(BIN)/python -m pytest

# And what is slow.
test-all: $(INSTALLED) lint
	$(BIN)/python -m pytest -m ""

lint: $(INSTALLED)
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

# It is made again, too, where it was made in another folder, or where a system's upgrade took its Python away.
ifneq ($(shell test "$$(cat $(INSTALLED) 2>/dev/null)" = "$$(pwd -P)" && $(BIN)/python -c 'print(1)' 2>/dev/null),1)
.PHONY: $(INSTALLED)
endif
$(INSTALLED): requirements.txt pyproject.toml | python
	@$(PYTHON) -m helpers.commands.install $(if $(CPU),--cpu)

.PHONY: python
python:
	@command -v $(firstword $(PYTHON)) >/dev/null || \
	    { echo "There is no $(PYTHON) here. Install Python 3.12 (python.org has it), then type make lab PYTHON=python3.12"; exit 1; }

# Needs the network and uv (pip install uv).
lock:
	uv pip compile pyproject.toml --extra instructor --extra site --universal --python-version 3.11 --fork-strategy fewest \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links --upgrade --quiet -o requirements.txt

# Needs no library, so it works whatever is installed.
update:
	@$(PYTHON) -m helpers.commands.update

# Where you stand: exercises solved, marks, hints, over all assignments.
progress: $(INSTALLED)
	@$(BIN)/python -m helpers.commands.progress

assignments: $(INSTALLED)
	$(BIN)/python -m helpers.commands.assignments generate

figures: NOTEBOOKS = $(wildcard notebooks/[0-9][0-9]_*.ipynb notebooks/solutions/[0-9][0-9]_*.ipynb)
figures: $(INSTALLED)
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False \
	    --ExecutePreprocessor.store_widget_state=False $(NOTEBOOKS)
	@# In a pass of its own, after the run: how a kernel cuts its prints into pieces differs from run to run.
	$(BIN)/jupyter nbconvert --to notebook --inplace --coalesce-streams $(NOTEBOOKS)
	$(BIN)/python -m helpers.commands.figures

race: $(INSTALLED)
	$(BIN)/python tests/benchmarks/word2vec_speed.py
	$(BIN)/python tests/benchmarks/stft_speed.py

# The course as web pages, in English and (in the folder ko) Korean, with the outputs that the notebooks store. A broken
# link stops it.
site: $(INSTALLED)
	@$(BIN)/python -m helpers.commands.glossary
	$(BIN)/python -m sphinx -c docs -j auto --fail-on-warning --quiet -d $(SITE)-cache . $(SITE)
	$(BIN)/python -m sphinx -c docs -j auto --fail-on-warning --quiet -d $(SITE)-cache/ko -t ko . $(SITE)/ko
	@echo "Open $(SITE)/index.html in a browser, or give the folder to any web server."

# A deck for the classroom, one file in results/slides/: make slides NOTEBOOK=05_conditional_gan (or all lectures).
slides: $(INSTALLED)
	@$(BIN)/python -m helpers.commands.slides $(NOTEBOOK)

# The Korean notebooks from locale/ko, whose catalogs are brought in step with the English first.
korean: $(INSTALLED)
	$(BIN)/python -m helpers.commands.korean

# Four made-up learners; or your class: make grade ASSIGNMENT=02_spectrograms SUBMISSIONS=a/folder
grade: $(INSTALLED)
	$(BIN)/python -m helpers.commands.grade $(if $(ASSIGNMENT)$(SUBMISSIONS),"$(ASSIGNMENT)" "$(SUBMISSIONS)")
