# SPDX-License-Identifier: BSD-2-Clause
# Static analysis by clang-tidy and cppcheck, as configured in .clang-tidy and
# tools/cppcheck.suppressions.
#
#   make lint                    all C sources: the hypervisor, its tests, its tools, the bench
#   make lint FILES='gicv3 p2m'   those whose paths contain one of these

FILES ?=
LINT_C := $(HV_C) $(wildcard hv/arch/sim/*.c tests/*/*.c tools/fief/*.c bench/*.c bench/*/*.c)
LINT_WARN := -Wall -Wextra -Wshadow
# clang-tidy is a clang: it knows the target by name and gcc's own flags not at all. _STRING_H keeps
# out the C library's <string.h>, which libfdt.h asks for: lib/string.h declares the same functions.
LINT_ARM64 = --target=aarch64-linux-gnu -std=gnu17 -march=armv8-a -mgeneral-regs-only \
             -ffreestanding -fwrapv -D_STRING_H $(LINT_WARN) $(HV_CPPFLAGS) -Itests/guest \
             -Ibench/guest
LINT_DOM0 = --target=aarch64-linux-gnu -std=gnu17 -D_GNU_SOURCE $(LINT_WARN) $(TOOL_CPPFLAGS) \
            -D__XEN_TOOLS__ -Itests/guest
LINT_SIM = -std=gnu17 -D_GNU_SOURCE $(LINT_WARN) $(HOST_CPPFLAGS) -Ihv/arch/sim

.PHONY: lint
lint: | $(BUILD)/include/xen $(LIBFDT_A) $(XEN_SYSROOT)/key
	@tools/lint.py --arm64 "$(LINT_ARM64)" --sim "$(LINT_SIM)" --dom0 "$(LINT_DOM0)" \
	    --only "$(FILES)" $(LINT_C)
