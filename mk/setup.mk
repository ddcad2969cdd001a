# SPDX-License-Identifier: BSD-2-Clause
# Installs what the wanted targets need, before anything is built: make brings included files up to
# date first, so the stamps below are included (they are empty).

CROSS_COMPILE ?= aarch64-linux-gnu-
export FIEF_CACHE ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/fief

SETUP_GOALS := $(if $(MAKECMDGOALS),$(MAKECMDGOALS),all)
SETUP_GROUPS := $(if $(filter-out help clean,$(SETUP_GOALS)),build) \
                $(if $(filter check test,$(SETUP_GOALS)),check) \
                $(if $(filter lint test,$(SETUP_GOALS)),lint) \
                $(if $(filter run test system-test soak bench bench-check images dom0 tools,$(SETUP_GOALS)),run)
SETUP_GROUPS := $(strip $(SETUP_GROUPS))

ifneq ($(SETUP_GROUPS),)
include $(BUILD)/setup/$(subst $() $(),-,$(SETUP_GROUPS)).mk
endif

$(BUILD)/setup/%.mk: tools/setup.sh
	@tools/setup.sh $(subst -, ,$*)
	@mkdir -p $(@D) && : > $@
