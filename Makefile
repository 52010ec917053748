# The ways in. `make` alone lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo build dist test format lint goldens clean bootstrap

# Every Swift file of ours; Examples is a package with a build folder of its own.
swift_files = find Package.swift Sources Tests Examples -name .build -prune -o -name '*.swift' -print0

help: ## List these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: bootstrap ## Build, and classify the photograph in Examples/photos
	swift build -c release --product swiftlet
	@Scripts/demo

build: bootstrap ## Build the libraries and the command, for speed
	swift build -c release

dist: bootstrap ## Build a swiftlet that needs no Swift runtime, stripped, in dist/
	swift build -c release --product swiftlet --static-swift-stdlib --scratch-path .build/dist
	@mkdir -p dist && cp .build/dist/release/swiftlet dist/swiftlet && strip dist/swiftlet
	@ls -l dist/swiftlet

test: bootstrap lint ## Everything that must hold: lint, no warnings, tests, examples, checks
	Scripts/build-checked -c release --build-tests
	swift test -c release --skip-build
	@if [ -e Examples/Package.swift ]; then \
	  echo "Scripts/build-checked -c release --package-path Examples"; \
	  Scripts/build-checked -c release --package-path Examples; \
	fi
	@set -e; for check in Scripts/checks/*; do \
	  if [ -f "$$check" ] && [ -x "$$check" ]; then echo "$$check"; "$$check"; fi; \
	done

format: ## Rewrite the sources in the house style
	@$(swift_files) | xargs -0 swift format --in-place

lint: ## Check the house style
	@echo "swift format lint --strict"
	@$(swift_files) | xargs -0 swift format lint --strict

goldens: .venv/installed ## Recompute Tests/Goldens with the pinned Python packages (downloads them)
	@set -e; for name in networks training steps vision formats metrics; do \
	  echo "Scripts/goldens/$$name.py"; .venv/bin/python Scripts/goldens/$$name.py; \
	done
	.venv/bin/pip install --quiet --disable-pip-version-check --requirement Scripts/goldens/checkpoints-requirements.txt
	.venv/bin/python Scripts/goldens/checkpoints.py

.venv/installed: Scripts/goldens/requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

clean: ## Remove what was built
	rm -rf .build Examples/.build .venv dist

bootstrap:
	@Scripts/bootstrap
