# SPDX-License-Identifier: BSD-2-Clause
# The hypervisor for arm64: every .c and .S of the folders below, linked twice so that the image
# contains its own symbol table. Needs mk/sysroot.mk (LIBFDT_A, LIBFDT_INC).
#
#   make                    by gcc
#   make CC_ARM64=clang     by clang; the linker stays GNU ld

CC_ARM64 ?= $(CROSS_COMPILE)gcc
A64 := $(BUILD)/arm64
A64_OBJ := $(A64)/obj-$(notdir $(CC_ARM64))
A64_GEN := $(A64_OBJ)/gen
A64_LD := $(CROSS_COMPILE)ld
A64_TARGET := $(if $(findstring clang,$(CC_ARM64)),--target=aarch64-linux-gnu)

XEN_INCLUDE ?= /usr/include/xen

HV_FOLDERS := lib account core hcall vdev drv arch/arm64 boot
HV_C := $(filter-out %/offsets.c,$(wildcard $(HV_FOLDERS:%=hv/%/*.c)))
HV_S := $(wildcard $(HV_FOLDERS:%=hv/%/*.S))
HV_OBJ := $(HV_C:%.c=$(A64_OBJ)/%.o) $(HV_S:%.S=$(A64_OBJ)/%.o)

# Only freestanding headers, our own, the Xen ABI's (build/include has a link to them) and libfdt's;
# who may include which is checked by tools/layers.py.
HV_CPPFLAGS := -Ihv -Ihv/arch/arm64 -isystem $(BUILD)/include -isystem $(LIBFDT_INC)
HV_ARCH_FLAGS := $(A64_TARGET) -march=armv8-a -mgeneral-regs-only -mstrict-align
HV_CFLAGS := -include hv/lib/hidden.h -std=gnu17 $(HV_ARCH_FLAGS) -mno-outline-atomics -ffreestanding -fno-common \
             -fno-builtin-printf -O2 -g -fpie -fno-omit-frame-pointer -fvisibility=hidden \
             -fno-asynchronous-unwind-tables -fstack-protector-strong -ffunction-sections \
             -fdata-sections -fno-strict-aliasing -fwrapv -fno-delete-null-pointer-checks \
             -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
             -Werror
HV_ASFLAGS := $(HV_ARCH_FLAGS) -g -I$(A64_GEN)
HV_LDFLAGS := -pie --no-dynamic-linker -Bsymbolic -z text -z max-page-size=4096 --build-id=none \
              --gc-sections --fatal-warnings --orphan-handling=error --no-warn-rwx-segments

$(A64)/fief: $(A64)/fief.elf
	@echo "IMAGE   $@"
	@$(CROSS_COMPILE)objcopy -O binary $< $@

# The first link has an empty symbol table, the second one the table of the first. That is right
# only if no function moved, so it is compared with the table of the result.
$(A64)/fief.elf: $(A64_OBJ)/pass2.elf $(A64_GEN)/symbols.S tools/symbols.sh $(A64)/compiler
	@tools/symbols.sh $(CROSS_COMPILE)nm $< | cmp -s - $(A64_GEN)/symbols.S || \
	    { echo "$<: functions moved between the two links; the symbol table would lie" >&2; exit 1; }
	@cp $< $@

A64_LINK = $(A64_LD) $(HV_LDFLAGS) -T hv/arch/arm64/link.ld -o $@ $(HV_OBJ)

$(A64_OBJ)/pass1.elf: $(HV_OBJ) $(A64_OBJ)/symbols0.o hv/arch/arm64/link.ld | $(LIBFDT_A)
	@echo "LD      $@"
	@$(A64_LINK) $(A64_OBJ)/symbols0.o $(LIBFDT_A)

$(A64_OBJ)/pass2.elf: $(A64_OBJ)/pass1.elf $(A64_GEN)/symbols.o
	@echo "LD      $@"
	@$(A64_LINK) $(A64_GEN)/symbols.o $(LIBFDT_A)

$(A64_GEN)/symbols.S: $(A64_OBJ)/pass1.elf tools/symbols.sh
	@tools/symbols.sh $(CROSS_COMPILE)nm $< >$@

$(A64_OBJ)/symbols0.S: tools/symbols.sh
	@mkdir -p $(@D)
	@tools/symbols.sh >$@

$(A64_OBJ)/symbols0.o $(A64_GEN)/symbols.o: %.o: %.S
	@$(CC_ARM64) $(HV_ARCH_FLAGS) -c -o $@ $<

$(A64_OBJ)/hv/%.o: hv/%.c hv/build.mk | $(BUILD)/include/xen $(LIBFDT_A)
	@echo "CC      $<"
	@mkdir -p $(@D)
	@$(CC_ARM64) $(HV_CFLAGS) $(HV_CPPFLAGS) -MMD -MP -c -o $@ $<

$(A64_OBJ)/hv/%.o: hv/%.S hv/build.mk $(A64_GEN)/offsets.h
	@echo "AS      $<"
	@mkdir -p $(@D)
	@$(CC_ARM64) $(HV_ASFLAGS) $(HV_CPPFLAGS) -MMD -MP -c -o $@ $<

$(A64_GEN)/offsets.h: hv/arch/arm64/offsets.c hv/build.mk | $(BUILD)/include/xen
	@echo "GEN     $@"
	@mkdir -p $(@D)
	@$(CC_ARM64) $(HV_CFLAGS) $(HV_CPPFLAGS) -g0 -MMD -MP -MF $(A64_GEN)/offsets.d -MT $@ \
	    -S -o $(A64_GEN)/offsets.s $<
	@sed -n 's|^[[:space:]]*//# \([A-Z0-9_]*\) [#$$]*\([-0-9]*\).*|#define \1 \2|p' \
	    $(A64_GEN)/offsets.s >$@

$(BUILD)/include/xen:
	@mkdir -p $(@D)
	@ln -sfn $(XEN_INCLUDE) $@

# Changes when another compiler is asked for, so that the image is then of that compiler.
$(A64)/compiler: FORCE
	@mkdir -p $(@D)
	@echo "$(CC_ARM64)" | cmp -s - $@ || echo "$(CC_ARM64)" >$@
.PHONY: FORCE
FORCE:

-include $(HV_OBJ:.o=.d) $(A64_GEN)/offsets.d
include tests/guest/guest.mk
