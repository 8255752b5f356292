# Handgrad. `make up` starts it, `make test` tests it; both set themselves up. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
RUN := .venv/bin/python
# Tests and checks keep away from the data folder in which you work.
test test-postgresql checks chaos: export HANDGRAD_DATA := $(CURDIR)/build/test-data

# Tests run side by side, a process for each core. Browser tests have a run of their own: Playwright leaves an event loop
# behind, under which Django's ORM and pytest-asyncio refuse to work. With ARGS (`make test ARGS=tests/house`) one of the
# two runs may find nothing to do: code 5.
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist worksteal
define run_tests
	@failed=0; idle=0; \
	for kind in "not browser" browser; do \
		code=0; $(RUN) -m pytest $(SIDE_BY_SIDE) -m "$$kind" $(ARGS) || code=$$?; \
		case $$code in 0) ;; 5) idle=$$((idle + 1)) ;; *) failed=$$code ;; esac; \
	done; \
	[ $$idle -lt $(if $(ARGS),2,1) ] || failed=5; \
	exit $$failed
endef

.PHONY: chaos help up setup test compose screenshot test-postgresql rehearsal rehearsal-policy ci checks lint format lock prepare prepare-tests

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

up: prepare ## set up what is missing and start everything; Ctrl-C stops it
	@exec $(RUN) manage.py up $(ARGS)

setup: prepare ## the whole set-up alone: .venv, packages, assets, database
	@$(RUN) manage.py migrate --verbosity 0 && echo "Ready. Start with: make up"

test: prepare-tests ## every test, those in a browser too
	$(run_tests)

chaos: export HANDGRAD_CHAOS := long
chaos: export HANDGRAD_CHAOS_COUNTS := $(CURDIR)/build/chaos-counts.jsonl
# PostgreSQL's restarts would end every test beside them: they have a run of their own. Each test ends within half an hour.
chaos: prepare-tests ## faults of every kind, the long form, on SQLite and on a PostgreSQL of its own: hours, then one table
	@mkdir -p build && : > "$$HANDGRAD_CHAOS_COUNTS"; failed=0; \
	restarts=tests/chaos/test_databases.py; \
	$(RUN) -m pytest $(SIDE_BY_SIDE) tests/chaos $(ARGS) || failed=$$?; \
	$(RUN) -m tests.chaos.cluster $(RUN) -m pytest $(SIDE_BY_SIDE) --ignore $$restarts tests/chaos $(ARGS) || failed=$$?; \
	$(RUN) -m tests.chaos.cluster $(RUN) -m pytest $$restarts || failed=$$?; \
	DJANGO_SETTINGS_MODULE=project.settings $(RUN) -m tests.chaos.counts; exit $$failed

rehearsal: prepare ## play a run to its end without a screen; exits 0 only if the score rose
	@exec $(RUN) manage.py rehearsal $(ARGS)

rehearsal-policy: prepare ## train a policy made from scratch through the whole stack; exits 0 only if its reward rose
	@$(RUN) manage.py install_policies
	@exec $(RUN) manage.py rehearsal_policy $(ARGS)

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
# The tests that reach the database, and the loop in a browser. What the others show does not depend on it, nor do the table of
# roles and endpoints, the schema of the API, brokers and endpoints that fail, and the weights of policies.
ON_ANY_DATABASE := accounts/test_access api/test_schema chaos/test_brokers chaos/test_endpoints \
	policy_runs/test_faults policy_runs/test_fork policy_runs/test_replay
test-postgresql: ARGS ?= $(addprefix tests/,accounts api browser/test_the_loop.py catalog chaos engine feedback limits \
	pages policy_runs provenance reading) $(patsubst %,--ignore=tests/%.py,$(ON_ANY_DATABASE))
test-postgresql: prepare-tests ## the tests that reach the database, on the PostgreSQL of DATABASE_URL (default: postgres@127.0.0.1)
	$(run_tests)

lock: prepare-tests ## write requirements/*.txt anew from requirements/*.in
	@requirements/lock $(ARGS)

prepare:
	@$(PYTHON) -I project/prepare.py

prepare-tests:
	@$(PYTHON) -I project/prepare.py tests
