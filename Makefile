# `make help` lists the targets. Those that need the environment set it up first when it is missing or out of date.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Extra arguments, for example: make test ARGS='tests/partitioner -k dsl', make demo ARGS='--frames 60'
ARGS ?=

PACKAGES := split_wire partitioner pictures split_model models cloud_service edge_service link_emulator dads bench chaos
# pip, with one line for each thing it does instead of its progress bars.
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-input --progress-bar off -c constraints.txt \
	$${TORCH_INDEX_URL:+--extra-index-url "$$TORCH_INDEX_URL"}
PIP_LINES := awk '/^(Collecting|Building|Installing)/ { print "      " $$0; fflush() }'
COMPOSE := docker compose

.PHONY: help setup demo test lint typecheck imports protos protos-check dashboard bench bench-decide bench-full chaos fuzz soak cameras packets replicas up down clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP)  ## create .venv with everything in it, pinned by constraints.txt
	@echo "$(VENV) is ready"

# torch comes first and exactly pinned: asked for so, pip takes a CPU build where its indexes have one; a looser
# requirement may pull several GB of CUDA libraries. TORCH_INDEX_URL adds an index, for example
# https://download.pytorch.org/whl/cpu
$(STAMP): pyproject.toml constraints.txt
	@missing=; \
	for tool in git $(PYTHON); do command -v $$tool > /dev/null || missing="$$missing $$tool"; done; \
	[ -z "$$missing" ] || { echo "error: not found:$$missing. Install it and run make setup again." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' \
	  || { echo "error: $(PYTHON) is $$($(PYTHON) --version); Python 3.11 is needed (make setup PYTHON=...)." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null \
	  || { echo "error: $(PYTHON) has no venv module; install it (on Debian: apt install python3.11-venv)." >&2; exit 1; }
	@echo "[1/3] virtual environment in $(VENV)"; SECONDS=0; \
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV); echo "      done in $${SECONDS} s"
	@echo "[2/3] torch and torchvision (the large ones: 0.2 GB for a CPU build, several GB for a CUDA build)"; SECONDS=0; \
	$(PIP_INSTALL) torch torchvision | $(PIP_LINES); echo "      done in $${SECONDS} s"
	@echo "[3/3] this project, editable, with what it needs to run, demonstrate and test"; SECONDS=0; \
	$(PIP_INSTALL) -e '.[demo,dev]' | $(PIP_LINES); echo "      done in $${SECONDS} s"
	@touch $@

demo: $(STAMP)  ## run cloud, link and edge on this machine with a real clip
	$(BIN)/dads demo $(ARGS)

test: $(STAMP)  ## run the tests
	$(BIN)/python -m pytest $(ARGS)

lint: $(STAMP)  ## check style: ruff, and buf for the wire contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/buf lint protos

typecheck: $(STAMP)  ## check types: mypy, strict
	$(BIN)/mypy

imports: $(STAMP)  ## check who may import whom
	$(BIN)/lint-imports

# The stubs take their package from the path that protoc is told of: `-I split_wire=protos` puts the contract into
# split_wire. protoc finds its mypy plugins on the PATH. Of the Open Inference Protocol nobody needs the gRPC stubs.
protos: $(STAMP)  ## generate the stubs of protos/*.proto again
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m grpc_tools.protoc -I split_wire=protos \
	  --python_out=. --grpc_python_out=. --mypy_out=quiet:. --mypy_grpc_out=quiet:. split_wire/split.proto
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m grpc_tools.protoc -I cloud_service/open_inference=protos \
	  --python_out=. --mypy_out=quiet:. cloud_service/open_inference/open_inference.proto

protos-check: protos  ## check that the committed stubs are those of protos/*.proto
	@changed="$$(git status --porcelain split_wire cloud_service/open_inference)"; \
	[ -z "$$changed" ] || { echo "error: the generated stubs differ from the committed ones; commit them:" >&2; \
	  echo "$$changed" >&2; exit 1; }

dashboard: $(STAMP)  ## make Grafana's dashboard again, from deploy/grafana/make_dashboard.py
	$(BIN)/python deploy/grafana/make_dashboard.py

.PHONY: architecture
architecture: $(STAMP)  ## draw docs/images/architecture.svg again, from the imports of the code
	$(BIN)/python docs/draw_architecture.py

bench: $(STAMP)  ## measure everything in about 25 minutes, or one thing: make bench ARGS=decide; --list tells names
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.all $(ARGS)

bench-decide: $(STAMP)  ## measure how long decisions take
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.decide $(ARGS)

bench-full: $(STAMP)  ## the long benchmarks (hours); goes on where it was interrupted, ARGS=--fresh begins anew
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.all --full $(ARGS)

chaos: $(STAMP)  ## 10,000 frames with random faults in under 20 minutes; ARGS='--frames 500 --seed 2'
	OMP_NUM_THREADS=1 $(BIN)/python -m chaos.run $(ARGS)

fuzz: $(STAMP)  ## a million inputs at codec and server; ARGS='--inputs 20000'
	OMP_NUM_THREADS=1 $(BIN)/python -m chaos.fuzz $(ARGS)

soak: $(STAMP)  ## 15 minutes of frames, and what grew; ARGS='--minutes 3'
	OMP_NUM_THREADS=1 $(BIN)/python -m chaos.soak $(ARGS)

cameras: $(STAMP)  ## 10 minutes of live cameras with faults, read by a slow edge; ARGS='--minutes 2 --server gstreamer'
	OMP_NUM_THREADS=1 $(BIN)/python -m chaos.camera_runs.live_camera $(ARGS)

packets: $(STAMP)  ## 10,000 frames of a stream and of a file, each answer compared, with faults; ARGS='--frames 500'
	OMP_NUM_THREADS=1 $(BIN)/python -m chaos.camera_runs.packets_soak $(ARGS)

replicas: $(STAMP)  ## 2 minutes of 8 edges while one of 3 replicas is killed every 5 s; ARGS='--behind clouds --minutes 1'
	OMP_NUM_THREADS=1 $(BIN)/python -m chaos.replicas $(ARGS)

up:  ## start the services with docker compose; the dashboard is at http://localhost:3000
	$(COMPOSE) up --detach --build $(ARGS)

down:  ## stop what make up started
	$(COMPOSE) down $(ARGS)

clean:  ## remove caches and outputs; .venv stays (rm -r .venv removes it)
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage dist out
	find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +
