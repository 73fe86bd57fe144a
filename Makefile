# Two commands are enough: `make run` brings up the whole system, `make test` proves it.
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

# ONLY="model faults" runs these alone
nightly: setup
	@$(BIN)/python -m tests.nightly $(ONLY)

test-containers: setup
	@$(BIN)/python -m pytest tests/containers

outages: setup
	@$(BIN)/python -m pytest tests/outages

# SEEDS=n that many, drawn from the commit; SEED=k that one; COPIES=n of each service; SHORT=1 as in
# the tests; PUBLISH=1 into docs/faults.md
faults: setup
	@$(BIN)/python -m tests.faults --seeds $(or $(SEEDS),5) $(if $(SEED),--seed $(SEED)) \
		$(if $(COPIES),--copies $(COPIES)) $(if $(SHORT),--short) $(if $(PUBLISH),--publish)

# KILLS=n of each seed, of processes of a small service on the same engine; PUBLISH=1 as above
kills: setup
	@$(BIN)/python -m tests.faults.many --seeds $(or $(SEEDS),5) --kills $(or $(KILLS),100) \
		$(if $(SEED),--seed $(SEED)) $(if $(PUBLISH),--publish)

# SECONDS=n so long, TIMES=n of the capacity, HELD=0.9 with a database that stands still 90 % of the
# time; PUBLISH=1 into docs/pressure.md
pressure: setup
	@$(BIN)/python -m tests.pressure --seconds $(or $(SECONDS),600) --times $(or $(TIMES),10) \
		$(if $(HELD),--held $(HELD)) \
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

# ONLY="relay intake" measures these alone, RUNS=9 more often, SAVE=1 keeps it in docs/bench.md
bench: setup
	@$(BIN)/samraad bench $(ONLY) $(if $(RUNS),--runs $(RUNS)) $(if $(SAVE),--save)

clean:
	@if [ -x $(BIN)/samraad ]; then $(BIN)/samraad down; fi
	rm -rf $(VENV) $(VENV).lock .samraad
