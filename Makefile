# Everything a newcomer and CI need. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Python 3.11 or newer is needed: apt install python3 (Debian 12), or set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv is missing: apt install python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what requirements.txt names (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	@$(BIN)/python -m pip --disable-pip-version-check check
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	@echo "Installing what requirements-dev.txt names (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip --disable-pip-version-check check
	@touch $@

.PHONY: run
run: $(VENV)/.installed ## set everything up and serve
	@exec $(BIN)/python run_webhook.py

.PHONY: chat
chat: $(VENV)/.installed ## talk to the bot in this terminal
	@exec $(BIN)/python -m src.cli chat

.PHONY: test
test: $(VENV)/.installed-dev ## the whole test suite, from nothing
	@$(BIN)/python -m pytest

.PHONY: faults
faults: $(VENV)/.installed-dev ## the long runs that kill processes
	@$(BIN)/python -m pytest -m faults --timeout 1800

.PHONY: check
check: $(VENV)/.installed-dev ## lint, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

.PHONY: format
format: $(VENV)/.installed-dev ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: train
train: $(VENV)/.installed-dev ## learn the reader's model file from the corpus again
	@$(BIN)/python -m training.build

.PHONY: conversations
conversations: $(VENV)/.installed-dev ## play the people of docs/conversations again
	@$(BIN)/python -m bench.conversations

.PHONY: eval
eval: $(VENV)/.installed-dev ## how well Spanish is understood, by set
	@$(BIN)/python -m bench.eval

.PHONY: bench
bench: $(VENV)/.installed-dev ## what it costs, as ratios
	@$(BIN)/python -m bench.ingress
	@$(BIN)/python -m bench.turn
	@$(BIN)/python -m bench.calls
	@$(BIN)/python -m bench.workers
	@$(BIN)/python -m bench.end_to_end
	@$(BIN)/python -m bench.model
	@$(BIN)/python -m bench.scale

.PHONY: quote
quote: $(VENV)/.installed ## prices for given inputs: make quote ARGS="--age 35 --sum 150000"
	@$(BIN)/python -m src.cli quote $(ARGS)

.PHONY: lock
lock: ## lock the requirements with hashes (needs uv)
	uv pip compile -q --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements.in -o requirements.txt
	uv pip compile -q --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements-dev.in -o requirements-dev.txt

.PHONY: clean
clean: ## remove what was made here, except data (var/)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache htmlcov .coverage
