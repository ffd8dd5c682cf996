# Every target works from a fresh clone with only Python and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test bench soak cold sim storms disk chaos contract check setup setup-test setup-bench clean

# The whole system offline: both simulated venues, a scripted minute, a ledger that equals both venues.
demo: setup
	@$(BIN)/controller demo $(ARGS)

# Two files of tests at a time, each whole and in order in one process; then those that measure time, by themselves.
# Exit 5 = ARGS chose no test of that part.
PYTEST := $(BIN)/python -m pytest
BESIDE := -n 2 --dist loadfile --no-loadscope-reorder -m "not alone"
define run-tests
$(PYTEST) $(BESIDE) $(ARGS) || [ $$? = 5 ]
$(PYTEST) -m alone $(ARGS) || [ $$? = 5 ]
endef

test: setup-test
	$(run-tests)

# Ratios beside their reference, one JSON line each.
bench: setup-bench
	@$(BIN)/python -m tests.bench $(ARGS)

# One controller under 10,000 book frames a second for a minute; the frames are written first, which takes a while.
soak: setup-test
	@$(BIN)/python -m tests.bench.soak_run $(ARGS)

# Five minutes of idling with trades between: orders that left on a cold socket.
cold: setup-test
	@$(BIN)/python -m tests.bench.cold_run $(ARGS)

# The whole system in virtual time, seed after seed, with faults: make sim SEEDS=300 FIRST=1.
SEEDS ?= 300
FIRST ?= 1
sim: setup-test
	@PYTHONHASHSEED=0 $(BIN)/python -m tests.sim --seeds $(SEEDS) --first $(FIRST) $(ARGS)

# Fifty storms over the venues, twenty seeds each.
storms: setup-test
	@PYTHONHASHSEED=0 $(BIN)/python -m tests.sim.storms $(ARGS)

# The power goes at every step of a leg and of a commit, fifty seeds each, on real SQLite files: unsynced bytes are lost or torn.
disk: setup-test
	@PYTHONHASHSEED=0 $(BIN)/python -m tests.sim.power $(ARGS)

# kill -9 of the real programs at every step of a leg and at random moments, on the simulated venues: over an hour.
chaos: setup-test
	@$(BIN)/python tests/system/chaos_run.py $(ARGS)

# Strangers' clients, each in an environment of its own, on the simulators.
contract: setup
	@$(BIN)/python -m tests.contract --environments $(VENV)/contract $(ARGS)

# What .ci/run runs before the demo.
check: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(run-tests)

setup: $(VENV)/.runtime
setup-test: $(VENV)/.test
setup-bench: $(VENV)/.bench

$(VENV)/.runtime: pyproject.toml constraints.txt
	@echo "installing what Tandem needs into $(VENV) (once)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.test: $(VENV)/.runtime
	@echo "installing the test tools into $(VENV) (once)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test,check]"
	@touch $@

$(VENV)/.bench: $(VENV)/.test
	@echo "installing the clients we are measured against into $(VENV) (once)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test,bench]"
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info state logs
