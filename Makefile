# make demo     installs what is missing, then trains, builds and proves a model for TARGET (cortex-m4)
# make test     installs what is missing, then checks and tests everything
# make check    style, types, layers, documentation
# make docs     writes the generated pages of docs/
# make bench    build times by stage
# make wheel    dist/edgebuild-*.whl and .tar.gz
# make clean    removes build/ and dist/; the installed packages in .venv stay

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

TARGET ?= cortex-m4
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/edgebuild-installed
PACKAGES := gcc libc6-dev make gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm dataset-fashion-mnist
DEMO := build/fashion-mnist

.PHONY: help demo test test-fast test-slow check docs bench wheel clean install packages

help:
	@sed -n 's/^# //p' Makefile

packages:
	@tools/system-packages $(PACKAGES)

$(INSTALLED): pyproject.toml constraints.txt tools/make-venv | packages
	@tools/make-venv $(VENV)

install: packages $(INSTALLED)

demo: install
	@mkdir -p $(DEMO)
	@$(BIN)/python examples/fashion-mnist/train.py --output $(DEMO)
	@$(BIN)/edgebuild --config examples/fashion-mnist/edgebuild.toml --target $(TARGET) --output $(DEMO)

test: check test-fast test-slow

test-fast: install
	$(BIN)/pytest -q -n $(JOBS) -m "not slow"

# Slow tests share one worker a file: models and toolchains are prepared once a file.
test-slow: install
	$(BIN)/pytest -q -n $(JOBS) --dist loadfile -m slow

check: install
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/check_modules.py
	$(BIN)/python tools/write_docs.py --check

docs: install
	$(BIN)/python tools/write_docs.py

bench: install
	$(BIN)/python benchmarks/build_time.py

wheel: install
	$(BIN)/python -m build --no-isolation --outdir dist .

clean:
	rm -rf build dist
