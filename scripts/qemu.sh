#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Boot in QEMU, with the machine's serial console on this terminal.
#
#	qemu.sh OUTPUT_DIR run|debug|run-iso|run-uefi
#
# Variables: MEM (MiB), SMP, MACHINE, CPU, APPEND (kernel options), QEMU_ARGS,
# KERNEL, INITRD, QEMU. Keys: all, Ctrl-C too, go to the guest; Ctrl-A x ends
# QEMU, Ctrl-A c leads to its monitor, Ctrl-A h lists more.

set -eu

out=$1
mode=$2
: "${QEMU:=qemu-system-x86_64}"
: "${KERNEL:=$out/banos.elf}"
: "${INITRD:=$out/initramfs.cpio}"

# No reboot: a kernel that resets the machine ends QEMU instead of looping.
set -- -machine "${MACHINE:-pc}" -cpu "${CPU:-max}" -m "${MEM:-256}" \
	-smp "${SMP:-1}" -nic none -no-reboot
case $mode in
run | debug)
	case $KERNEL$INITRD in
	*,*)
		echo "QEMU takes a comma in a path for a separator: $INITRD" >&2
		exit 1 ;;
	esac
	set -- "$@" -kernel "$KERNEL" -initrd "$INITRD" \
		-append "console=ttyS0${APPEND:+ $APPEND}"
	;;
run-iso)
	set -- "$@" -cdrom "$out/banos.iso"
	;;
run-uefi)
	vars=$out/ovmf-vars.fd
	[ -f "$vars" ] || cp /usr/share/OVMF/OVMF_VARS_4M.fd "$vars"
	set -- "$@" -machine q35 -cdrom "$out/banos.iso" \
		-drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd \
		-drive if=pflash,format=raw,file="$vars"
	;;
*)
	echo "qemu.sh: unknown mode $mode" >&2
	exit 1 ;;
esac

if [ "$mode" = debug ]; then
	set -- "$@" -S -gdb tcp:localhost:"${GDB_PORT:-1234}"
	echo "QEMU waits for gdb. In another terminal:"
	script=
	[ -f scripts/gdb/banos.py ] && script='-x scripts/gdb/banos.py '
	echo "	gdb $script$out/banos.elf -ex 'target remote :${GDB_PORT:-1234}'"
fi

# shellcheck disable=SC2086 # QEMU_ARGS is a list of words
set -- "$@" -nographic ${QEMU_ARGS:-}
[ "${V:-}" = 1 ] && printf '%s ' "$QEMU" "$@" && echo

# QEMU turns line wrapping of the terminal off and may leave it raw if it is
# killed: put back what was there.
saved=$(stty -g 2>/dev/null || :)
status=0
"$QEMU" "$@" || status=$?
if [ -n "$saved" ]; then
	stty "$saved"
	printf '\033[?7h'
fi
exit "$status"
