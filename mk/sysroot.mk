# SPDX-License-Identifier: BSD-2-Clause
# The one foreign library that is linked into the hypervisor: Debian's arm64 libfdt.
# A rule that compiles against it names $(LIBFDT_A) as an order-only prerequisite.

ARM64_SYSROOT := $(FIEF_CACHE)/sysroot-arm64
LIBFDT_A := $(ARM64_SYSROOT)/usr/lib/aarch64-linux-gnu/libfdt.a
LIBFDT_INC := $(ARM64_SYSROOT)/usr/include

$(LIBFDT_A): tools/sysroot.sh tools/apt-arm64.sh
	@tools/sysroot.sh fdt
	@touch $@
