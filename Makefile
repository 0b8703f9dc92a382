# make demo, make test: what a newcomer needs. The rest is listed by `make help`.
# The first interpreter that the locked wheels exist for (TensorFlow and pyjpegls: none for 3.14 yet).
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -q
INSTALL := $(PIP) install --require-hashes
UV_COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q

.DEFAULT_GOAL := help
.PHONY: help venv venv-test venv-train venv-transfer demo up test drills screenshots check pytest locks clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

venv: $(VENV)/.base ## create .venv with what the live service needs

venv-test: $(VENV)/.test ## the same, with what every test needs

venv-train: $(VENV)/.train ## the same, with what training needs

venv-transfer: $(VENV)/.transfer ## the same, with PyTorch beside it, for transfer learning in model compare

demo: $(VENV)/.base ## run the main job on real chest X-rays and print what happened
	@$(BIN)/cxr-triage demo

up: $(VENV)/.base ## start the same service and simulated PACS, and stay up
	@$(BIN)/cxr-triage demo --stay-up

test: check pytest ## every check and every test

drills: $(VENV)/.test ## break the service in every known way, for some hours, and count what is lost
	$(BIN)/cxr-triage drill

screenshots: $(VENV)/.test ## take the pictures of the worklist's pages in docs/figures again (needs Debian's chromium)
	CI=true WORKLIST_SCREENSHOTS=docs/figures $(BIN)/python -m pytest -q tests/browser/test_make_up.py

check: $(VENV)/.test ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

pytest: $(VENV)/.test ## every test
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

locks: $(VENV)/.test ## compile requirements/*.lock again from pyproject.toml
	$(PIP) install uv
	$(UV_COMPILE) pyproject.toml requirements/build.in --extra train --extra test -o requirements/test.lock
	$(UV_COMPILE) pyproject.toml requirements/build.in -c requirements/test.lock -o requirements/base.lock
	$(UV_COMPILE) pyproject.toml requirements/build.in --extra train -c requirements/test.lock -o requirements/train.lock
	$(UV_COMPILE) pyproject.toml requirements/build.in --extra train --extra transfer --no-emit-package torch \
		-c requirements/test.lock -o requirements/transfer.lock

clean: ## remove .venv and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "cxr-triage needs Python 3.11, 3.12 or 3.13 on the PATH"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.base: requirements/base.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing what the service needs into $(VENV) ..."
	@$(INSTALL) -r requirements/base.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.test: requirements/test.lock $(VENV)/.base
	@echo "Installing what tests need into $(VENV) ..."
	@$(INSTALL) -r requirements/test.lock
	@touch $@

$(VENV)/.train: requirements/train.lock $(VENV)/.base
	@echo "Installing what training needs into $(VENV) ..."
	@$(INSTALL) -r requirements/train.lock
	@touch $@

# PyTorch alone is pinned by version and not by hash: a release has several builds, each with a hash of its own. The
# registry's is for CUDA and takes several GB; PIP_FIND_LINKS names a folder that holds the build for processors.
$(VENV)/.transfer: requirements/transfer.lock $(VENV)/.base
	@echo "Installing what transfer learning needs into $(VENV) ..."
	@$(INSTALL) --no-deps -r requirements/transfer.lock
	@$(PIP) install --no-build-isolation -e ".[transfer]"
	@touch $@
