# SPDX-License-Identifier: MIT
#
# Host unit tests: pure kernel sources, compiled for the machine that builds,
# under the address and undefined-behaviour sanitizers. tests/host/tests.mk
# says what there is:
#
#	host-test-y += string		tests/host/test_string.c, with cmocka
#	string-srcs := lib/string.c	the sources that it tests
#	string-cflags := -Dmemcpy=banos_memcpy	flags for all of them
#
# The sources see include/, the machine's headers, the configuration, and the
# macro __BANOS_HOST__.

TESTCC	?= $(HOSTCC)
host-test-cflags := -std=gnu11 -O1 -g -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer -D__BANOS_HOST__ \
	-Iinclude -Iarch/x86_64/include -I$(O)/include $(draft-flags) \
	-include include/kernel/kconfig.h -Wall -Wextra -Werror \
	-Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers

host-tests := $(addprefix $(O)/tests/host/,$(host-test-y))

# Each test has objects of its own, since its flags may differ.
host-objs = $(addprefix $(O)/tests/host/$1.obj/,$(patsubst %.c,%.o,tests/host/test_$1.c $($1-srcs)))
objects-host := $(foreach t,$(host-test-y),$(call host-objs,$t)) $(host-tests)

quiet_cmd_host_cc = HOSTCC  $(patsubst $(O)/tests/host/%,%,$@)
      cmd_host_cc = $(TESTCC) $(host-test-cflags) $($(host-test)-cflags) \
		-MMD -MF $(depfile) -c -o $@ $<
quiet_cmd_host_ld = HOSTLD  $(call short,$@)
      cmd_host_ld = $(TESTCC) $(host-test-cflags) -o $@ \
		$(call host-objs,$(@F)) -lcmocka $($(@F)-libs)

define host-test-rules
$(call host-objs,$1): host-test := $1
$(call host-objs,$1): $(O)/tests/host/$1.obj/%.o: %.c FORCE | $(prepare) $(DRAFTS_H)
	$$(call if_changed_dep,host_cc)
$(O)/tests/host/$1: $(call host-objs,$1) FORCE
	$$(call if_changed,host_ld)
endef
$(foreach t,$(host-test-y),$(eval $(call host-test-rules,$t)))

PHONY += host-tests
host-tests: $(host-tests) $(O)/tests/host/list
# What check.py runs; a test that was removed must not stay behind.
$(O)/tests/host/list: FORCE
	$(call file_changed,'$(host-test-y)')
