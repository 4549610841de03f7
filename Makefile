# SPDX-License-Identifier: MIT
#
# Banos. "make help" lists what can be made; "make run" is where to start.
#
# This file is what a person calls: it finds the tools, configures, and runs
# the programs. The build itself is in scripts/build.mk, which reads the short
# Makefile in each folder; nothing here needs more than make and a shell.

VERSION	:= 0.2.0
# What uname -r says. Static glibc programs refuse to start on less than 3.2,
# so it begins with the Linux release whose user ABI this is measured against.
RELEASE	:= 6.1.0-banos$(VERSION)

# The name of this folder stands in commands. Letters of any language will do.
ifneq ($(shell d=$$(pwd -P; echo .); printf %s "$${d%??}" | LC_ALL=C tr -d \
	'A-Za-z0-9_./+@~\200-\377-' | LC_ALL=C tr -c x x),)
$(error make cannot work in a folder with this name: $(CURDIR): use letters, digits and _ . + @ ~ - only)
endif

# Where everything that is made goes. Names that make or the shell would take for
# something else are refused before anything is made.
O	?= build
quote	:= '
o-text	:= $(subst $(quote),",$(value O))
ifneq ($(words $(o-text))$(filter -% ~%,$(o-text))$(shell printf %s '$(o-text)' | \
	LC_ALL=C tr -d 'A-Za-z0-9_./+@~-' | LC_ALL=C tr -c x x),1)
$(error O=$(value O): use letters, digits and _ . / + @ ~ - only, and no - or ~ in front)
endif
# One name for each folder: make itself takes ./ away here and there.
override O := $(patsubst $(CURDIR)/%,%,$(abspath $(O)))
ifneq ($(filter /,$(O))$(filter $(abspath $(O))/%,$(abspath $(CURDIR))/),)
$(error O=$(O): what is made and what it is made from would get mixed up; use another folder)
endif
# The first folder of the way to it, where it is below this one.
o-first	:= $(firstword $(subst /, ,$(patsubst $(CURDIR)/%,%,$(filter $(CURDIR)/%,$(abspath $(O))))))
ifneq ($(o-first),)
ifneq ($(filter configs Documentation include scripts tests,$(o-first))$(wildcard $(o-first)/Makefile \
	$(o-first)/Kconfig),)
$(error O=$(O): $(o-first) is a folder of sources; use another folder)
endif
endif
ifneq ($(KCONFIG_CONFIG),)
$(error KCONFIG_CONFIG=$(KCONFIG_CONFIG): the configuration is $(O)/.config; O= names another folder)
endif

MAKEFLAGS += --no-print-directory
SHELL	:= /bin/sh
PYTHON	?= $(firstword $(wildcard /usr/bin/python3) python3)
export PYTHON
export BANOS_VERSION := $(VERSION)
export BANOS_RELEASE := $(RELEASE)
# What would have a tool do something else than what stands here. scripts/kconfig.sh
# looks after the variables of kconfig.
unexport CDPATH GREP_OPTIONS ENV BASH_ENV CONFIG_ \
	GCC_EXEC_PREFIX COMPILER_PATH CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH LIBRARY_PATH \
	DEPENDENCIES_OUTPUT SUNPRO_DEPENDENCIES LDEMULATION GNUTARGET LD_RUN_PATH \
	PYTHONHOME PYTHONPATH PYTHONOPTIMIZE PYTHONSAFEPATH PYTHONINSPECT PYTHONWARNINGS
# make -s: say nothing but errors.
export SILENT := $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS))))

build	= +@$(MAKE) -rR -f scripts/build.mk O='$(O)' PYTHON='$(PYTHON)'
# The commands that do everything by themselves use all processors, unless -j
# was given.
jobs	= $(if $(findstring -j,$(MAKEFLAGS)),,-j$(or $(shell nproc 2>/dev/null),1))
setup	= @scripts/bootstrap.sh

# What stands here runs one after the other ("make tiny_defconfig all"), in one
# output folder; each build in itself uses as many jobs as -j says.
.NOTPARALLEL:

.PHONY: all
all: need-build
	$(build) all

# ---------------------------------------------------------------------------
# Configuration

config-targets := menuconfig nconfig oldconfig olddefconfig defconfig \
	savedefconfig allnoconfig allyesconfig allmodconfig randconfig
.PHONY: $(config-targets)
$(config-targets): need-config
	@PYTHON='$(PYTHON)' scripts/kconfig.sh '$(O)' $@
%_defconfig: need-config
	@PYTHON='$(PYTHON)' scripts/kconfig.sh '$(O)' $@

# ---------------------------------------------------------------------------
# Building

.PHONY: kernel drivers modules initramfs host-tests tools sdk compile_commands.json syscalls-page
kernel drivers modules initramfs host-tests tools sdk compile_commands.json syscalls-page: need-build
	$(build) $@

# A single file: make build/kernel/printk.o
$(O)/%: need-build FORCE
	$(build) $@
.PHONY: FORCE
FORCE:
Makefile: ;

.PHONY: size
size: all
	@PYTHON='$(PYTHON)' scripts/size.sh '$(O)'

.PHONY: clean distclean
# The configuration stays.
clean:
	@if [ -d '$(O)' ]; then find '$(O)' -mindepth 1 -maxdepth 1 \
		! -name '.config*' -exec rm -rf {} +; fi
distclean:
	@rm -rf '$(O)'
	@rm -f compile_commands.json defconfig
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------------------
# Packages

# Say what is missing; install nothing.
.PHONY: need-config need-build
need-config:
	$(setup) --check config
need-build:
	$(setup) --check build

# Install what is missing.
.PHONY: setup setup-run setup-iso setup-disk setup-debug setup-check
setup: setup-check
setup-run setup-iso setup-disk setup-debug setup-check:
	$(setup) $(@:setup-%=%)

# ---------------------------------------------------------------------------
# Running

.PHONY: built run debug console iso run-iso run-uefi disk run-disk run-disk-uefi
built: setup-run
	+@$(MAKE) $(jobs) all
run: built
	@scripts/qemu.sh '$(O)' run
debug: setup-debug built
	@PYTHON='$(PYTHON)' scripts/qemu.sh '$(O)' debug
console:
	@PYTHON='$(PYTHON)' scripts/qemu.sh '$(O)' console
iso: setup-iso
	+@$(MAKE) $(jobs) all
	@scripts/iso.sh '$(O)'
run-iso run-uefi: iso
	@scripts/qemu.sh '$(O)' $@
disk: setup-disk
	+@$(MAKE) $(jobs) all
	@PYTHON='$(PYTHON)' scripts/disk.sh '$(O)'
# The disk keeps what was changed on it: it is made once.
run-disk run-disk-uefi: setup-disk
	@[ -f '$(O)/banos.img' ] || $(MAKE) disk
	@scripts/qemu.sh '$(O)' $@

# ---------------------------------------------------------------------------
# Tests

.PHONY: check check-layers check-host check-build check-kernel check-drivers \
	check-abi check-abi-long abi-page check-mutations check-fuzz check-system check-slow check-long check-disks coverage fuzz fuzz-syscalls bench
# The tests in the kernel are part of the debug configuration: a build beside.
debug-build = $(MAKE) $(jobs) O='$(O)/debug' debug_defconfig kernel
check: setup-check
	+@$(MAKE) $(jobs) all host-tests
	+@$(debug-build)
	@$(PYTHON) scripts/check.py '$(O)' all
check-layers: setup-check
	+@$(MAKE) $(jobs) kernel
	@$(PYTHON) scripts/check.py '$(O)' layers
check-build: setup-check
	@$(PYTHON) scripts/check.py '$(O)' build
check-drivers: setup-check
	+@$(MAKE) $(jobs) all host-tests
	@$(PYTHON) scripts/check.py '$(O)' drivers
check-host: setup-check
	+@$(MAKE) $(jobs) host-tests
	@$(PYTHON) scripts/check.py '$(O)' host
# Which lines of pure code the host tests reach: a build of its own, beside.
coverage: setup-check
	+@$(MAKE) $(jobs) O='$(O)/coverage' COVERAGE=1 defconfig host-tests
	@$(PYTHON) scripts/coverage.py '$(O)/coverage'
check-kernel: setup-check
	+@$(MAKE) $(jobs) initramfs
	+@$(debug-build)
	@$(PYTHON) scripts/check.py '$(O)' kernel
check-abi check-fuzz check-system check-slow check-long: setup-check
	+@$(MAKE) $(jobs) all host-tests
	+@$(debug-build)
	@$(PYTHON) scripts/check.py '$(O)' $(@:check-%=%)
check-abi-long: setup-check
	+@$(MAKE) $(jobs) all host-tests
	+@$(debug-build)
	@$(PYTHON) scripts/check.py '$(O)' long-abi
# Disks and ext2 in the long form: ONLY=crash, damaged, cycles or random for a part.
check-disks: setup-check
	+@$(MAKE) $(jobs) all
	+@$(debug-build)
	@DISK_PROOFS=1 BANOS_BUILD='$(abspath $(O))' $(PYTHON) -m pytest -q -s -p no:cacheprovider -m long -k '$(ONLY)' \
		tests/system/test_crash_replay.py tests/system/test_damaged_disks.py \
		tests/system/test_disk_cycles.py tests/system/test_random_work.py
# What the last run of check-abi or check-abi-long found, as a page.
abi-page:
	@$(PYTHON) tests/abi/page.py '$(O)'
# Breaks the driver ABI on purpose, in a copy of the tree: ONLY="NAME..." some breaks, JOBS=N at a time.
check-mutations: setup-check
	@$(PYTHON) tests/abi/mutate.py --jobs $(or $(JOBS),1) $(addprefix --only ,$(ONLY)) '$(O)'
# The fuzzer of system calls: CALLS calls on CPUS processors, from SEED on.
fuzz-syscalls: setup-check
	+@$(MAKE) $(jobs) all
	+@$(debug-build)
	@tests/fuzz/run-syscalls '$(O)' --calls $(or $(CALLS),100000000) \
		--seed $(or $(SEED),1) --cpus $(or $(CPUS),4) $(if $(RELEASE),--release)
fuzz bench: setup-check
	+@$(MAKE) $(jobs) all
	@if [ -x tests/$@/run ]; then tests/$@/run '$(O)'; \
	else echo 'tests/$@/run is not there yet' >&2; exit 1; fi

.PHONY: help
help:
	@sed -n 's/^#? \{0,1\}//p' Makefile | sed 's,$$(O),$(O),'

#? Start here
#?   run               build, and boot in QEMU to a shell on this terminal
#?   check             build, and test everything (ten minutes; check-slow has what takes longer)
#?                     Both install the Debian packages that they need.
#?
#? Configuration (kept in $(O)/.config; configs/ has the ready ones)
#?   menuconfig        choose options in menus     nconfig: the same, other looks
#?   defconfig         the usual configuration     tiny_defconfig, debug_defconfig
#?   oldconfig         ask about new options       olddefconfig: take their defaults
#?   savedefconfig     write $(O)/defconfig: what differs from the defaults
#?   allnoconfig allyesconfig allmodconfig randconfig
#?
#? Building
#?   all               banos.elf, initramfs.cpio and the drivers (the default)
#?   kernel  modules  initramfs  build/DIR/FILE.o      only that
#?   tools             banos-check: would a driver be installed, and if not, why?
#?   sdk               build/sdk and a .tar.gz: all that drivers elsewhere are built with
#?   size              how big it all is
#?   compile_commands.json   for clangd and other tools
#?   syscalls-page     write Documentation/system-calls.md from the list of calls
#?   clean             remove what was built       distclean: the configuration, too
#?   setup             install all packages that building and testing need
#?
#? Running
#?   run               in QEMU; SCREEN=1 opens its screen, too
#?   debug             in QEMU, stopped, with gdb on this terminal ("help banos")
#?   console           another terminal for typing to the machine under gdb
#?   iso               build/banos.iso, for BIOS and UEFI
#?   run-iso  run-uefi boot that in QEMU
#?   disk              build/banos.img, a disk that boots by itself, with ext2 (DISK_MIB=128)
#?   run-disk  run-disk-uefi   boot that in QEMU; changes stay on it until "make disk"
#?
#? Tests
#?   check-layers  check-host  check-build  check-kernel  check-drivers
#?   check-abi  check-fuzz  check-system
#?                     the parts of check
#?   check-slow        the tests that check leaves out for their time (tests/slow)
#?   check-abi-long    every driver, old and new, on every kernel, old and new (an hour)
#?   check-mutations   the ABI is broken on purpose; each break must be caught (an hour; ONLY=NAME, JOBS=N)
#?   abi-page          what the last of these two found, as one page for a browser
#?   check-disks       disks and ext2: crashes, damage, unplugging, random work (hours; ONLY=crash, damaged, cycles, random)
#?   check-long        what repeats a test of check: machines, processors, kernels, rounds (hours)
#?   coverage          which lines of pure code the tests on the host reach, by file and folder
#?   fuzz              parsers and the loader, on this machine, a minute each
#?   fuzz-syscalls     100 million random system calls (CALLS=, SEED=, CPUS=, RELEASE=1)
#?   bench
#?
#? Variables
#?   O=DIR             build there instead of in build/
#?   V=1               show the commands
#?   LLVM=1            use clang and lld           CROSS_COMPILE=PREFIX-: that gcc
#?   MEM=256 SMP=1 APPEND="options" QEMU_ARGS="..."   for run and its kin
#?   NET=user FORWARD="8080:80 udp:53:53"   for them: a network; ports here that lead to ports there
#?   NIC=virtio        its card: virtio, e1000 or e1000e
#?   SHARE=FOLDER      for them: the folder is /mnt/share there, also to write to
