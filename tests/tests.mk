# SPDX-License-Identifier: BSD-2-Clause
# Host tests. The hypervisor's folders but arch/arm64, drv and boot are built for the host with the
# simulated machine (hv/arch/sim), under ASan and UBSan; tests/run_host.py runs what is built.
#
# A test is tests/{unit,model,attack,abi,fuzz}/NAME_test.c. Lines below its first say what it is linked with:
#   // links: hv/lib/text.c ...    these sources, or
#   // links: hv                   all of the hypervisor on the simulated machine, and tests/bed
# A word that begins with - goes to the linker as it is.
#
#   make check                 all, with the layer check and a compilation by both compilers
#   make host-tests            the tests alone
#   make host-tests CHECK=NAME...   those whose names contain one of these
#   make fuzz                  a tenant's hypercalls by libFuzzer, for FUZZ_SECONDS (60)
#   make host-soak             the random ones and the attacks, SOAK times longer (20)

CHECK ?=
HOST_CC ?= clang
CK := $(BUILD)/check
HOST_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
HOST_CFLAGS := -std=gnu17 -D_GNU_SOURCE -O1 -g $(HOST_SANITIZE) -fno-omit-frame-pointer \
               -fno-strict-aliasing -Wall -Wextra -Wconversion -Wshadow -Werror
HOST_CPPFLAGS := -I. -Ihv -isystem $(BUILD)/include

# The C library's own functions stand for lib/string.c.
CK_HV := $(filter-out hv/lib/string.c,$(wildcard $(patsubst %,hv/%/*.c,\
           lib account core hcall vdev arch/sim)))
CK_BED := $(wildcard tests/bed/*.c)
CK_TESTS := $(wildcard $(patsubst %,tests/%/*_test.c,unit model attack abi fuzz))
CK_BINS := $(CK_TESTS:tests/%.c=$(CK)/%)
CK_CHOSEN := $(if $(CHECK),$(foreach w,$(CHECK),$(foreach b,$(CK_BINS),$(if $(findstring $w,$b),$b))),\
               $(CK_BINS))

# Pure code of arm64 is compiled against arm64's own headers, all else against the sim's.
$(CK)/sim/%.o: %.c tests/tests.mk | $(BUILD)/include/xen
	@echo "HOSTCC  $<"
	@mkdir -p $(@D)
	@$(HOST_CC) $(HOST_CFLAGS) $(HOST_CPPFLAGS) -Ihv/arch/sim -MMD -MP -c -o $@ $<

$(CK)/arm64/%.o: %.c tests/tests.mk | $(BUILD)/include/xen
	@echo "HOSTCC  $<"
	@mkdir -p $(@D)
	@$(HOST_CC) $(HOST_CFLAGS) $(HOST_CPPFLAGS) -Ihv/arch/arm64 -MMD -MP -c -o $@ $<

$(CK)/libfief.a: $(patsubst %.c,$(CK)/sim/%.o,$(CK_HV) $(CK_BED))
	@rm -f $@
	@ar rcs $@ $^

# $1: test without .c, $2: words of its links: line
define test_rule
$(CK)/$(1:tests/%=%): $(CK)/$(if $(filter hv/arch/arm64/%,$(2)),arm64,sim)/$(1).o \
    $(patsubst %.c,$(CK)/$(if $(filter hv/arch/arm64/%,$(2)),arm64,sim)/%.o,$(filter %.c,$(2))) \
    $(if $(filter hv,$(2)),$(CK)/libfief.a)
	@mkdir -p $$(@D)
	@$(HOST_CC) $(HOST_SANITIZE) -o $$@ $$^ -lcmocka $(filter -%,$(2))
endef

ifneq ($(filter check test host-tests $(CK)/%,$(MAKECMDGOALS)),)
$(foreach t,$(CK_TESTS),$(eval $(call test_rule,$(t:.c=),\
    $(shell sed -n '2,9s|^// links:||p' $(t)))))
endif

# Every source of the hypervisor compiles without a warning by both compilers.
SYNTAX_CLANG := clang --target=aarch64-linux-gnu
$(CK)/syntax-clang/%.ok: %.c tests/tests.mk hv/build.mk | $(BUILD)/include/xen $(LIBFDT_A)
	@mkdir -p $(@D)
	@$(SYNTAX_CLANG) $(HV_CFLAGS) $(HV_CPPFLAGS) -isystem $(LIBFDT_INC) -MMD -MP -MF $(@:.ok=.d) \
	    -MT $@ -fsyntax-only $<
	@touch $@

$(CK)/layout.ok: tests/abi/layout.h hv/abi/xen.h tests/tests.mk | $(BUILD)/include/xen
	@mkdir -p $(@D)
	@$(CROSS_COMPILE)gcc $(HV_CPPFLAGS) -std=gnu17 -Wall -Wextra -Werror -fsyntax-only -x c $<
	@touch $@

# What libFuzzer follows is built for it alone. New inputs go to build/fuzz; those that make check
# is to replay are merged into the corpus by hand (-merge=1).
FUZZ_SECONDS ?= 60
FUZZ_CC ?= clang
FUZZ_FLAGS := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_OBJ := $(patsubst %.c,$(BUILD)/fuzz/obj/%.o,$(CK_HV) $(CK_BED) tests/fuzz/tenant.c)

$(BUILD)/fuzz/obj/%.o: %.c tests/tests.mk | $(BUILD)/include/xen
	@echo "FUZZCC  $<"
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(filter-out $(HOST_SANITIZE),$(HOST_CFLAGS)) $(FUZZ_FLAGS) $(HOST_CPPFLAGS) \
	    -Ihv/arch/sim -MMD -MP -c -o $@ $<

$(BUILD)/fuzz/tenant: $(FUZZ_OBJ)
	@$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^

.PHONY: fuzz
fuzz: $(BUILD)/fuzz/tenant
	@mkdir -p $(BUILD)/fuzz/found
	@cd $(BUILD)/fuzz && ASAN_OPTIONS=detect_leaks=0 ./tenant -max_total_time=$(FUZZ_SECONDS) \
	    -max_len=2048 -len_control=0 -timeout=20 -print_final_stats=1 found $(CURDIR)/tests/fuzz/corpus

-include $(FUZZ_OBJ:.o=.d)

SOAK ?= 20

.PHONY: syntax host-tests host-soak
syntax: $(HV_C:%.c=$(CK)/syntax-clang/%.ok) $(HV_OBJ) $(CK)/layout.ok
	@echo "syntax: $(words $(HV_C)) files compile by gcc and clang"

host-tests: $(CK_CHOSEN)
	@tests/run_host.py $(CK_CHOSEN)

host-soak:
	@FIEF_SOAK=$(SOAK) $(MAKE) --no-print-directory host-tests CHECK='oracle attack/'

check: layers syntax $(CK_BINS)
	@tests/run_host.py $(CK_BINS)

-include $(patsubst %.c,$(CK)/sim/%.d,$(CK_HV) $(CK_BED) $(CK_TESTS) $(wildcard hv/boot/*.c))
-include $(patsubst %.c,$(CK)/arm64/%.d,$(CK_TESTS)) $(HV_C:%.c=$(CK)/syntax-clang/%.d)
