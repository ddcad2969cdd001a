# SPDX-License-Identifier: BSD-2-Clause
# Booting the thing: by a person (run), by the system tests (test).

HYPERVISOR ?= $(FIEF)
TESTS ?=

.PHONY: images rootfs run test system-test soak
images:
	@tools/images.sh

run: $(HYPERVISOR) dom0
	@tools/run.py --hypervisor $(HYPERVISOR)

# One after the other: the host tests use every CPU, and QEMU's clock suffers under load.
test: $(HYPERVISOR)
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory bench-check
	@$(MAKE) --no-print-directory system-test

rootfs: images
	@tools/rootfs.sh

system-test: $(HYPERVISOR) dom0-test rootfs
	@tests/system/run.py --hypervisor $(HYPERVISOR) $(TESTS)

soak: $(HYPERVISOR) dom0-test rootfs
	@tests/system/run.py --hypervisor $(HYPERVISOR) --soak $(TESTS)
	@FIEF_SOAK=1 tests/system/run.py --hypervisor $(HYPERVISOR) attacks.
