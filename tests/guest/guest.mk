# SPDX-License-Identifier: BSD-2-Clause
# Bare-metal guests: GUESTS names them, each is one .c file here beside the common parts.
# Included by hv/build.mk, whose compiler and flags they use.

GUESTS := answer first_light flood fuzz hostile neighbour nest pattern registers rich spin storm
GUEST_OBJ := $(A64_OBJ)/guest
GUEST_COMMON := $(GUEST_OBJ)/crt0.o $(GUEST_OBJ)/guest.o
GUEST_CFLAGS := -std=gnu17 $(HV_ARCH_FLAGS) -ffreestanding -O2 -g -fpie -fvisibility=hidden \
                -fno-stack-protector -fno-asynchronous-unwind-tables -mno-outline-atomics \
                -Wall -Wextra -Wconversion -Wshadow -Werror

.PHONY: guests
guests: $(GUESTS:%=$(A64)/guest/%.bin)
all test system-test: guests

$(A64)/guest/%.bin: $(GUEST_OBJ)/%.elf
	@echo "GUEST   $@"
	@mkdir -p $(@D)
	@$(CROSS_COMPILE)objcopy -O binary $< $@

.SECONDARY:
$(GUEST_OBJ)/%.elf: $(GUEST_OBJ)/%.o $(GUEST_COMMON) tests/guest/link.ld
	@$(A64_LD) -pie --no-dynamic-linker -z text -z max-page-size=4096 --build-id=none \
	    --no-warn-rwx-segments -T tests/guest/link.ld -o $@ $< $(GUEST_COMMON)

$(GUEST_OBJ)/%.o: tests/guest/%.c hv/build.mk tests/guest/guest.mk | $(BUILD)/include/xen
	@echo "CC      $<"
	@mkdir -p $(@D)
	@$(CC_ARM64) $(GUEST_CFLAGS) -Ihv -Itests/guest -isystem $(BUILD)/include -MMD -MP -c -o $@ $<

$(GUEST_OBJ)/%.o: tests/guest/%.S hv/build.mk tests/guest/guest.mk
	@echo "AS      $<"
	@mkdir -p $(@D)
	@$(CC_ARM64) $(HV_ARCH_FLAGS) -g -c -o $@ $<

-include $(wildcard $(GUEST_OBJ)/*.d)
