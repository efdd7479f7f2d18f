# make demo   install into .venv and run the whole path on digits
# make test   install into .venv and run the tests
# Another Python: make test PYTHON=python3.12; an environment that is there already: make test VENV=/path/to/venv

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.rankcon-installed

.PHONY: demo test lint benchmark benchmark-speed clean

demo: $(INSTALLED)
	$(BIN)/rankcon demo --force

test: $(INSTALLED)
	$(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

benchmark: $(INSTALLED)
	$(BIN)/python benchmarks/losses.py

# Time and memory on this machine's CPU, and the page about them
benchmark-speed: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[benchmark]'
	$(BIN)/python benchmarks/loss.py
	$(BIN)/python benchmarks/page.py

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "rankcon needs Python 3.11 or newer; name one with PYTHON=..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
