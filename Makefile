# Two commands are enough: `make run` starts the whole system, `make test` tests it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup run test nightly test-containers outages faults kills pressure model regressions runbooks upgrade check lock bench clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml deploy/embedded/kafka-jars.sha256
	@$(PYTHON) deploy/embedded/install.py $(VENV)
	@touch $@

run: setup
	@$(BIN)/samraad up --demo

# Three workers share two cores, for most tests wait more than they compute (docs/testing.md)
test: setup
	@$(BIN)/python -m pytest -n 3

# ONLY="model faults": run these alone
nightly: setup
	@$(BIN)/python -m tests.nightly $(ONLY)

test-containers: setup
	@$(BIN)/python -m pytest tests/containers

outages: setup
	@$(BIN)/python -m pytest tests/outages

# SEEDS=n: so many seeds, drawn from the commit; SEED=k: that seed; COPIES=n: processes per service;
# SHORT=1: as short as in the tests; PUBLISH=1: write docs/faults.md
faults: setup
	@$(BIN)/python -m tests.faults --seeds $(or $(SEEDS),5) $(if $(SEED),--seed $(SEED)) \
		$(if $(COPIES),--copies $(COPIES)) $(if $(SHORT),--short) $(if $(PUBLISH),--publish)

# Kills processes of a small service on the same engine. KILLS=n: kills per seed; PUBLISH=1: write
# docs/faults.md
kills: setup
	@$(BIN)/python -m tests.faults.many --seeds $(or $(SEEDS),5) --kills $(or $(KILLS),100) \
		$(if $(SEED),--seed $(SEED)) $(if $(PUBLISH),--publish)

# SECONDS=n: duration; TIMES=n: load as a multiple of the capacity; FROZEN=0.9: suspend the database
# for 90 % of the time; PUBLISH=1: write docs/pressure.md
pressure: setup
	@$(BIN)/python -m tests.pressure --seconds $(or $(SECONDS),600) --times $(or $(TIMES),10) \
		$(if $(FROZEN),--frozen $(FROZEN)) \
		$(if $(SEED),--seed $(SEED)) $(if $(PUBLISH),--publish)

model: setup
	@$(BIN)/python -m tests.protocol

regressions: setup
	@$(BIN)/python -m tests.regressions $(if $(RULE),--rule $(RULE))

runbooks: setup
	@$(BIN)/python -m tests.runbooks

upgrade: setup
	@$(BIN)/python -m pytest tests/upgrade

check: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/samraad manifests check

lock: setup
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --extra embedded --extra dev pyproject.toml -o requirements.lock
	@$(BIN)/python -m deploy.images.locks

# ONLY="relay intake": measure these alone; RUNS=9: repeat each; SAVE=1: write docs/bench.md
bench: setup
	@$(BIN)/samraad bench $(ONLY) $(if $(RUNS),--runs $(RUNS)) $(if $(SAVE),--save)

clean:
	@if [ -x $(BIN)/samraad ]; then $(BIN)/samraad down; fi
	rm -rf $(VENV) $(VENV).lock .samraad
