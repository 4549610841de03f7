#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Find the packages that are missing for a task, and install them.
#
#	bootstrap.sh [--check] config|build|run|iso|disk|debug|check
#
# With --check nothing is installed: the command that would do it is printed,
# and the status is 1. It needs nothing but a shell, so that "make run" works
# where only git and make are installed. The packages are Debian's (12 or
# later); what they provide is looked for, so another system that has the
# programs is fine, too.

set -eu

check=
if [ "${1:-}" = --check ]; then
	check=y
	shift
fi
task=$1
missing=

# need PACKAGE COMMAND-OR-FILE...: the first that exists will do.
need()
{
	package=$1
	shift
	for thing; do
		case $thing in
		/*) [ -e "$thing" ] && return ;;
		*) command -v "$thing" >/dev/null 2>&1 && return ;;
		esac
	done
	case " $missing " in
	*" $package "*) ;;
	*) missing="$missing $package" ;;
	esac
}

# need_deb PACKAGE: a package that nothing but its files can tell from another.
need_deb()
{
	command -v dpkg-query >/dev/null 2>&1 || return 0
	case $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null || :) in
	*' installed') ;;
	*) missing="$missing $1" ;;
	esac
}

# need_python PACKAGE MODULE: for the Python that runs the tests; another one in
# PATH may have modules that this one lacks.
need_python()
{
	"${PYTHON:-/usr/bin/python3}" -c "import $2" >/dev/null 2>&1 && return
	missing="$missing $1"
}

# sbin is not in everyone's PATH.
PATH=$PATH:/usr/sbin:/sbin

machine=$(uname -m)

need_config()
{
	need kconfig-frontends-nox kconfig-conf
	need python3 python3
}

need_compilers()
{
	need gcc gcc "${CC:-gcc}"
	need libc6-dev /usr/include/stdio.h
	if [ "${LLVM:-}" = 1 ]; then
		need clang clang
		need lld ld.lld
		need llvm llvm-objcopy
	elif [ -n "${CROSS_COMPILE:-}" ]; then
		need "${CROSS_COMPILE}gcc" "${CROSS_COMPILE}gcc"
	elif [ "$machine" != x86_64 ]; then
		need gcc-x86-64-linux-gnu x86_64-linux-gnu-gcc
	else
		need binutils ld
	fi
}

need_build()
{
	need_config
	need_compilers
	# Elsewhere these would make programs for the wrong machine: usr/Makefile.
	[ "$machine" = x86_64 ] || return 0
	need musl-tools "${USERCC:-musl-gcc}"
	need cpio cpio
	need fakeroot fakeroot
	need kmod depmod
	[ -n "${BUSYBOX:-}" ] || need_deb busybox-static
}

need_run()
{
	need_build
	need qemu-system-x86 qemu-system-x86_64
}

need_iso()
{
	need_run
	need grub-common grub-mkrescue
	need grub-pc-bin /usr/lib/grub/i386-pc/multiboot.mod
	need grub-efi-amd64-bin /usr/lib/grub/x86_64-efi/multiboot2.mod
	need xorriso xorriso
	need mtools mformat
	need ovmf /usr/share/OVMF/OVMF_CODE_4M.fd
}

need_disk()
{
	need_iso
	need fdisk sfdisk
	need e2fsprogs mke2fs
}

need_debug()
{
	need_run
	need gdb "${GDB:-gdb}"
}

need_check()
{
	need_disk
	need_debug
	# Drivers may be written in C++, too, and for either compiler.
	need g++ g++
	need clang clang
	need tcc tcc
	# What fuzzing links with is a package of its own.
	version=$(clang -dumpversion 2>/dev/null || echo 14)
	need "libclang-rt-${version%%.*}-dev" \
		"$(clang -print-resource-dir 2>/dev/null)/lib/linux/libclang_rt.fuzzer-x86_64.a"
	need clang-format clang-format clang-format-14
	need abigail-tools abidiff
	# It runs in the guest, as gdb does.
	need strace strace
	need pkgconf pkg-config
	need libcmocka-dev /usr/include/cmocka.h
	need zlib1g-dev /usr/include/zlib.h
	# File systems: images are made and checked by other people's programs.
	need e2fsprogs debugfs
	# Disks as other projects' tools make them.
	need fdisk sfdisk
	need parted parted
	need gdisk sgdisk
	need dosfstools mkfs.vfat
	need genisoimage genisoimage
	# Programs that are run in the machine, and against it: tests/system/test_network_programs.py.
	need curl curl
	need dropbear-bin dropbear
	need iperf3 iperf3
	need iproute2 ss
	need netcat-openbsd nc.openbsd
	need openssh-client ssh
	need socat socat
	need tcpdump tcpdump
	need_python python3-clang clang.cindex
	need_python python3-pytest pytest
	need_python python3-pexpect pexpect
}

"need_$task"
missing=${missing# }
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ] && command -v sudo >/dev/null 2>&1; then
	as_root='sudo '
fi
install="apt-get install -y --no-install-recommends $missing"

refuse()
{
	echo "These packages are needed and not installed: $missing" >&2
	echo "$1" >&2
	echo "	${as_root}apt-get update" >&2
	echo "	$as_root$install" >&2
	exit 1
}

[ -z "$check" ] || refuse "Install them with 'make setup', or with:"
command -v apt-get >/dev/null 2>&1 ||
	refuse "There is no apt-get here. On Debian it would be:"
if [ "$(id -u)" != 0 ]; then
	[ -n "$as_root" ] ||
		refuse "Only root can do that, and there is no sudo. As root, run:"
	# Without a terminal there is nobody to type a password.
	if ! sudo -n true 2>/dev/null && ! [ -t 0 ]; then
		refuse "sudo needs a password. In a terminal, run:"
	fi
fi

echo "Installing what is missing: $missing"
export DEBIAN_FRONTEND=noninteractive
${as_root}apt-get update -q || echo "(apt-get update failed; trying all the same)"
${as_root}env DEBIAN_FRONTEND=noninteractive $install ||
	refuse "That failed. By hand it would be:"

# A package that did not bring what is needed must not lead into a loop.
missing=
"need_$task"
[ -z "$missing" ] || refuse "They were installed, but are still not found:"
