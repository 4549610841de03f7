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
host-test-cflags := -std=gnu11 -O1 -g1 -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer -D__BANOS_HOST__ \
	$(if $(COVERAGE),--coverage) \
	-Iinclude -Iarch/x86_64/include -I$(O)/include $(draft-flags) \
	-include include/kernel/kconfig.h -Wall -Wextra -Werror \
	-Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers

host-tests := $(addprefix $(O)/tests/host/,$(host-test-y))

# Tests whose flags are the same share their objects, in a folder that has the name of the first of them.
same = $(and $(findstring x$1x,x$2x),$(findstring x$2x,x$1x))
$(foreach t,$(host-test-y),$(eval $t-objs-of := $(firstword $(foreach u,$(host-test-y), \
	$(if $(call same,$(strip $($u-cflags)),$(strip $($t-cflags))),$u)))))
# $(call host-objs,test): all of its objects; $(call host-objs-of,test,sources): some of them.
host-objs-of = $(addprefix $(O)/tests/host/$($1-objs-of).obj/,$(patsubst %.c,%.o,$2))
host-objs = $(call host-objs-of,$1,tests/host/test_$1.c $($1-srcs))
objects-host := $(sort $(foreach t,$(host-test-y),$(call host-objs,$t))) $(host-tests)

quiet_cmd_host_cc = HOSTCC  $(patsubst $(O)/tests/host/%,%,$@)
      cmd_host_cc = $(TESTCC) $(host-test-cflags) $($(host-test)-cflags) \
		-MMD -MF $(depfile) -c -o $@ $<
quiet_cmd_host_ld = HOSTLD  $(call short,$@)
      cmd_host_ld = $(TESTCC) $(host-test-cflags) -o $@ \
		$(call host-objs,$(@F)) -lcmocka $($(@F)-libs)

define host-objs-rule
$1: host-test := $2
$1: $(O)/tests/host/$2.obj/%.o: %.c FORCE | $(prepare) $(DRAFTS_H)
	$$(call if_changed_dep,host_cc)
endef
define host-test-rule
$(O)/tests/host/$1: $(call host-objs,$1) FORCE
	$$(call if_changed,host_ld)
endef
$(foreach f,$(sort $(foreach t,$(host-test-y),$($t-objs-of))),$(eval $(call host-objs-rule,$(filter \
	$(O)/tests/host/$f.obj/%,$(objects-host)),$f)))
$(foreach t,$(host-test-y),$(eval $(call host-test-rule,$t)))

PHONY += host-tests
host-tests: $(host-tests) $(O)/tests/host/list
# What check.py runs; a test that was removed must not stay behind.
$(O)/tests/host/list: FORCE
	$(call file_changed,'$(host-test-y)')
