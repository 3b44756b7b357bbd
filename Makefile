# Everything from a fresh clone; `make` alone lists what there is. Needs make and Python 3.11 or
# later. Each stamp file hangs on its lock file, so a second run does only what changed.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

PY := .venv/bin/python
FLASK := .venv/bin/flask
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes
PORT ?= 8000
# Narrow the tests: make test T=tests/behaviors; spread them: make test WORKERS=2.
T ?=
WORKERS ?= auto

RUNTIME := .venv/.runtime
DEVELOPMENT := .venv/.development
VENDOR := carbonaccount/static/vendor/.complete
CATALOGUES := $(wildcard carbonaccount/translations/*/LC_MESSAGES/*.po)

export PORT

.PHONY: help run setup test check lint types imports migrations translated bench format \
	translations lock clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(RUNTIME) $(VENDOR) $(CATALOGUES:.po=.mo) ## Set up and serve the demonstration on http://127.0.0.1:8000 (PORT=...)
	@mkdir -p instance
	@tools/system-packages --runtime
	@PROFILE=$${PROFILE:-demo} && export PROFILE && \
	$(FLASK) db upgrade && $(FLASK) demo && \
	echo "serving on http://127.0.0.1:$(PORT) - stop with Ctrl-C" && \
	JOBS_IN_SERVER=$${JOBS_IN_SERVER:-1} exec .venv/bin/gunicorn wsgi:app

setup: $(DEVELOPMENT) $(VENDOR) $(CATALOGUES:.po=.mo) ## Install what running and testing need

test: setup ## Run all tests; T=path narrows, WORKERS=2 spreads
	@tools/system-packages
	@$(PY) -m pytest --numprocesses $(WORKERS) $(T)

check: lint types imports migrations translated test ## Lint, types, imports, migrations, translations, then all tests

lint: $(DEVELOPMENT) ## Formatting and lint
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/ruff check --quiet .

types: $(DEVELOPMENT) ## mypy --strict
	@.venv/bin/mypy

imports: $(DEVELOPMENT) ## The direction of imports between rooms
	@.venv/bin/lint-imports --no-logo

migrations: $(DEVELOPMENT) ## Fail when a model changed without a migration
	@$(PY) -m tools.check_migrations

translated: $(DEVELOPMENT) ## Fail when a text has no English translation
	@$(PY) -m tools.translations check

bench: $(DEVELOPMENT) ## Measure against the physical limit, one JSON line a benchmark
	@tools/system-packages
	@$(PY) -m tests.benchmarks

format: $(DEVELOPMENT) ## Format the code and mend what ruff can mend
	@.venv/bin/ruff format --quiet .
	@.venv/bin/ruff check --fix --quiet .

translations: $(DEVELOPMENT) ## Extract the texts and update the English catalogue
	@$(PY) -m tools.translations update

lock: ## Resolve dependencies again into the hash-pinned files (needs uv and npm)
	@tools/lock

clean: ## Remove everything made here, but keep instance/ (the data)
	rm -rf .venv node_modules carbonaccount/static/vendor build dist *.egg-info \
		.mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find carbonaccount behaviors rewards admin migrations tests tools -name __pycache__ -prune -exec rm -rf {} +
	find carbonaccount/translations -name '*.mo' -delete 2>/dev/null || true

# --- files, each made once --------------------------------------------------------------------

.venv/bin/python:
	@tools/create-venv

$(RUNTIME): requirements.txt | .venv/bin/python
	@echo "installing the Python packages"
	@$(PIP) -r requirements.txt
	@touch $@

# The development set contains the runtime set, so both stamps are true afterwards.
$(DEVELOPMENT): requirements-dev.txt | .venv/bin/python
	@echo "installing the Python packages for development"
	@$(PIP) -r requirements-dev.txt
	@touch $(RUNTIME) $@

node_modules/.package-lock.json: package-lock.json package.json | .venv/bin/python
	@echo "installing the front-end packages"
	@tools/npm ci --include=dev --no-audit --no-fund --loglevel=error
	@touch $@

$(VENDOR): node_modules/.package-lock.json tools/vendor_assets.py tools/vendor_assets.toml
	@$(PY) tools/vendor_assets.py
	@touch $@

%.mo: %.po | $(RUNTIME)
	@.venv/bin/pybabel --quiet compile --input-file $< --output-file $@
