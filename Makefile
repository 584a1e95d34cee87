# `make run` and `make test` install what they need into .venv and node_modules at first use.

PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$name -c '$(RECENT)' 2>&- && command -v $$name && break; done)
RECENT := import sys; sys.exit(sys.version_info < (3, 11))
WEB := app/web
JS := tests/e2e/js
BROWSER := tests/browser/js
PRISMA_CLI := tests/e2e/prisma_cli
CLUSTER := tests/cluster/js
PEERS := bench/peers/nest bench/peers/socketio
PRISMA := bench/peers/nest-prisma
NPM := node_modules/.installed
# Many tests wait, so use more workers than cores. A part of the suite runs faster without workers.
WORKERS := --numprocesses=4 --dist=loadfile --no-loadscope-reorder
# All tests except the unit tests need these.
CLIENTS := $(WEB)/$(NPM) $(JS)/$(NPM) $(BROWSER)/$(NPM) $(PRISMA)/$(NPM) $(PRISMA_CLI)/$(NPM) $(CLUSTER)/$(NPM) chromium nginx
BIN := .venv/bin
# --no-deps: the lock is complete, so pip need not and must not install other packages.
PIP_INSTALL = scripts/run-installer pip $(@D)/bin/python -m pip --disable-pip-version-check install \
	--quiet --no-deps --require-hashes
PIP_COMPILE := CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/pip-compile --quiet --no-strip-extras \
	--allow-unsafe --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-emit-trusted-host
DEV_GROUP := import tomllib; project = tomllib.load(open("pyproject.toml", "rb")); \
	print(*project["dependency-groups"]["dev"], sep="\n")

# Without files of bytecode, each worker of the tests and each server would compile the code again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install run clients test versions lint types check lock screenshots bench storage backplane workers scaling soak profile \
	path reliability framework

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-12s%s\n", $$1, $$2 }' Makefile

install: .venv/.runtime ## prepare .venv with the pinned dependencies

run: install page ## start the server on http://127.0.0.1:3002, and restart it at every change
	@$(BIN)/python -m app run --reload

clients: .venv/.dev $(CLIENTS) ## install what the tests need: faster with --jobs=4

test: .venv/.dev $(if $(filter tests/unit/%,$(ARGS)),,$(CLIENTS)) ## run every test (one: make test ARGS=path)
	@$(BIN)/python -m pytest $(if $(findstring tests,$(ARGS)),,$(WORKERS)) $(ARGS)

versions: unit-on-3.11 unit-on-3.12 unit-on-3.13 ## run the unit tests on the other supported versions of Python that are installed

lint: .venv/.dev ## check ruff's rules and format, and the import contracts
	@$(BIN)/ruff check && $(BIN)/ruff format --check && $(BIN)/lint-imports

types: .venv/.dev ## check the types with mypy --strict
	@$(BIN)/mypy

check: lint types ## run lint and types

lock: .venv/.dev ## update the pinned versions of the dependencies in pyproject.toml
	@$(PIP_COMPILE) --output-file=requirements.txt pyproject.toml
	@$(BIN)/python -c '$(DEV_GROUP)' | \
		$(PIP_COMPILE) --constraint=requirements.txt --output-file=requirements-dev.txt -

screenshots: .venv/.dev $(WEB)/$(NPM) $(BROWSER)/$(NPM) chromium ## update the pictures of the page in docs/
	@$(BIN)/python -m tests.browser.screenshots

bench: .venv/.dev $(PEERS:=/$(NPM)) ## compare the server with its peers (a part: make bench ARGS='--only ack,fan100')
	@$(BIN)/python -m pytest --quiet -m c_compiler tests/e2e/test_load_generator.py
	@$(BIN)/python -m bench $(ARGS)

storage: .venv/.dev $(PRISMA)/$(NPM) ## measure the databases: NestJS + Prisma and this server, group commit, and reading missed messages
	@$(BIN)/python -m bench.storage $(ARGS)

backplane: .venv/.dev $(CLUSTER)/$(NPM) ## measure what the Redis adapter adds to a delivery, here and in Node.js
	@$(BIN)/python -m bench.backplane

workers: .venv/.dev ## measure one, two and four workers on PostgreSQL and Redis
	@$(BIN)/python -m bench.workers $(ARGS)

scaling: .venv/.dev ## measure the cost of an event to nodes and Redis, and compute the size of large clusters
	@$(BIN)/python -m bench.scaling

soak: .venv/.dev ## measure the memory while 2,000 users connect, chat and disconnect for 20 minutes
	@$(BIN)/python -m bench.soak $(ARGS)

reliability: .venv/.dev $(JS)/$(NPM) $(PRISMA)/$(NPM) ## kill and starve the server for minutes while users chat, and look for lost messages
	@$(BIN)/python -m tests.reliability $(ARGS)

profile: .venv/.dev ## show where the server spends its time: make profile ARGS=ack
	@$(BIN)/python -m bench.profile $(ARGS)

path: .venv/.dev ## list the files and functions that a sendMessage and a CONNECT pass
	@$(BIN)/python -m bench.path

framework: .venv/.dev ## build app/framework as the distribution lychgate, into dist/
	@$(BIN)/python -m library.build dist

# The stamp file is written last, so an interrupted installation is repeated from the start.

.venv/.runtime: requirements.txt
	@"$(PYTHON)" -c '$(RECENT)' 2>&- || \
		{ echo 'Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	@echo 'Installing the pinned dependencies into .venv ...'
	@"$(PYTHON)" -m venv --clear .venv || $(SHOW_VENV_ERROR)
	@$(PIP_INSTALL) --requirement=requirements.txt
	@touch $@

# venv does not say why it could not install pip, such as a full disk. ensurepip does.
SHOW_VENV_ERROR = scripts/run-installer pip $(@D)/bin/python -m ensurepip --upgrade --default-pip

# A test installs the lock with the oldest supported pip.
OLDEST_PIP = $(PIP_INSTALL) --upgrade --target=$(@D)/oldest-pip --requirement=tests/oldest-pip.txt

.venv/.dev: .venv/.runtime requirements-dev.txt tests/oldest-pip.txt
	@echo 'Installing the pinned development tools into .venv ...'
	@$(OLDEST_PIP)
	@$(PIP_INSTALL) --requirement=requirements-dev.txt
	@touch $@

.venv-%/.dev: requirements.txt requirements-dev.txt tests/oldest-pip.txt
	@echo 'Installing the pinned packages into $(@D) ...'
	@$$(scripts/find-python $*) -m venv --clear $(@D) || $(SHOW_VENV_ERROR)
	@$(OLDEST_PIP)
	@$(PIP_INSTALL) --requirement=requirements.txt --requirement=requirements-dev.txt
	@touch $@

unit-on-%: .venv/.dev
	@if [ -e .venv/lib/python$* ]; then echo 'Python $*: make test runs its unit tests.'; \
	elif scripts/find-python $* >/dev/null; then \
		$(MAKE) --no-print-directory .venv-$*/.dev && echo 'The unit tests on Python $*:' && \
		.venv-$*/bin/python -m pytest --quiet --numprocesses=2 tests/unit; \
	else echo 'Python $* is not installed here, so its unit tests were not run.'; fi

%/$(NPM): %/package.json %/package-lock.json
	@{ node -e 'process.exit(+(parseInt(process.versions.node) < 20))' && npm --version; } >/dev/null 2>&1 || \
		{ echo 'Node.js 20 or newer, with npm, is needed for the page, the tests and the bench; see nodejs.org.' >&2; exit 1; }
	@scripts/run-installer npm npm ci --prefix=$* --no-audit --no-fund --loglevel=error
	@touch $@

# The server runs without Node.js, and its page says what is missing.

.PHONY: page chromium nginx
page:
	@$(MAKE) --no-print-directory $(WEB)/$(NPM) >/dev/null || \
		echo 'The page needs socket.io-client: with Node.js 20 or newer, npm ci --prefix $(WEB).' >&2

chromium: .venv/.dev $(BROWSER)/$(NPM)
	@$(BIN)/python -m tests.browser.chromium

# After chromium, because only one apt-get can run at a time.
nginx: .venv/.dev | chromium
	@$(BIN)/python -m tests.nginx_program
