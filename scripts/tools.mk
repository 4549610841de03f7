# SPDX-License-Identifier: MIT
#
# Programs for the machine that builds, made of the kernel's own sources:
#
#	tools/banos-check	would this driver be installed? Static, so that it
#				runs anywhere; goes into the SDK
#	tests/banos-check	the same under sanitizers, for the tests
#	tests/loadtest		for the running kernel: tests of installing drivers
#	fuzz/loader		the loader under libFuzzer; only where clang is
#	fuzz/pure		the same for what else reads strangers' bytes
#	fuzz/stack		the drivers inet, with lwIP, and minip; only where lwIP is

tool-cflags := -std=gnu11 -g -D__BANOS_HOST__ -Iinclude $(draft-flags) -Iarch/x86_64/include \
	-I$(O)/include -include include/kernel/kconfig.h -fno-builtin \
	-Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers
sanitize := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer

# Names and levels of all functions of the driver API.
API_INC	:= $(O)/include/generated/api.inc
quiet_cmd_api_inc = GEN     $(call short,$@)
      cmd_api_inc = $(PYTHON) scripts/gen-api.py --c $(filter %.h,$^) >$@
$(API_INC): $(sort $(wildcard include/banos/*.h)) scripts/gen-api.py FORCE
	$(call if_changed,api_inc)

# The drivers of the tree that an option can build in.
BUILT_IN_INC := $(O)/include/generated/built-in.inc
quiet_cmd_built_in = GEN     $(call short,$@)
      cmd_built_in = $(PYTHON) scripts/gen-built-in.py drivers $(filter %.h,$^) >$@
$(BUILT_IN_INC): scripts/gen-built-in.py $(sort $(wildcard $(addsuffix /Makefile,$(folders)) \
		drivers/*/*.c drivers/*/*/*.c include/banos/*.h)) FORCE
	$(call if_changed,built_in)

quiet_cmd_tool_cc = TOOLCC  $(call short,$@)
      cmd_tool_cc = $(tool-cc) $(tool-cflags) -MMD -MF $(depfile) -c -o $@ $<
quiet_cmd_tool_ld = TOOLLD  $(call short,$@)
      cmd_tool_ld = $(tool-cc) -o $@ $(filter %.o,$^) $(tool-libs)

# $(call tool,program,sources,compiler and flags,libraries)
define tool
$(O)/$1 $(patsubst %.c,$(O)/$1.obj/%.o,$2): tool-cc := $3
$(O)/$1: tool-libs := $4
$(patsubst %.c,$(O)/$1.obj/%.o,$2): $(O)/$1.obj/%.o: %.c FORCE | $(prepare) $(API_INC) $(BUILT_IN_INC) $(DRAFTS_H)
	$$(call if_changed_dep,tool_cc)
$(O)/$1: $(patsubst %.c,$(O)/$1.obj/%.o,$2) FORCE
	$$(call if_changed,tool_ld)
objects-tools += $(O)/$1 $(patsubst %.c,$(O)/$1.obj/%.o,$2)
endef
objects-tools := $(API_INC) $(BUILT_IN_INC)
check-srcs := banos/tool/banos-check.c banos/tool/kernel_image.c $(loader-srcs)
$(call host-objs-of,loader,banos/tool/host.c): | $(API_INC)
$(eval $(call tool,tools/banos-check,$(check-srcs),$(USERCC) -O2 -static -s))
$(eval $(call tool,tests/banos-check,$(check-srcs) tests/drivers/many.c,$(TESTCC) $(sanitize)))
$(eval $(call tool,tests/loadtest,$(wildcard tests/drivers/guest/*.c) \
	tests/fuzz/mutate.c $(loader-srcs),$(USERCC) -O2 -static -s))
$(eval $(call tool,fuzz/loader,tests/fuzz/loader.c tests/fuzz/mutate.c \
	$(loader-srcs),clang $(sanitize) -fsanitize=fuzzer))
$(eval $(call tool,fuzz/pure,$(wildcard tests/fuzz/pure*.c) $(cpio-srcs) \
	$(foreach t,inflate multiboot acpi pci_config virtio_ring ninep e1000 usb_ring usb_descriptor nvme_queue nvme_identify scsi_wire vt ldisc keymap script_line \
	inet_shape filter shaper virtio_net filter_program netlink_message elf_image signature ext2_pure fat_pure fs_magic partition_tables,$(filter-out lib/bitmap.c,$($t-srcs))) lib/bitmap.c \
	$(addprefix drivers/fs/iso9660/,folder.c options.c rock.c volume.c),clang \
	$(sanitize) -fsanitize=fuzzer -DBANOS_CFLAGS=0 $(draft-flags),-lz))

# Whole TCP/IP stacks, in a program. What lwIP reads need not be aligned on this machine, and it shifts bytes
# into the sign of a number, which GNU C defines.
ifneq ($(lwip-dir),)
stack-cc := clang -DBANOS_CFLAGS=0 -DBANOS_IN_TREE $(sanitize) -fno-sanitize=alignment,function -fsanitize=fuzzer -fno-pie
stack-port := $(stack-cc) -Idrivers/net/inet/port -I$(lwip-dir)/src/include
stack-srcs := $(wildcard tests/fuzz/stack/*.c) $(filter-out %/memory.c,$(wildcard drivers/net/inet/*.c)) drivers/misc/minip.c
stack-lwip := $(addprefix $(O)/fuzz/lwip/,$(addsuffix .o,$(lwip-srcs)))
$(eval $(call tool,fuzz/stack,$(stack-srcs),$(stack-cc),-no-pie -Wl$(comma)-T$(comma)tests/fuzz/stack/stack.lds))
$(patsubst %.c,$(O)/fuzz/stack.obj/%.o,$(filter drivers/%,$(stack-srcs))): tool-cc := $(stack-port)
$(stack-lwip): tool-cc := $(stack-port) -fno-sanitize=shift -w
$(stack-lwip): $(O)/fuzz/lwip/%.o: $(lwip-dir)/src/%.c FORCE | $(prepare) $(DRAFTS_H)
	$(call if_changed_dep,tool_cc)
$(foreach s,$(lwip-srcs),$(eval $(O)/fuzz/lwip/$s.o: tool-cc += $(flags-$(O)/drivers/net/inet/lwip/$s.o)))
$(O)/fuzz/stack: $(stack-lwip)
objects-tools += $(stack-lwip)
fuzzers: $(O)/fuzz/stack
endif

# The loader for other kernels and for programs: one object that needs nothing, in
# which only what banos-loader.h declares can be seen.
LOADER_LIB := $(O)/tools/libbanos-loader.a
library-srcs := banos/loader/library/library.c $(filter-out banos/tool/%,$(loader-srcs))
library-objs := $(patsubst %.c,$(O)/tools/libbanos-loader.obj/%.o,$(library-srcs))
library-cflags := $(kernel-cppflags) -D__BANOS_LIBRARY__ -std=gnu11 -O2 -m64 -ffreestanding -fPIE \
	-fvisibility=hidden -mno-red-zone -mgeneral-regs-only -fno-stack-protector \
	-fcf-protection=branch -fno-strict-aliasing -fno-common \
	-fno-asynchronous-unwind-tables -fno-delete-null-pointer-checks $(warn-flags)
quiet_cmd_library_cc = CC      $(call short,$@)
      cmd_library_cc = $(CC) $(library-cflags) $(prefix-map) -MMD -MF $(depfile) -c -o $@ $<
$(library-objs): $(O)/tools/libbanos-loader.obj/%.o: %.c $(TOOLCHAIN) FORCE | $(prepare)
	$(call if_changed_dep,library_cc)
quiet_cmd_library = AR      $(call short,$@)
      cmd_library = $(ld-r) -o $(@:.a=.o) $(library-objs); \
		$(OBJCOPY) --wildcard --keep-global-symbol='banos_loader_*' $(@:.a=.o); \
		rm -f $@; $(AR) rcsD $@ $(@:.a=.o)
$(LOADER_LIB): $(library-objs) FORCE
	$(call if_changed,library)
objects-tools += $(LOADER_LIB) $(library-objs)

# What drivers elsewhere are built with. The flags are those of our own drivers.
SDK	:= $(O)/sdk
sdk-cflags := $(machine-flags) -fcf-protection=branch -fno-common
sdk-cxxflags := -fno-exceptions -fno-rtti -fno-threadsafe-statics
sdk-objects := $(O)/drivers/banos-cxx.o $(O)/drivers/banos-rt.o
SDK_TAR	:= $(O)/banos-sdk-$(BANOS_VERSION).tar.gz
quiet_cmd_sdk = SDK     $(call short,$@)
      cmd_sdk = rm -f $(O)/banos-sdk-*.tar.gz; $(PYTHON) scripts/mksdk.py --out $(SDK) --tar $@ \
		--version '$(BANOS_VERSION)' --cflags='$(sdk-cflags)' \
		--cxxflags='$(sdk-cxxflags)' --check $(O)/tools/banos-check \
		--class-test $(O)/usr/banos-class-test \
		--cxx-object $(O)/drivers/banos-cxx.o \
		--rt-object $(O)/drivers/banos-rt.o --loader-library $(LOADER_LIB) \
		--drafts $(O)/include/drafts/banos/draft
$(SDK_TAR): $(O)/tools/banos-check $(O)/usr/banos-class-test $(sdk-objects) $(LOADER_LIB) $(DRAFTS_H) scripts/mksdk.py LICENSE \
		$(sort $(wildcard include/banos/*.h drivers/samples/* scripts/sdk/* \
		banos/loader/library/*)) FORCE
	$(call if_changed,sdk)
objects-tools += $(SDK_TAR) $(sdk-objects)

PHONY += tools fuzzers sdk
sdk: $(SDK_TAR)
tools: $(O)/tools/banos-check
host-tests: $(O)/tests/banos-check $(O)/tests/loadtest
fuzzers: $(O)/fuzz/loader $(O)/fuzz/pure
