# SPDX-License-Identifier: BSD-2-Clause
# The way in. `make help` lists what can be made. The hypervisor's own rules are in hv/build.mk,
# the host tests' in tests/tests.mk; mk/ has the set-up and the images.

BUILD := build
FIEF := $(BUILD)/arm64/fief

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
# A plain `make` uses every CPU; `make -j1` and the like still win.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif

include mk/setup.mk
include mk/sysroot.mk
-include hv/build.mk
-include tests/tests.mk
include mk/tools.mk
include mk/lint.mk
include tests/dom0/dom0.mk
include mk/run.mk
include bench/bench.mk

.PHONY: all check clean help
all: $(FIEF)

check: layers abi readme-check

.PHONY: layers abi readme readme-check
layers: | $(BUILD)/include/xen $(LIBFDT_A)
	@tools/layers.py --cc "$(CROSS_COMPILE)gcc" --cflags "$(HV_CPPFLAGS)" \
	    --host-cflags "-Ihv/arch/sim -isystem $(BUILD)/include"

# docs/abi.md and docs/delegation.md say what the hypercall table says; without --check the scripts
# write them.
abi:
	@tools/abi.py --check
	@tools/delegation.py --check

# README.md says what works, out of the results of the last system tests.
readme:
	@tools/readme.py

readme-check:
	@tools/readme.py --check

clean:
	@rm -rf $(BUILD)
	@echo "removed $(BUILD)/ (downloads stay in $(FIEF_CACHE))"

help:
	@echo "make         build the hypervisor: $(FIEF), and fief.elf beside it with symbols"
	@echo "make check   host tests, the layer check, docs/abi.md (under a minute)"
	@echo "make host-soak    the random host tests and the attacks, SOAK=20 times longer"
	@echo "make fuzz    a tenant's hypercalls by libFuzzer, FUZZ_SECONDS=60"
	@echo "make lint    static analysis of the C sources (a minute or two)"
	@echo "make run     boot Debian's dom0 on Fief in QEMU, with the console on this terminal"
	@echo "make tools   build fief, the program for dom0: $(BUILD)/tools/fief"
	@echo "make test    check, lint, bench-check, then the system tests in QEMU (some 20 minutes)"
	@echo "make bench   measure Fief and Debian's Xen side by side: a table, and $(BUILD)/bench/report.html"
	@echo "make bench-check  compare instruction counts with the committed ones (part of make test)"
	@echo "make soak    large machines, many guests, attacks at full size (hours, and 18 GiB of RAM)"
	@echo "make readme  write the README's table of what works from the results of the tests"
	@echo "make clean   remove $(BUILD)/"
	@echo
	@echo "HYPERVISOR=PATH  for run and test: another image, such as Debian's Xen for comparison"
	@echo "TESTS='NAME...'  for test: only the system tests whose names contain one of these"
	@echo "BENCH='NAME'     for bench: one workload only; a name that is none shows those there are"
	@echo "FILES='NAME...'  for lint: only the files whose paths contain one of these"
	@echo "FIEF_CACHE=DIR   where downloads and images are kept: $(FIEF_CACHE)"
