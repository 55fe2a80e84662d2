# make demo     installs what is missing, then trains, builds and proves a model for TARGET (cortex-m4)
# make test     installs what is missing, then checks and tests everything
# make check    style, types, layers, documentation
# make docs     writes the generated pages of docs/
# make bench    build times by stage; MLPerf Tiny's models on every core, operator by operator, beside TFLM with CMSIS-NN
#               and beside bakenn, which it installs into build/peer
# make bench-check  fails where a figure of those models is more than 1 % worse than benchmarks/figures.json
# make bench-compress  what each compression step costs and buys on images and spoken words; hours, and goes on where it stopped
# make bench-models MLPerf Tiny's four models through every technique and precision
# make bench-sparse what zeros and narrow weights buy, layer by layer and for whole networks
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
# Raspberry Pi and Android: the tests need these besides, and a demo for such a target.
LINUX_PACKAGES := gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-arm-linux-gnueabihf libc6-dev-armhf-cross \
  gcc-arm-linux-gnueabi libc6-dev-armel-cross qemu-user
ANDROID_PACKAGES := clang-14 lld-14 llvm-14 openjdk-17-jdk-headless qemu-user libc6-arm64-cross \
  gcc-arm-linux-gnueabi libc6-dev-armel-cross
# The example of spoken keywords.
EXAMPLE_PACKAGES := espeak-ng
TARGET_PACKAGES := $(if $(filter rpi%,$(TARGET)),$(LINUX_PACKAGES))$(if $(filter android%,$(TARGET)),$(ANDROID_PACKAGES))
DEMO := build/fashion-mnist
# Another compiler to compare with: only for the benchmark, in an environment of its own.
PEER := build/peer

.PHONY: help demo test test-packages test-fast test-slow check docs bench bench-check bench-compress bench-models bench-sparse wheel clean install packages

help:
	@sed -n 's/^# //p' Makefile

packages:
	@tools/system-packages $(PACKAGES) $(TARGET_PACKAGES)

$(INSTALLED): pyproject.toml constraints.txt tools/make-venv | packages
	@tools/make-venv $(VENV)

install: packages $(INSTALLED)

demo: install
	@mkdir -p $(DEMO)
	@$(BIN)/python examples/fashion-mnist/train.py --output $(DEMO)
	@$(BIN)/edgebuild --config examples/fashion-mnist/edgebuild.toml --target $(TARGET) --output $(DEMO)

test: check test-fast test-slow

test-packages:
	@tools/system-packages $(PACKAGES) $(LINUX_PACKAGES) $(ANDROID_PACKAGES) $(EXAMPLE_PACKAGES)

test-fast: install test-packages
	$(BIN)/pytest -q -n $(JOBS) -m "not slow"

# Slow tests share one worker a file: models and toolchains are prepared once a file.
test-slow: install test-packages $(PEER)/installed
	$(BIN)/pytest -q -n $(JOBS) --dist loadfile -m slow

check: install
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/check_modules.py
	$(BIN)/python tools/write_docs.py --check

docs: install
	$(BIN)/python tools/write_docs.py

$(PEER)/installed: benchmarks/peer.txt | $(INSTALLED)
	@$(BIN)/python -m venv --clear $(PEER)
	@$(PEER)/bin/python -m pip --disable-pip-version-check --no-input install --quiet --requirement benchmarks/peer.txt
	@touch $@

bench: install $(PEER)/installed
	$(BIN)/python benchmarks/build_time.py
	PYTHONPATH=. $(BIN)/python benchmarks/models.py --operators --cycles --bakenn $(PEER)/bin/python

bench-check: install
	PYTHONPATH=. $(BIN)/python benchmarks/models.py --check

bench-compress: install
	$(BIN)/python benchmarks/compression.py --write
	$(BIN)/python benchmarks/students.py --write
	$(BIN)/python benchmarks/keywords.py --write

bench-models: install
	PYTHONPATH=. $(BIN)/python benchmarks/every_technique.py

bench-sparse: install
	PYTHONPATH=. $(BIN)/python benchmarks/sparse.py
	$(BIN)/python benchmarks/sparse_networks.py

wheel: install
	$(BIN)/python -m build --no-isolation --outdir dist .

clean:
	rm -rf build dist
