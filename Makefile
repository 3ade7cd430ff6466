# Every target sets up what it misses first; a second run reuses what the first one built.
.DEFAULT_GOAL := help
.PHONY: help setup demo mutants attacks faults fault-mutants scenarios test check lint docs fast slow down properties sbom audit
.ONESHELL:
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON := .venv/bin/python
TRELLIS := .venv/bin/trellis
# Some machines set it; without byte code every process compiles the program, its libraries and the tests again.
export PYTHONDONTWRITEBYTECODE :=
PYTEST := $(PYTHON) -m pytest
PROPERTIES := tests/core/test_order_of_entries.py tests/core/test_text_injection.py

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

setup: ## Install what is missing: Debian packages, uv, the locked Python environment
	@tools/setup.sh

demo: setup ## The main job: the lab comes up, the program is previewed and applied, the fabric is proven
	@$(TRELLIS) demo

mutants: setup ## Seed one defect at a time on the demo's lab: exactly the rows that watch for it must turn red
	@$(TRELLIS) lab mutants
	$(TRELLIS) lab attacks --mutants

attacks: setup ## Have guests attack, in a lab of two hosts of its own: each must be refused or contained (~20 min)
	@$(TRELLIS) lab attacks

faults: setup ## Break deploys in 32 ways, in a lab of two hosts of its own: each must end as written (~20 min)
	@$(TRELLIS) lab faults

fault-mutants: setup ## Put a defect into the product for each of these faults: its row must turn red because of it (~45 min)
	@$(TRELLIS) lab faults --mutants

scenarios: setup ## What takes the lab minutes each, and every failure three times, with a ping every 10 ms (over an hour)
	@$(PYTEST) -q -m "lab and scenario"

down: ## Take the demo's lab down
	@$(TRELLIS) lab down

check: setup ## Lint, types and everything fast (up to three minutes on two cores)
	@# At the same time, since tests often wait; what lint says is kept until they are done.  Either one fails both.
	said="$$(mktemp)"
	trap 'rm -f "$$said"' EXIT
	$(MAKE) --no-print-directory lint > "$$said" 2>&1 & lint=$$!
	failed=0
	$(MAKE) --no-print-directory fast || failed=$$?
	wait "$$lint" || failed=$$?
	cat "$$said"
	exit "$$failed"

sbom: setup ## The locked Python packages with their digests, as CycloneDX: build/sbom.cdx.json
	@mkdir -p build
	tools/uv export --quiet --frozen --all-groups --format cyclonedx1.5 --preview-features sbom-export > build/sbom.cdx.json
	echo "sbom: build/sbom.cdx.json, $$(grep -c '"purl"' build/sbom.cdx.json) packages"

audit: setup ## Known vulnerabilities of the locked Python packages, asked of osv.dev
	@tools/audit.sh

docs: setup ## The documentation into build/docs, every link followed; warnings are errors
	@echo "== documentation"
	mkdir -p build
	.venv/bin/zensical build --strict --clean > build/docs.log 2>&1 || { cat build/docs.log; exit 1; }
	$(PYTHON) -m tests.docs.built build/docs

lint: setup docs
	@echo "== lint and types"
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	.venv/bin/lint-imports --no-cache > /dev/null || .venv/bin/lint-imports --no-cache
	$(PYTHON) -m mypy

fast: setup
	@echo "== fast tests"
	$(PYTEST) -q -n 3 --dist worksteal -m "not host and not frr and not engine and not lab and not postgres and not browser and not prometheus"

properties: setup ## The two long property runs, 100000 cases each: text in any field, entries in any order (~25 min)
	@nice -n 10 $(PYTEST) -q -n 2 --cases 100000 --timeout 0 $(PROPERTIES)

test: check slow ## Everything fast, then scratch FRR, the engine, and the lab's main job (half an hour)

slow: setup
	@tools/setup.sh slow
	echo "== filters in this kernel, SSH to a real sshd, golden files and agent on a scratch FRR"
	$(PYTEST) -q -n 4 -m "(host or frr) and not engine and not lab"  # most of it waits, for daemons
	echo "== alert rules by promtool, the page in Chromium"
	$(PYTEST) -q -n 2 --dist loadfile -m "browser or prometheus"
	echo "== the store of guests on PostgreSQL"
	$(PYTEST) -q -n 2 --dist loadfile -m "postgres and not lab"
	echo "== the program on the real engine"
	$(PYTEST) -q -n 2 -m "engine and not lab"
	echo "== the lab's main job"
	$(PYTEST) -q -m "lab and not scenario and not faults and not attacks"
