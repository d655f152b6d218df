# make demo   compile an example for both targets and verify it
# make test   lint, types and every test
# make lint   lint and types
# make clean  remove what the other targets made
#
# Each makes .venv and installs into it the first time, and again when the dependencies change.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
MODEL ?= examples/digits_cnn/model.onnx
INPUTS ?= $(dir $(MODEL))inputs.npz

.PHONY: demo test lint clean

demo: $(STAMP)
	$(BIN)/qcompile $(MODEL) --target riscv --inputs $(INPUTS) -o out/riscv
	$(BIN)/qcompile $(MODEL) --target fpga --inputs $(INPUTS) -o out/fpga
	$(BIN)/qcompile simulate $(MODEL) --inputs $(INPUTS) --labels $(INPUTS) --output out/simulated.npz
	@echo
	@echo "reports: out/riscv/report.json out/fpga/report.json"

test: lint
	$(BIN)/pytest -n 2 --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "qcompile needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -qq -c constraints.txt -e '.[all,test]'
	@touch $@

clean:
	rm -rf .venv out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
