# SPDX-License-Identifier: BSD-2-Clause
# What the system tests' dom0 has beyond that of `make run`: the program attack, and the bare-metal
# guests in /test. A third archive behind the other two (mk/tools.mk); the kernel unpacks all.

ATTACK := $(BUILD)/tests-dom0/attack
ATTACK_C := $(wildcard tests/dom0/*.c)
TEST_INITRD := $(BUILD)/dom0-test.cpio
# Static but for the C library: dom0 need not have the rest.
ATTACK_LIBS := $(foreach l,xenctrl xengnttab xenevtchn xenforeignmemory xendevicemodel xencall \
                 xentoolcore xentoollog,$(XEN_SYSROOT)/usr/lib/aarch64-linux-gnu/lib$l.a)

$(ATTACK): $(ATTACK_C) tests/dom0/attack.h $(wildcard tests/guest/*.h) hv/abi/fief_op.h \
    tests/dom0/dom0.mk | $(XEN_SYSROOT)/key
	@echo "TOOL    $@"
	@mkdir -p $(@D)
	@$(CROSS_COMPILE)gcc $(TOOL_CFLAGS) $(TOOL_CPPFLAGS) -D__XEN_TOOLS__ -Itests/guest -s -o $@ $(ATTACK_C) \
	    -Wl,--start-group $(ATTACK_LIBS) -Wl,--end-group -lpthread

$(TEST_INITRD): dom0 $(ATTACK) guests
	@tests/dom0/pack.sh $(BUILD)/dom0.cpio $(ATTACK) $(A64)/guest $@

.PHONY: dom0-test
dom0-test: $(TEST_INITRD)
