# make run    set up everything and start the whole system: SQLite, the simulated carrier, the REST API
# make test   set up everything and run all checks and tests, through tox
# make lint   only style, types and layers
# make bench  all benchmarks, or one: make bench BENCH=sms_kannel
# make clean  remove what the above have made (not var/, which holds your data)

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PARTS  := . $(sort $(wildcard plugins/*/setup.cfg))
BENCH  ?=

.PHONY: run test lint bench servers clean

run: $(VENV)/.installed
	@$(BIN)/ictcore run

test: servers $(VENV)/.tox
	@rm -rf .tox/junit
	@$(BIN)/tox run; status=$$?; $(BIN)/python contrib/ci/summary.py .tox/junit || exit 1; exit $$status

lint: $(VENV)/.tox
	@$(BIN)/tox run -q -e lint,types,layers

bench: servers $(VENV)/.installed
	@$(BIN)/python tests/bench/run.py $(BENCH)

# The servers that the tests talk to. Without root they are left alone, and the tests that need them are skipped.
servers:
	@sh contrib/ci/servers.sh

$(VENV)/.venv:
	@sh contrib/ci/servers.sh python
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'setuptools>=68' wheel
	@touch $@

$(VENV)/.installed: $(VENV)/.venv setup.cfg $(wildcard plugins/*/setup.cfg)
	@echo "installing ictcore and its plugins ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
		-e '.[test]' $(foreach part,$(filter-out .,$(PARTS)),-e ./$(dir $(part)))
	@touch $@

$(VENV)/.tox: $(VENV)/.venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'tox>=4.14,<5'
	@touch $@

clean:
	rm -rf $(VENV) .tox .mypy_cache .ruff_cache .hypothesis .pytest_cache build *.egg-info plugins/*/*.egg-info
