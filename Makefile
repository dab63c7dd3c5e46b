# Rust and Node (20 or newer) are all that must be there before; what else is needed is installed on the way, and each
# installation is announced by one line. `make` alone tells what can be made.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A server to look at keeps its data in a folder of its own, so that trying things out touches no real board.
DATA_DIR ?= tmp/demo
ADDR ?= 127.0.0.1:3000
MINUTES ?= 5

.PHONY: help
help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "  make %-14s %s\n", $$1, $$2 }'

.PHONY: build
build: ## The release binary, target/release/cardume; it runs alone, from anywhere
	@scripts/build.sh

.PHONY: run
run: build ## Build, and serve the board with a demo project (ADDR=127.0.0.1:3000 DATA_DIR=tmp/demo)
	@echo "The board will be at http://$(ADDR); its data is in $(DATA_DIR) (remove the folder to start afresh)"
	@exec target/release/cardume serve --demo --addr $(ADDR) --data-dir $(DATA_DIR)

.PHONY: dev
dev: ## Serve a debug build with the demo project; build and start again on every change
	@scripts/install-build-tools.sh
	@node scripts/dev.mjs --addr $(ADDR) --data-dir $(DATA_DIR)

.PHONY: test
test: build ## Everything: Rust on SQLite and Postgres, the browser, the real agent CLIs
	@scripts/install-test-tools.sh
	@scripts/with-postgres-on-path.sh cargo test
	@cd end2end && npx playwright test --project board
	@$(MAKE) --no-print-directory test-agents

.PHONY: test-api
test-api: ## The server against its OpenAPI document, with schemathesis (CARDUME_API_SECONDS=60 CARDUME_API_SEED=12)
	@cargo test --test openapi -- --nocapture

.PHONY: test-agents
test-agents: build ## The real claude CLI against a scripted API, through a whole workflow
	@scripts/install-test-tools.sh --agents-only
	@cd end2end && npx playwright test --project agents

# How often each row of the fault matrix is tried, and what decides the moments (empty: chance; it is printed).
ROUNDS ?= 20
SEED ?=

.PHONY: faults
faults: ## The fault matrix on both databases: ROUNDS=20, SEED=… repeats a run, ROW=row_7 runs one row
	@scripts/install-test-tools.sh
	@CARDUME_FAULT_ROUNDS=$(ROUNDS) CARDUME_FAULT_SEED=$(SEED) \
		scripts/with-postgres-on-path.sh cargo test --test faults -- --test-threads 2 --nocapture $(ROW)

.PHONY: bench
bench: ## How fast logs are added and read, what masking costs, and all of it under load for a minute
	@cargo bench --bench store --bench masking --bench keeping
	@scripts/with-postgres-on-path.sh cargo bench --bench load

.PHONY: bench-load
bench-load: ## The load alone, for longer (MINUTES=5)
	@scripts/with-postgres-on-path.sh cargo bench --bench load -- --minutes $(MINUTES)

.PHONY: bench-browser
bench-browser: build ## How fast the board is in a browser, and what Lighthouse says of it
	@scripts/install-test-tools.sh
	@cd end2end && npx playwright test --project bench --workers 1

.PHONY: fmt
fmt: ## Format the Rust sources
	@cargo fmt

.PHONY: lint
lint: ## Formatting, clippy on the server's and the browser's side, types of the end-to-end tests
	@scripts/install-build-tools.sh
	@scripts/install-test-tools.sh --agents-only
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy --lib --target wasm32-unknown-unknown --no-default-features --features hydrate -- -D warnings
	cd end2end && npx tsc --noEmit

.PHONY: clean
clean: ## Remove all that was built and installed in the clone (not the data)
	@cargo clean
	@rm -rf target node_modules end2end/node_modules end2end/artifacts end2end/test-results
