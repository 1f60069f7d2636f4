# What people do with this project. Tools that are not Rust's come as pinned Python wheels into
# .tools; nothing goes into the system.

TOOLS := .tools
export PATH := $(CURDIR)/$(TOOLS)/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0

.DEFAULT_GOAL := help
.PHONY: help demo run test test-moto storm bench bench-quick check build deploy tools

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: local-binaries ## Run everything once, send every sample callback, show what came of it
	target/debug/desk-local demo

run: local-binaries ## Run everything and keep it up, on http://127.0.0.1:9000
	target/debug/desk-local run $(ARGS)

.PHONY: local-binaries
local-binaries:
	@echo "Building (the first time takes some minutes: the AWS SDK is large)"
	cargo build --locked -p assign-agent -p session-events -p desk -p desk-local

test: ## All tests: unit, handler, adapter, end to end
	cargo test --locked --workspace

test-moto: tools ## The same tests of tables, queue and secrets on moto, for a second opinion
	DESK_TEST_ENGINE=moto cargo test --locked --workspace --test store --test reading --test end_to_end \
	    --test faults --test summaries --test spill --test crashes --test desk --test services --test secrets

storm: ## 20,000 events on a DynamoDB that throttles, fails, stalls and goes away
	cargo build --locked --release -p session-events
	cargo build --locked -p desk-local
	target/debug/desk-local storm

bench: build bench-binaries ## How fast and how small the functions are, into docs/performance.md
	target/release/desk-local bench --write $(ARGS)

bench-quick: bench-binaries ## The ratios alone, in seconds (ARGS=--json, --check; see ARGS=--help)
	@target/release/desk-local bench --quick $(ARGS)

# Apart from desk-local, whose features of shared crates are not theirs.
.PHONY: bench-binaries
bench-binaries:
	@cargo build --quiet --locked --release -p assign-agent -p session-events -p desk-floor
	@cargo build --quiet --locked --release -p desk-local

check: $(TOOLS)/installed $(TOOLS)/checkov/installed ## Format, lints, fuzz targets, docs, template, dependencies
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	# Nothing is linked: the library, which takes a C++ compiler, is not needed.
	CUSTOM_LIBFUZZER_PATH=target/none cargo check --manifest-path fuzz/Cargo.toml --locked --target-dir target
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet
	tools/check-template
	$(TOOLS)/bin/python -B tools/test_zip_functions.py
	tools/check-dependencies
	tools/check-licences

build: $(TOOLS)/installed ## Both functions as arm64 zips, in target/lambda
	cargo lambda build --release --arm64 --locked -p assign-agent -p session-events
	tools/zip-functions assign-agent session-events
	@ls -l target/lambda/*/bootstrap.zip

deploy: $(TOOLS)/installed ## Build and deploy to AWS, asking for what it must know
	sam build
	sam deploy --guided

tools: $(TOOLS)/installed ## The tools that are not Rust's, into .tools

$(TOOLS)/installed: tools/requirements.txt
	@echo "Installing the tools of tools/requirements.txt into $(TOOLS)"
	python3 -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check --requirement tools/requirements.txt
	touch $@

$(TOOLS)/checkov/installed: tools/requirements-checkov.txt | $(TOOLS)/installed
	python3 -m venv $(TOOLS)/checkov
	$(TOOLS)/checkov/bin/pip install --quiet --disable-pip-version-check --requirement tools/requirements-checkov.txt
	touch $@
