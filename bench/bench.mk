# SPDX-License-Identifier: BSD-2-Clause
# What the bench is made of: bare-metal guests on tests/guest's crt0.S and guest.c, QEMU's plugin.
# Included by the Makefile; uses hv/build.mk's compiler and tests/guest/guest.mk's flags.

BENCH ?=
BENCH_OUT := $(BUILD)/bench
BENCH_OBJ := $(A64_OBJ)/bench
BENCH_GUESTS := ops life boot
BENCH_COMMON := $(patsubst %,$(BENCH_OBJ)/%.o,vectors text domain interrupt event) $(GUEST_COMMON) \
                $(BENCH_OBJ)/string.o
BENCH_ops := $(patsubst bench/guest/%.c,$(BENCH_OBJ)/%.o,$(wildcard bench/guest/ops*.c))
BENCH_life := $(BENCH_OBJ)/life.o $(BENCH_OBJ)/manage.o
BENCH_boot := $(BENCH_OBJ)/boot.o $(BENCH_OBJ)/manage.o
BENCH_CPPFLAGS := -Ihv -Itests/guest -Ibench/guest -isystem $(BUILD)/include

$(BENCH_OUT)/%.bin: $(BENCH_OBJ)/%.elf
	@echo "GUEST   $@"
	@mkdir -p $(@D)
	@$(CROSS_COMPILE)objcopy -O binary $< $@

define bench_guest
$(BENCH_OBJ)/$(1).elf: $(BENCH_$(1)) $(BENCH_COMMON) tests/guest/link.ld
	@$(A64_LD) -pie --no-dynamic-linker -z text -z max-page-size=4096 --build-id=none \
	    --no-warn-rwx-segments -T tests/guest/link.ld -o $$@ $(BENCH_$(1)) $(BENCH_COMMON)
endef
$(foreach g,$(BENCH_GUESTS),$(eval $(call bench_guest,$(g))))

$(BENCH_OBJ)/%.o: bench/guest/%.c bench/bench.mk | $(BUILD)/include/xen
	@echo "CC      $<"
	@mkdir -p $(@D)
	@$(CC_ARM64) $(GUEST_CFLAGS) -mno-outline-atomics $(BENCH_CPPFLAGS) -MMD -MP -c -o $@ $<

# What the compiler makes of an initializer: the hypervisor's own memset and memcpy.
$(BENCH_OBJ)/string.o: hv/lib/string.c bench/bench.mk
	@echo "CC      $<"
	@mkdir -p $(@D)
	@$(CC_ARM64) $(HV_CFLAGS) $(HV_CPPFLAGS) -c -o $@ $<

$(BENCH_OBJ)/%.o: bench/guest/%.S bench/bench.mk
	@echo "AS      $<"
	@mkdir -p $(@D)
	@$(CC_ARM64) $(HV_ARCH_FLAGS) -g -c -o $@ $<

$(BENCH_OUT)/count.so: bench/count.c
	@echo "PLUGIN  $@"
	@mkdir -p $(@D)
	@gcc -std=gnu17 -O2 -Wall -Wextra -Wconversion -Wshadow -Werror -fPIC -shared -o $@ $<

-include $(wildcard $(BENCH_OBJ)/*.d)

$(BENCH_OUT)/mark: bench/linux/mark.c bench/bench.mk
	@echo "TOOL    $@"
	@mkdir -p $(@D)
	@$(CROSS_COMPILE)gcc -std=gnu17 -Os -static -nostdlib -ffreestanding -fno-stack-protector \
	    -Wall -Wextra -Wconversion -Wshadow -Werror -Wl,--build-id=none -o $@ $<

$(BENCH_OUT)/dom0.cpio: dom0 $(BENCH_OUT)/mark $(BENCH_OUT)/ops.bin $(wildcard bench/linux/*)
	@echo "IMAGE   $@"
	@bench/linux/images.sh $(BUILD)/dom0.cpio $(BENCH_OUT)/mark $(BENCH_OUT)/ops.bin $@

BENCH_PARTS := $(BENCH_GUESTS:%=$(BENCH_OUT)/%.bin) $(BENCH_OUT)/count.so

.PHONY: bench bench-check
bench: $(FIEF) images $(BENCH_PARTS) $(BENCH_OUT)/dom0.cpio
	@bench/run.py $(BENCH)

bench-check: $(FIEF) $(BENCH_PARTS)
	@bench/check.py
