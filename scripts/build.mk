# SPDX-License-Identifier: MIT
#
# The build graph: everything between a configuration and the files in $(O).
#
# The top Makefile runs this file, in the source tree, once per build. One make
# process reads the short Makefile of every folder, so it knows every
# dependency and any -j is safe. What a folder's Makefile may say:
#
#	obj-y += a.o			built in
#	obj-$(CONFIG_FOO) += foo.o	y: built in; m: only a driver file (drivers/ only)
#	obj-y += sub/			read sub/Makefile, too
#	foo-objs := main.o util.o	a driver of several sources (drivers/ only); .c or .cc
#	ccflags-y += -DX		flags for all objects of this folder
#	CFLAGS_a.o += -O1		flags for one object
#	CFLAGS_REMOVE_a.o += -g		flags that one object must not get
#	fast-y += a.o			runs often: compiled for speed, the rest for size
#
# Every command is recorded next to its target (.a.o.cmd), together with the
# headers and the options that the source uses, so a build redoes exactly what
# a changed source, header, flag, option or compiler touches.

O	?= build
override O := $(patsubst $(CURDIR)/%,%,$(abspath $(O)))

.SUFFIXES:
.DELETE_ON_ERROR:
MAKEFLAGS += -rR --no-print-directory

PHONY := all FORCE
all:

# ---------------------------------------------------------------------------
# Tools

ifeq ($(LLVM),1)
CC	:= clang --target=x86_64-linux-gnu
CXX	:= clang++ --target=x86_64-linux-gnu
LD	:= ld.lld
NM	:= llvm-nm
OBJCOPY	:= llvm-objcopy
AR	:= llvm-ar
STRIP	:= llvm-strip
SIZE	:= llvm-size
HOSTCC	?= clang
else
ifeq ($(origin CROSS_COMPILE),undefined)
CROSS_COMPILE := $(if $(shell command -v x86_64-linux-gnu-gcc),x86_64-linux-gnu-)
endif
CC	:= $(CROSS_COMPILE)gcc
CXX	:= $(CROSS_COMPILE)g++
LD	:= $(CROSS_COMPILE)ld
NM	:= $(CROSS_COMPILE)nm
OBJCOPY	:= $(CROSS_COMPILE)objcopy
AR	:= $(CROSS_COMPILE)ar
STRIP	:= $(CROSS_COMPILE)strip
SIZE	:= $(CROSS_COMPILE)size
HOSTCC	?= gcc
endif
PYTHON	?= $(firstword $(wildcard /usr/bin/python3) python3)

# ---------------------------------------------------------------------------
# Running commands

empty	:=
space	:= $(empty) $(empty)
comma	:= ,
squote	:= '
pound	:= \#

ifeq ($(V),1)
quiet	:=
else
quiet	:= quiet_
endif
ifneq ($(SILENT),)
quiet	:= silent_
endif
Q	:= $(if $(filter 1,$(V)),,@)

escsq	= $(subst $(squote),'\$(squote)',$1)
short	= $(patsubst $(O)/%,%,$1)
# A command as text that can stand in a makefile and in quotes of the shell.
saved	= $(call escsq,$(subst $(pound),$$(pound),$(subst $$,$$$$,$1)))
dotfile	= $(dir $1).$(notdir $1)$2
echo-cmd = $(if $($(quiet)cmd_$1),echo '  $(call escsq,$($(quiet)cmd_$1))';)

# Run cmd_$1 always.
cmd	= @set -e; $(echo-cmd) $(cmd_$1)

differ	= $(subst x$(strip $1),,x$(strip $2))$(subst x$(strip $2),,x$(strip $1))
changed	= $(filter-out FORCE,$?)$(call differ,$(savedcmd_$@),$(cmd_$1))

# Run cmd_$1 if a prerequisite is newer or the command is another than last time.
if_changed = $(if $(changed),@set -e; $(echo-cmd) $(cmd_$1); \
	printf '%s\n' 'savedcmd_$@ := $(call saved,$(cmd_$1))' >$(call dotfile,$@,.cmd),@:)

# The same for a compiler that wrote a dependency file.
if_changed_dep = $(if $(changed),@set -e; $(echo-cmd) $(cmd_$1); \
	$(FIXDEP) $(depfile) $@ $(O)/include/config '$(call saved,$(cmd_$1))' \
		>$(call dotfile,$@,.cmd); rm -f $(depfile),@:)
depfile	= $(call dotfile,$@,.d)

# Write a generated file only when its content changes: $(call file_changed,text)
file_changed = @mkdir -p $(@D); printf '%s\n' $1 >$@.tmp; \
	if cmp -s $@.tmp $@; then rm -f $@.tmp; else mv -f $@.tmp $@; \
	$(if $(SILENT),,echo '  GEN     $(call short,$@)';) fi

# ---------------------------------------------------------------------------
# Configuration

KCONFIGS := $(sort $(wildcard $(addsuffix Kconfig,$(empty) */ */*/ */*/*/)))

include $(O)/include/config/auto.conf

$(O)/include/config/auto.conf: $(O)/.config $(KCONFIGS) scripts/kconfig.sh
	@PYTHON='$(PYTHON)' scripts/kconfig.sh $(O) sync
$(O)/include/generated/autoconf.h: $(O)/include/config/auto.conf ;
$(O)/.config:
	$(if $(SILENT),,@echo '  No configuration yet: taking configs/defconfig')
	@PYTHON='$(PYTHON)' scripts/kconfig.sh $(O) defconfig

# ---------------------------------------------------------------------------
# Flags

# Paths that reach the output are made relative to the source tree, so that it
# does not matter where the tree or $(O) is.
prefix-map := -ffile-prefix-map=$(abspath $(O))/=build/ \
	-ffile-prefix-map=$(O)/=build/ -ffile-prefix-map=$(CURDIR)/= \
	-ffile-prefix-map=$(CURDIR)=.

debug-flags := $(if $(CONFIG_DEBUG_INFO),-g)
cc-include := $(shell $(CC) -print-file-name=include 2>/dev/null)

# -Wmaybe-uninitialized is wrong too often, in a new place for each configuration.
warn-flags := -Wall -Wextra -Werror -Wundef -Wvla -Wwrite-strings \
	-Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wimplicit-fallthrough \
	-Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
	$(if $(filter 1,$(LLVM)),,-Wno-maybe-uninitialized)

# The same pattern at each call in what nobody set, instead of what the stack held.
pattern-flags := $(if $(CONFIG_DEBUG_STACK),-ftrivial-auto-var-init=pattern)

# Small code, and speed where it counts: in the objects that a folder's Makefile
# names in fast-y, and there without padding. Compilers know __OPTIMIZE_SIZE__.
# What is small calls the locks that what is fast has inline (kernel/spinlock.h).
cc-option = $(shell $(CC) -Werror $1 -x c -c /dev/null -o /dev/null 2>/dev/null && echo $1)
optimize-size := $(or $(call cc-option,-Oz),-Os)
optimize-speed := -O2 $(if $(filter 1,$(LLVM)),,-falign-functions=4 \
	-falign-jumps=1 -falign-loops=1 -falign-labels=1)
optimize-fast := $(if $(CONFIG_OPTIMIZE_SIZE),,$(optimize-speed))

machine-flags := -m64 -ffreestanding -fno-pic -fno-pie -mcmodel=kernel \
	-mno-red-zone -mgeneral-regs-only -fno-stack-protector \
	-fno-omit-frame-pointer -fno-asynchronous-unwind-tables

# Draft headers of the driver API, and where their fingerprints are (include/banos/draft.h).
draft-folders := include $(if $(CONFIG_API_DRAFT_TEST),tests/abi/drafts/both \
	tests/abi/drafts/$(if $(CONFIG_API_DRAFT_TEST_OTHER),two,one))
draft-flags := -I$(O)/include/drafts $(patsubst %,-I%,$(filter-out include,$(draft-folders)))

# Code linked into the kernel.
kernel-cppflags := -nostdinc -isystem $(cc-include) \
	$(if $(CONFIG_API_FUTURE),-I$(O)/include/future) -Iinclude \
	-Iarch/x86_64/include -I$(O)/include $(draft-flags) -D__BANOS__ \
	-include include/kernel/kconfig.h
# A section for each function and variable, so that the link drops what an option leaves unused. GCC aligns arrays of 32 bytes
# or more to as many, the names in __func__ among them, where the ABI asks for 16.
kernel-cflags := -std=gnu11 $(optimize-size) $(debug-flags) $(machine-flags) \
	$(call cc-option,-malign-data=abi) \
	-ffunction-sections -fdata-sections \
	$(if $(CONFIG_FRAME_POINTER),,-fomit-frame-pointer) \
	-fcf-protection=none -fno-strict-aliasing -fno-common \
	-fno-delete-null-pointer-checks -fno-strict-overflow $(warn-flags) \
	$(pattern-flags)
kernel-aflags := -m64 $(debug-flags) -D__ASSEMBLY__ -Wa,--fatal-warnings

# Drivers: the rules that make their files loadable, and no way to any header but
# <banos/...>, the compiler's own and those beside the source. They may use drafts.
driver-cppflags := -nostdinc -isystem $(cc-include) -I$(O)/include/driver-api \
	$(draft-flags) -DBANOS_CFLAGS=1 -DBANOS_DRAFT
driver-cflags := -std=gnu11 -O2 $(debug-flags) $(machine-flags) \
	-fcf-protection=branch -fno-strict-aliasing -fno-common $(warn-flags) \
	$(pattern-flags)

# ... in C++: without what only C has, and what there is no run-time support for.
driver-cxxflags := -std=gnu++17 $(filter-out -std=% -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition,$(driver-cflags)) \
	-fno-exceptions -fno-rtti -fno-threadsafe-statics

host-cflags := -std=gnu11 -O2 -Wall -Wextra -Werror

# ---------------------------------------------------------------------------
# What every object waits for

FIXDEP	:= $(O)/scripts/fixdep
$(FIXDEP): scripts/fixdep.c
	@mkdir -p $(@D)
	$(call cmd,hostcc)
quiet_cmd_hostcc = HOSTCC  $(call short,$@)
      cmd_hostcc = $(HOSTCC) $(host-cflags) -o $@ $<

VERSION_H := $(O)/include/generated/version.h
$(VERSION_H): FORCE
	$(call file_changed,'/* Made by scripts/build.mk */' \
		'#define BANOS_VERSION "$(BANOS_VERSION)"' \
		'#define BANOS_RELEASE "$(BANOS_RELEASE)"')

# Another compiler rebuilds everything.
TOOLCHAIN := $(O)/include/generated/toolchain
$(TOOLCHAIN): FORCE
	$(call file_changed,"$$($(CC) --version | head -n 1)" \
		"$$($(LD) --version | head -n 1)")

DRIVER_API := $(O)/include/driver-api/banos
$(DRIVER_API):
	@mkdir -p $(@D) && ln -sfn $(CURDIR)/include/banos $@

DRAFTS_H := $(O)/include/generated/drafts.h
$(DRAFTS_H): $(wildcard $(addsuffix /banos/*.h,$(draft-folders))) scripts/gen-drafts.py \
		scripts/frozen-drafts FORCE
	$(call if_changed,drafts)
quiet_cmd_drafts = GEN     $(call short,$@)
      cmd_drafts = $(PYTHON) scripts/gen-drafts.py --frozen scripts/frozen-drafts \
		$(O)/include $(draft-folders)

prepare := $(FIXDEP) $(VERSION_H) $(DRAFTS_H) $(O)/include/generated/autoconf.h

# The headers of the driver API as a later level will have them, for CONFIG_API_FUTURE.
ifneq ($(and $(CONFIG_API_FUTURE),$(wildcard include/uapi/banos.h)),)
FUTURE_API := $(O)/include/future/banos/base.h
$(FUTURE_API): $(wildcard include/banos/*.h) include/uapi/banos.h scripts/future-headers.py
	$(call cmd,future)
quiet_cmd_future = GEN     $(call short,$(O)/include/future)
      cmd_future = $(PYTHON) scripts/future-headers.py include $(O)/include/future
prepare += $(FUTURE_API)
endif

# What pointers of the driver API name, as its headers state.
CROSSINGS := $(O)/include/generated/crossings.h
$(CROSSINGS): $(wildcard include/banos/*.h) scripts/crossings.py scripts/api_headers.py
	@mkdir -p $(@D)
	$(call cmd,crossings)
quiet_cmd_crossings = GEN     $(call short,$@)
      cmd_crossings = $(PYTHON) scripts/crossings.py --c $(filter %.h,$^) >$@
prepare += $(CROSSINGS)

# What follows from the list of system calls: numbers, prototypes, tables.
SYSCALLS := $(wildcard kernel/process/syscalls.list)
ifneq ($(SYSCALLS),)
syscalls-h := $(addprefix $(O)/include/generated/,syscalls.h syscall-numbers.h)
syscalls-c := $(O)/init/syscall_table.c
$(O)/include/generated/syscalls.stamp: $(SYSCALLS) scripts/gen-syscalls.py
	$(call cmd,syscalls)
quiet_cmd_syscalls = GEN     $(call short,$(syscalls-c))
      cmd_syscalls = $(PYTHON) scripts/gen-syscalls.py $(SYSCALLS) --kernel $(O); touch $@
$(syscalls-h) $(syscalls-c): $(O)/include/generated/syscalls.stamp ;
prepare += $(syscalls-h)
endif

# Offsets of C structures for assembly, where a folder of the machine has them.
ifneq ($(wildcard arch/x86_64/asm-offsets.c),)
ASM_OFFSETS := $(O)/include/generated/asm-offsets.h
$(O)/arch/x86_64/asm-offsets.s: arch/x86_64/asm-offsets.c $(TOOLCHAIN) FORCE \
		| $(prepare)
	$(call if_changed_dep,cc_s)
quiet_cmd_cc_s = CC      $(call short,$@)
      cmd_cc_s = $(CC) $(kernel-cppflags) $(kernel-cflags) -g0 $(prefix-map) \
		-MMD -MF $(depfile) -S -o $@ $<
$(ASM_OFFSETS): $(O)/arch/x86_64/asm-offsets.s
	@sed -n 's/^.*->\([A-Za-z0-9_]*\) \$$*\([-0-9]*\).*$$/#define \1 \2/p' \
		$< >$@.tmp; \
	if cmp -s $@.tmp $@; then rm -f $@.tmp; else mv -f $@.tmp $@; fi
prepare-asm := $(ASM_OFFSETS)
objects-extra := $(O)/arch/x86_64/asm-offsets.s
endif

# ---------------------------------------------------------------------------
# Reading the folders

kernel-objs :=
drivers-y :=
drivers-m :=
folders :=

# $(call read-folder,folder,kernel|driver)
read-folder = $(if $(wildcard $1/Makefile),$(call read-folder_,$1,$2))
define read-folder_
$(eval obj-y :=)$(eval obj-m :=)$(eval fast-y :=)$(eval ccflags-y :=)$(eval src := $1)$(eval \
obj := $(O)/$1)$(eval include $1/Makefile)$(eval folders += $1)$(call \
collect-$2,$1,$(filter-out %/,$(obj-y)),$(filter-out %/,$(obj-m)),$(strip \
$(ccflags-y)),$(patsubst %/,%,$(filter %/,$(obj-y) $(obj-m))))
endef

# $(call keep-flags,folder,objects,folder's flags)
keep-flags = $(foreach o,$2,$(eval flags-$(O)/$1/$o := $(strip $3 \
	$(if $(filter $o,$(fast-y)),$(optimize-fast)) $(CFLAGS_$o)))$(eval noflags-$(O)/$1/$o := \
	$(CFLAGS_REMOVE_$o))$(eval undefine CFLAGS_$o)$(eval \
	undefine CFLAGS_REMOVE_$o))

# $(call collect-...,folder,y objects,m objects,flags,subfolders)
define collect-kernel
$(if $3,$(error $1/Makefile: $3: only a driver can be m))$(call \
keep-flags,$1,$2,$4)$(eval kernel-objs += $(addprefix $(O)/$1/,$2))$(foreach \
d,$5,$(call read-folder,$1/$d,kernel))
endef

define collect-driver
$(foreach o,$2 $3,$(eval driver-$(O)/$1/$(o:.o=) := $(addprefix \
$(O)/$1/,$(or $($(o:.o=)-objs),$o)))$(call keep-flags,$1,$(or \
$($(o:.o=)-objs),$o),$4)$(eval undefine $(o:.o=)-objs))$(eval \
drivers-y += $(addprefix $(O)/$1/,$(2:.o=)))$(eval \
drivers-m += $(addprefix $(O)/$1/,$(3:.o=)))$(foreach \
d,$5,$(call read-folder,$1/$d,driver))
endef

$(foreach d,arch/x86_64 kernel ipc mm fs net device banos lib init \
	$(if $(CONFIG_KTEST),tests/kernel) $(if $(CONFIG_API_DRAFT_TEST),tests/abi/drafts),$(call read-folder,$d,kernel))
$(call read-folder,drivers,driver)

-include drivers/net/inet/lwip.mk

drivers-y := $(strip $(drivers-y))
drivers-m := $(strip $(drivers-m))

# What compilers of C++ call by themselves is a part of each driver in C++.
is-cxx	= $(wildcard $(patsubst $(O)/%.o,%.cc,$(driver-$1)))
$(foreach d,$(drivers-y) $(drivers-m),$(if $(call is-cxx,$d),$(eval \
	driver-$d += $(O)/drivers/banos-cxx.o)))
driver-objs := $(sort $(foreach d,$(drivers-y) $(drivers-m),$(driver-$d)))
builtin-objs := $(addsuffix .builtin.o,$(drivers-y))
# A file of each driver, also of those in the image: the folder of drivers is for other kernels, too.
modules	:= $(addsuffix .ko,$(drivers-m) $(if $(CONFIG_MODULES),$(drivers-y)))
linker-script := $(O)/arch/x86_64/boot/banos.lds

# ---------------------------------------------------------------------------
# Compiling

flags = $(filter-out $(noflags-$@),$1 $(flags-$@))

quiet_cmd_cc = CC      $(call short,$@)
      cmd_cc = $(CC) $(kernel-cppflags) $(call flags,$(kernel-cflags)) \
		$(prefix-map) -MMD -MF $(depfile) -c -o $@ $<
quiet_cmd_as = AS      $(call short,$@)
      cmd_as = $(CC) $(kernel-cppflags) $(call flags,$(kernel-aflags)) \
		$(prefix-map) -MMD -MF $(depfile) -c -o $@ $<
quiet_cmd_cc_d = $(if $(filter $@,$(objs-m)),CC [M] ,CC     ) $(call short,$@)
      cmd_cc_d = $(CC) $(driver-cppflags) $(call flags,$(driver-cflags)) \
		$(prefix-map) -MMD -MF $(depfile) -c -o $@ $<

quiet_cmd_cxx_d = $(if $(filter $@,$(objs-m)),CXX [M],CXX    ) $(call short,$@)
      cmd_cxx_d = $(CXX) $(driver-cppflags) $(call flags,$(driver-cxxflags)) \
		$(prefix-map) -MMD -MF $(depfile) -c -o $@ $<

objs-m := $(foreach d,$(drivers-m),$(driver-$d))

$(O)/drivers/%.o: drivers/%.cc $(TOOLCHAIN) FORCE | $(FIXDEP) $(DRIVER_API) $(DRAFTS_H)
	$(call if_changed_dep,cxx_d)
$(O)/drivers/%.o: drivers/%.c $(TOOLCHAIN) FORCE | $(FIXDEP) $(DRIVER_API) $(DRAFTS_H)
	$(call if_changed_dep,cc_d)
$(O)/%.o: %.c $(TOOLCHAIN) FORCE | $(prepare) $(prepare-asm)
	$(call if_changed_dep,cc)
$(O)/%.o: %.S $(TOOLCHAIN) FORCE | $(prepare) $(prepare-asm)
	$(call if_changed_dep,as)

# ---------------------------------------------------------------------------
# Drivers

# Not $(LD) alone: the options are the same for both forms of a driver.
ld-r := $(LD) -r -m elf_x86_64 -z noexecstack --build-id=none

quiet_cmd_ld_ko = LD [M]  $(call short,$@)
      cmd_ld_ko = $(ld-r) -o $@ $(driver-$(@:.ko=))

# A built-in driver: the same objects, between two of ours that say where the
# driver's parts begin and end (scripts/builtin.S). All symbols but the imports
# are made local, so that two drivers can't meet and the kernel can't reach in.
builtin-last := $(O)/drivers/builtin-last.o
ro-section = --rename-section $1=.rodata.$2,alloc,load,readonly,data,contents

quiet_cmd_ld_builtin = LD      $(call short,$@)
      cmd_ld_builtin = $(ld-r) -T scripts/builtin.lds -o $@ \
			$(@:.builtin.o=.builtin-first.o) \
			$(driver-$(@:.builtin.o=)) $(builtin-last); \
		renames=$$($(PYTHON) scripts/check-builtin.py $@); \
		$(OBJCOPY) $$renames --keep-global-symbol=nothing_is_global \
			--remove-section=.note.gnu.property \
			$(call ro-section,.init_array,driver_init) \
			$(call ro-section,.fini_array,driver_fini) $@
quiet_cmd_builtin = AS      $(call short,$@)
      cmd_builtin = $(CC) -m64 $(prefix-map) -Wa,--fatal-warnings \
		$(if $(findstring first,$@),-DBUILTIN_NAME='"$(patsubst \
			$(O)/drivers/%.builtin-first.o,%,$@)"') -c -o $@ $<

$(addsuffix .builtin-first.o,$(drivers-y)) $(builtin-last): scripts/builtin.S \
		$(TOOLCHAIN) FORCE
	$(call if_changed,builtin)

.SECONDEXPANSION:
$(modules): %.ko: $$(driver-%) FORCE
	$(call if_changed,ld_ko)
$(builtin-objs): %.builtin.o: %.builtin-first.o $$(driver-%) $(builtin-last) \
		scripts/builtin.lds scripts/check-builtin.py FORCE
	$(call if_changed,ld_builtin)

# What built-in drivers import from each other.
builtin-imports := $(O)/banos/builtin-imports.o
quiet_cmd_imports = GEN     $(call short,$@)
      cmd_imports = $(PYTHON) scripts/gen-builtin-imports.py $(O)/drivers \
		$(builtin-objs) -o $@
$(builtin-imports:.o=.S): $(builtin-objs) scripts/gen-builtin-imports.py FORCE
	$(call if_changed,imports)
$(builtin-imports): %.o: %.S $(TOOLCHAIN) FORCE | $(prepare) $(prepare-asm)
	$(call if_changed_dep,as)

# A driver that is no longer built must not stay behind as a file.
stale	:= $(filter-out $(modules),$(shell find $(O)/drivers -name '*.ko' 2>/dev/null))
$(if $(stale),$(shell rm -f $(stale)))

# ---------------------------------------------------------------------------
# The image

quiet_cmd_lds = LDS     $(call short,$@)
      cmd_lds = $(CC) -E -P -x assembler-with-cpp $(kernel-cppflags) \
		-D__ASSEMBLY__ -DLINKER_SCRIPT -MMD -MF $(depfile) -MT $@ -o $@ $<

$(linker-script): arch/x86_64/boot/banos.lds.S $(TOOLCHAIN) FORCE | $(prepare)
	$(call if_changed_dep,lds)

ld-option = $(shell $(LD) $1 --version >/dev/null 2>&1 && echo $1)
ldflags	:= -m elf_x86_64 -nostdlib -static -z max-page-size=4096 -z noexecstack \
	--build-id=none --gc-sections $(call ld-option,--no-warn-rwx-segments) \
	$(call ld-option,--fatal-warnings)

# The names of functions for backtraces are in the image, and where functions
# lie is known only after linking: link once with an empty table, make the
# table, link again, and check that no function has moved. The table is the
# last thing before writable data, so none does.
link = $(LD) $(ldflags) -T $(linker-script) -o

quiet_cmd_ksyms = KSYMS   $(call short,$@)
      cmd_ksyms = $(PYTHON) scripts/gen-ksyms.py $(if $(filter %.elf,$<),--nm '$(NM)' $<) -o $@

$(O)/ksyms-empty.S: scripts/gen-ksyms.py FORCE
	$(call if_changed,ksyms)
image-objs := $(kernel-objs) $(builtin-objs) $(builtin-imports)
$(O)/banos-pass1.elf: $(image-objs) $(O)/ksyms-empty.o \
		$(linker-script) FORCE
	$(call if_changed,ld_pass1)
quiet_cmd_ld_pass1 = LD      $(call short,$@)
      cmd_ld_pass1 = $(link) $@ $(image-objs) $(O)/ksyms-empty.o
$(O)/ksyms.S: $(O)/banos-pass1.elf scripts/gen-ksyms.py FORCE
	$(call if_changed,ksyms)

# These tables are generated sources, so their rules have no pattern above.
$(O)/init/syscall_table.o: %.o: %.c $(TOOLCHAIN) FORCE | $(prepare) $(prepare-asm)
	$(call if_changed_dep,cc)
$(O)/ksyms.o $(O)/ksyms-empty.o: %.o: %.S $(TOOLCHAIN) FORCE | $(prepare)
	$(call if_changed_dep,as)

ksyms-o	:= $(O)/$(if $(CONFIG_KALLSYMS),ksyms.o,ksyms-empty.o)
quiet_cmd_ld_image = LD      $(call short,$@)
      cmd_ld_image = $(link) $@ $(image-objs) $(ksyms-o); \
		$(PYTHON) scripts/check-image.py --strip '$(STRIP)' \
			--phys-start $(CONFIG_PHYS_START) \
			$(if $(CONFIG_KALLSYMS),--same-text $(O)/banos-pass1.elf) $@ \
		$(if $(api-headers),; $(PYTHON) scripts/check-exports.py $@ $(api-headers))

# Each function of the driver API is declared once and exported once, whatever
# the configuration is.
api-headers := $(if $(wildcard banos/api),$(wildcard $(addsuffix /banos/*.h,$(draft-folders))))

$(O)/banos.elf: $(image-objs) $(ksyms-o) $(linker-script) \
		scripts/check-image.py $(addprefix scripts/,$(if $(api-headers), \
		check-exports.py gen-api.py)) $(api-headers) FORCE
	$(call if_changed,ld_image)

PHONY += kernel drivers modules initramfs
kernel: $(O)/banos.elf
modules drivers: $(modules)

# ---------------------------------------------------------------------------
# User space, tests

-include usr/Makefile
-include tests/host/tests.mk
include scripts/host-tests.mk
include scripts/tools.mk

all: kernel modules

PHONY += syscalls-page
syscalls-page:
	$(PYTHON) scripts/gen-syscalls.py $(SYSCALLS) --page Documentation/system-calls.md

PHONY += compile_commands.json
compile_commands.json: $(O)/compile_commands.json
$(O)/compile_commands.json: $(kernel-objs) $(driver-objs) FORCE
	@$(PYTHON) scripts/gen-compile-commands.py $(O) >$@.tmp && mv $@.tmp $@
	$(if $(SILENT),,@echo '  GEN     $(call short,$@)')

# ---------------------------------------------------------------------------
# What earlier builds recorded

objects	:= $(kernel-objs) $(driver-objs) $(builtin-objs) $(modules) \
	$(addsuffix .builtin-first.o,$(drivers-y)) $(builtin-last) \
	$(builtin-imports) $(builtin-imports:.o=.S) \
	$(objects-extra) $(DRAFTS_H) $(linker-script) $(O)/ksyms.o $(O)/ksyms-empty.o \
	$(O)/ksyms.S $(O)/ksyms-empty.S $(O)/banos-pass1.elf $(O)/banos.elf \
	$(objects-usr) $(objects-host) $(objects-tools)
-include $(wildcard $(foreach o,$(objects),$(call dotfile,$o,.cmd)))
$(shell mkdir -p $(sort $(dir $(objects))))

$(KCONFIGS) scripts/build.mk Makefile scripts/host-tests.mk scripts/tools.mk usr/Makefile \
tests/host/tests.mk $(addsuffix /Makefile,$(folders)): ;

FORCE:
.PHONY: $(PHONY)
