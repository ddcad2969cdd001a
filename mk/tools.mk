# SPDX-License-Identifier: BSD-2-Clause
# Programs that run in dom0, and dom0's initramfs with them: Debian's, made once in the cache, and
# behind it a second archive with what is built here, so that a changed program costs seconds.

XEN_SYSROOT := $(FIEF_CACHE)/sysroot-xen-arm64
TOOL := $(BUILD)/tools/fief
TOOL_C := $(wildcard tools/fief/*.c)
TOOL_CFLAGS := -std=gnu17 -D_GNU_SOURCE -O2 -g -fstack-protector-strong -Wall -Wextra \
               -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
TOOL_CPPFLAGS = -Ihv -isystem $(XEN_SYSROOT)/usr/include
# Debian's libraries bring libraries of their own, which only dom0 needs to have.
TOOL_LDFLAGS = -L$(XEN_SYSROOT)/usr/lib/aarch64-linux-gnu -lxencall -lxenstore -lxlutil \
               -Wl,--unresolved-symbols=ignore-in-shared-libs

$(XEN_SYSROOT)/key: tools/sysroot.sh tools/apt-arm64.sh
	@tools/sysroot.sh xen
	@touch $@

$(TOOL): $(TOOL_C) $(wildcard tools/fief/*.h) hv/abi/fief_op.h mk/tools.mk | $(XEN_SYSROOT)/key
	@echo "TOOL    $@"
	@mkdir -p $(@D)
	@$(CROSS_COMPILE)gcc $(TOOL_CFLAGS) $(TOOL_CPPFLAGS) -o $@ $(TOOL_C) $(TOOL_LDFLAGS)

.PHONY: dom0 tools
tools: $(TOOL)

dom0: images $(TOOL)
	@tools/dom0.sh $(TOOL) $(BUILD)/dom0.cpio
