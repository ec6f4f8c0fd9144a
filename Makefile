# Needs Python 3.10 or newer, make and git; `make image` needs a Docker engine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV ?= $(BIN)/uv
DOCKER ?= docker
DOCKER_BUILD_FLAGS ?=
IMAGE ?= source-gitlab:dev
# One more than there are processors, for tests wait for servers, too.
PROCESSES := $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
# In the order of conftest.py, which starts with the slowest files.
PYTEST_FLAGS ?= --numprocesses=$(PROCESSES) --dist=loadfile --no-loadscope-reorder --durations=40
UPGRADE ?=
GITLAB ?=

STAMP := $(VENV)/.installed
SITE_VENV := build/site-environment
SITE_STAMP := $(SITE_VENV)/.installed
DEMO_VENV := build/demo-environment
# Where there is an environment that has everything, nothing is installed for a demonstration.
DEMO_READY := $(if $(wildcard $(STAMP)),$(STAMP),$(DEMO_VENV)/.installed)
DEMO_BIN := $(if $(wildcard $(STAMP)),$(BIN),$(DEMO_VENV)/bin)
LOCKS := requirements/uv.txt requirements/dev.txt requirements/build.txt
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
CHECK_PYTHON := $(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 10) <= v < (3, 14) else "Python 3.10 to 3.13 is needed, %s is %d.%d: make PYTHON=python3.12 ..." % (sys.executable, *v))'
COMPILE := $(UV) pip compile --universal --python-version 3.10 --generate-hashes --quiet \
	--no-strip-extras --no-annotate --no-header --no-emit-index-url --no-emit-find-links $(UPGRADE)

# All but spark, which brings hundreds of megabytes.
DEV_EXTRAS := --extra airbyte --extra dlt --extra isal --extra mcp --extra report

# Tests start thousands of processes, each of which would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo demo-faces gitlab test lint format lock docs site pictures schema image soak bench bench-quick clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1	\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(DEMO_READY) ## read an emulated GitLab into DuckDB, and make a page of it
	$(DEMO_BIN)/python -m integration_tests.demo

demo-faces: $(STAMP) ## show each face on one screen: DuckDB, Airbyte, Singer, Flow, agent, MCP, Parquet
	$(BIN)/python -m integration_tests.demo_faces

gitlab: $(STAMP) ## run an emulated GitLab; make gitlab GITLAB="--world scaled --projects 1000"
	$(BIN)/python -m integration_tests.gitlab --explain --port 8929 $(GITLAB)

test: lint ## every check and every test
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

lint: $(STAMP) ## style, types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(STAMP) ## what ruff can mend, mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(STAMP) ## write the generated pages of docs/
	$(BIN)/python -m tools.docs

site: $(SITE_STAMP) ## build the documentation site into build/site
	NO_MKDOCS_2_WARNING=1 $(SITE_VENV)/bin/python -m mkdocs build --strict --quiet
	@echo "Open build/site/index.html in a browser: it needs no network."

pictures: $(STAMP) ## make the pictures of the documents again
	$(BIN)/python -m tools.pictures

schema: $(STAMP) ## draft the columns of a stream: make schema STREAM=environments [ENTITY=Environment]
	$(BIN)/python -m tools.draft_schema $(STREAM) $(if $(ENTITY),--entity $(ENTITY))

lock: $(STAMP) ## compile the lock files; make lock UPGRADE=--upgrade takes the newest
	$(COMPILE) requirements/uv.in -o requirements/uv.txt
	$(COMPILE) --extra isal pyproject.toml -o requirements/runtime.txt
	$(COMPILE) requirements/build.in -o requirements/build.txt
	$(COMPILE) $(DEV_EXTRAS) pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(COMPILE) --extra report pyproject.toml requirements/demo.in -o requirements/demo.txt
	$(COMPILE) pyproject.toml requirements/pyairbyte.in -o requirements/pyairbyte.txt
	$(COMPILE) requirements/singer.in -o requirements/singer.txt
	$(COMPILE) requirements/singer-sdk.in -o requirements/singer-sdk.txt
	$(COMPILE) requirements/meltano.in -o requirements/meltano.txt
	$(COMPILE) requirements/dbt.in -o requirements/dbt.txt
	$(COMPILE) requirements/estuary.in -o requirements/estuary.txt
	$(COMPILE) requirements/airflow.in -o requirements/airflow.txt
	$(COMPILE) requirements/dagster.in -o requirements/dagster.txt
	$(COMPILE) requirements/site.in -o requirements/site.txt
	$(COMPILE) --constraint requirements/build.txt pyproject.toml requirements/dask.in -o requirements/dask.txt
	$(COMPILE) --constraint requirements/build.txt --extra spark pyproject.toml -o requirements/spark.txt

image: ## build the Docker image
	$(DOCKER) build $(DOCKER_BUILD_FLAGS) --build-arg VERSION=$(VERSION) --tag $(IMAGE) .

soak: $(STAMP) ## read for hours while the emulated GitLab misbehaves
	$(BIN)/python -m integration_tests.soak

bench: $(STAMP) ## measure against the peers
	$(BIN)/python -m benchmarks

bench-quick: $(STAMP) ## measure this connector only, in two minutes
	$(BIN)/python -m benchmarks --quick

clean: ## remove what the other targets made
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What a demonstration runs: the package from this folder, which is not installed, DuckDB, and the emulator.
$(DEMO_VENV)/.installed: requirements/demo.txt
	@echo "Installing into $(DEMO_VENV) what a demonstration needs: what the package depends on (DuckDB and"
	@echo "others), the charts of its report, and the web server of an emulated GitLab: some 130 MB."
	@$(CHECK_PYTHON)
	@rm -rf $(DEMO_VENV)
	@$(PYTHON) -m venv $(DEMO_VENV)
	@$(DEMO_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		--no-compile -r requirements/demo.txt
	@touch $@

# One environment, made anew whenever a lock file changes, so that it never holds what no lock names.
# pip brings uv, and uv the rest.
$(STAMP): $(LOCKS) pyproject.toml
	$(CHECK_PYTHON)
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/uv.txt
	$(BIN)/python -m tools.installing $(VENV) $(LOCKS)
	$(BIN)/uv pip install --quiet --python $(VENV) --no-deps --no-build-isolation --editable .
	touch $@

# Of its own, because what builds the site is nothing that the product is tested with.
$(SITE_STAMP): requirements/site.txt
	rm -rf $(SITE_VENV)
	$(PYTHON) -m venv $(SITE_VENV)
	$(SITE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		-r requirements/site.txt
	touch $@
