# The commands people type. Each only names what does the work: set-up is `python3 -m stack.bootstrap`, the rest pytest.
PYTHON  ?= python3
VENV    := .venv/bin
GATE    ?= staging
WITHOUT ?=
ARGS    ?=
RUNS    ?= 5

comma   := ,
without := $(foreach service,$(subst $(comma), ,$(WITHOUT)),--without $(service))
setup   := $(PYTHON) -m stack.bootstrap
inside  := ../../../$(VENV)
typed   := --no-error-summary --config-file ../../../pyproject.toml --cache-dir ../../../.mypy_cache

.DEFAULT_GOAL := help
.PHONY: help readiness test lint sabotage noise venv doctor images missing up down ps logs bench docs lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo '  GATE=staging|production  WITHOUT=grafana,loki  ARGS="further arguments for pytest"'

readiness: ## bring the stack up, run the whole checklist, write the scorecard (GATE, WITHOUT, ARGS)
	@$(setup) readiness --gate $(GATE) $(without) $(ARGS)

test: lint ## the project's own tests: lint, then unit and integration tests
	@$(setup) prepare $(without)
	@$(VENV)/python -m pytest tests -q --ignore=tests/sabotage --ignore=tests/benchmarks $(ARGS)

lint: venv ## ruff, mypy --strict, and who may import whom
	@$(VENV)/ruff check .
	@$(VENV)/mypy --no-error-summary stack suites chaos load reports exporter conftest.py
	@# From inside: seen from here they are below stack/images/, which is left out above, and nothing of them would be read.
	@cd stack/images/server && $(inside)/mypy $(typed) -p marketplace_server
	@cd stack/images/alert-receiver && $(inside)/mypy $(typed) -p alert_receiver
	@$(VENV)/lint-imports

sabotage: ## seeded defects, each of which the checklist must find
	@$(setup) prepare $(without)
	@$(VENV)/python -m pytest tests/sabotage -q $(ARGS)

noise: ## the security area RUNS times on the reference stack: what is raised, and what is not the same (RUNS, WITHOUT, ARGS)
	@$(setup) prepare $(without)
	@$(VENV)/python -m reports noise --runs $(RUNS) -- $(if $(ARGS),$(ARGS),suites/security) $(without)

venv: ## the virtual environment, from the hashed lock file
	@$(setup) venv

doctor: ## what is there against what is needed, and what each lack costs
	@$(PYTHON) -m stack.doctor

images: ## every image: present, else pulled, else built
	@$(setup) images $(without)

missing: ## the services whose image can't be had
	@$(setup) missing

up: ## bring the reference stack up and leave it running (WITHOUT)
	@$(setup) prepare $(without)
	@$(VENV)/python -m stack up $(without) $(ARGS)

down: venv ## take the reference stack down and leave nothing behind
	@$(VENV)/python -m stack down $(ARGS)

ps: venv ## the services and their health
	@$(VENV)/python -m stack ps $(ARGS)

logs: venv ## what a service wrote (ARGS="nginx --tail 50")
	@$(VENV)/python -m stack logs $(ARGS)

bench: ## the figures of docs/benchmarks.md
	@$(setup) prepare $(without)
	@$(VENV)/python -m tests.benchmarks $(ARGS)

docs: venv ## docs/checks.md, docs/faults.md, docs/objectives.md and the catalogue, from the code
	@$(VENV)/python -m reports docs
	@$(VENV)/python -m chaos docs
	@PYTHONPATH=stack/images/server $(VENV)/python -m marketplace_server.description > docs/openapi.json
	@$(VENV)/python -m suites.operations.objectives

lock: ## requirements.lock from requirements.in, for all supported Pythons (needs uv)
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --upgrade \
	    --output-file requirements.lock requirements.in

clean: ## the stack, caches and reports; never keys, secrets or images
	@if [ -x $(VENV)/python ] && docker info >/dev/null 2>&1; then $(VENV)/python -m stack down; fi
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis reports/out .seatrial/cache
