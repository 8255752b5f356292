# Handgrad. `make up` starts it, `make test` tests it; both set themselves up. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
RUN := .venv/bin/python
# Tests and checks keep away from the data folder in which you work.
test test-postgresql checks: export HANDGRAD_DATA := $(CURDIR)/build/test-data

# Browser tests have a process of their own: Playwright leaves an event loop running, under which Django's ORM and
# pytest-asyncio refuse to work. With ARGS (`make test ARGS=tests/house`) one of the two may find nothing to run: code 5.
define run_tests
	@code=0; \
	$(RUN) -m pytest -m "not browser" $(ARGS) || code=$$?; \
	$(RUN) -m pytest -m browser $(ARGS) || code=$$?; \
	if [ $$code = $(if $(ARGS),5,none) ]; then code=0; fi; \
	exit $$code
endef

.PHONY: help up setup test compose screenshot test-policy test-postgresql rehearsal ci checks lint format lock prepare prepare-tests

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

up: prepare ## set up what is missing and start everything; Ctrl-C stops it
	@exec $(RUN) manage.py up $(ARGS)

setup: prepare ## the whole set-up alone: .venv, packages, assets, database
	@$(RUN) manage.py migrate --verbosity 0 && echo "Ready. Start with: make up"

test: prepare-tests ## every test, those in a browser too
	$(run_tests)

rehearsal: prepare ## play a run to its end without a screen; exits 0 only if the score rose
	@exec $(RUN) manage.py rehearsal $(ARGS)

ci: prepare-tests checks compose test test-postgresql ## every check and every test, on SQLite and on PostgreSQL

format: prepare-tests ## rewrite the code in the house's format
	@$(RUN) -m ruff format . && $(RUN) -m ruff check --fix .

lint: checks

checks: prepare-tests ## format, lint, types, layers, migrations, deployment settings
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy optimization project feedback_ui workers
	.venv/bin/lint-imports
	$(RUN) manage.py makemigrations --check --dry-run
	HANDGRAD_ENV=production SECRET_KEY=$$($(RUN) -c "import secrets; print(secrets.token_urlsafe(50))") \
		$(RUN) manage.py check --deploy --fail-level WARNING

compose: ## check docker-compose.yml, where a client is installed
	@if command -v docker-compose >/dev/null; then \
		SECRET_KEY=a POSTGRES_PASSWORD=b docker-compose --file docker-compose.yml config --quiet && echo "docker-compose.yml is accepted."; \
	else echo "docker-compose is not installed: docker-compose.yml was only compared with the supervisor's table."; fi

screenshot: prepare-tests ## make the README's picture anew, from a real run
	@$(RUN) -m docs.screenshot

test-postgresql: export DATABASE_URL ?= postgresql://postgres@127.0.0.1:5432/postgres
# The tests that reach the database; what the others show does not depend on it.
test-postgresql: ARGS ?= $(addprefix tests/,accounts api browser catalog chaos engine feedback pages reading)
test-postgresql: prepare-tests ## the tests that reach the database, on the PostgreSQL of DATABASE_URL (default: postgres@127.0.0.1)
	$(run_tests)

test-policy: prepare-tests ## the tests of policies; installs torch first
	$(RUN) -m pip install --quiet --requirement requirements/policy.txt
	$(RUN) -m pytest tests/policy $(ARGS)

lock: prepare-tests ## write requirements/*.txt anew from requirements/*.in
	@requirements/lock $(ARGS)

prepare:
	@$(PYTHON) -I project/prepare.py

prepare-tests:
	@$(PYTHON) -I project/prepare.py tests
