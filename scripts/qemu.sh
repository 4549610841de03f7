#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Boot in QEMU, with the machine's serial console on this terminal.
#
#	qemu.sh OUTPUT_DIR run|debug|console|run-iso|run-uefi|run-disk|run-disk-uefi
#
# Variables: MEM (MiB), SMP, MACHINE, CPU, APPEND (kernel options), QEMU_ARGS,
# KERNEL, INITRD, QEMU; SHARE=FOLDER is /mnt/share of the machine, also to write to;
# NET=user gives it a network by QEMU, in which FORWARD="8080:80 udp:5353:53" leads ports of
# this computer (of its own programs only) to ports of the machine, and NIC=virtio (or e1000,
# e1000e) is its card; SCREEN=1 opens a window with the machine's screen. Keys:
# all, Ctrl-C too, go to the guest; Ctrl-A x ends QEMU, Ctrl-A c leads to its
# monitor, Ctrl-A h lists more.
#
# debug: the machine waits, and this terminal is gdb's (GDB, GDB_ARGS), with the
# symbols and the commands of scripts/gdb/banos.py. What the machine says is
# shown here and kept in OUTPUT_DIR/gdb/console.log; "console", in another
# terminal, is for typing to it. Ctrl-C stops the machine; the end of gdb ends it.

set -eu

out=$1
mode=$2
: "${QEMU:=qemu-system-x86_64}"
: "${KERNEL:=$out/banos.elf}"
: "${INITRD:=$out/initramfs.cpio}"

# What the machine under gdb says and hears is a socket: the terminal is gdb's.
sockets=$out/gdb
console()
{
	exec "${PYTHON:-python3}" scripts/gdb/console.py "$sockets/console"
}

# QEMU in a session of its own, so that Ctrl-C reaches gdb alone.
debug()
{
	mkdir -p "$sockets"
	rm -f "$sockets/gdb" "$sockets/console"
	setsid "$QEMU" "$@" -display none -monitor none -S \
		-chardev socket,id=gdb,path="$sockets/gdb",server=on,wait=off \
		-chardev socket,id=console,path="$sockets/console",server=on,wait=off,logfile="$sockets/console.log" \
		-gdb chardev:gdb -serial chardev:console &
	machine=$!
	trap 'kill $machine 2>/dev/null || :' EXIT
	trap : INT		# Ctrl-C is for gdb; the end has to be reached
	trap 'exit 1' HUP TERM
	while [ ! -S "$sockets/gdb" ] && kill -0 $machine; do
		sleep 0.1
	done
	: >"$sockets/console.log"
	setsid tail -f --pid=$machine "$sockets/console.log" &
	echo "The machine waits: b FUNCTION, c(ontinue), help banos."
	echo "To type to it, in another terminal: make console O=$out"
	# shellcheck disable=SC2086 # GDB_ARGS is a list of words
	"${GDB:-gdb}" -q -iex "set auto-load safe-path /" "$KERNEL" \
		-x scripts/gdb/banos.py -ex "target remote $sockets/gdb" \
		${GDB_ARGS:-}
}

if [ "$mode" = console ]; then
	console
fi

# No reboot: a kernel that resets the machine ends QEMU instead of looping.
: "${SCREEN:=}"
consoles="${SCREEN:+console=tty0 }console=ttyS0"
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
		-append "$consoles${APPEND:+ $APPEND}"
	;;
run-iso | run-uefi)
	set -- "$@" -cdrom "$out/banos.iso"
	;;
run-disk | run-disk-uefi)
	set -- "$@" -drive if=virtio,format=raw,file="$out/banos.img"
	;;
*)
	echo "qemu.sh: unknown mode $mode" >&2
	exit 1 ;;
esac
case $mode in
*uefi)
	vars=$out/ovmf-vars.fd
	[ -f "$vars" ] || cp /usr/share/OVMF/OVMF_VARS_4M.fd "$vars"
	set -- "$@" -machine q35 \
		-drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd \
		-drive if=pflash,format=raw,file="$vars"
	;;
esac

# QEMU takes two commas for one in a path.
if [ -n "${SHARE:-}" ]; then
	[ -d "$SHARE" ] || { echo "qemu.sh: SHARE=$SHARE is no folder" >&2; exit 1; }
	set -- "$@" -device virtio-9p-pci,fsdev=share,mount_tag=share \
		-fsdev local,id=share,security_model=none,multidevs=remap,path="$(echo "$SHARE" | sed 's/,/,,/g')"
fi

# What QEMU is told of a port: [tcp:|udp:]HERE:THERE.
forwarded()
{
	case $1 in
	tcp:* | udp:*) kind=${1%%:*} ports=${1#*:} ;;
	*) kind=tcp ports=$1 ;;
	esac
	case $ports in
	*[!0-9:]* | *:*:* | :* | *: | '') ;;
	*:*)
		printf ',hostfwd=%s:127.0.0.1:%s-:%s' "$kind" "${ports%:*}" "${ports#*:}"
		return ;;
	esac
	echo "qemu.sh: FORWARD=$1 is not [udp:]PORT:PORT" >&2
	return 1
}

case ${NET:-} in
'')
	[ -z "${FORWARD:-}" ] || { echo "qemu.sh: FORWARD needs NET=user" >&2; exit 1; }
	[ -z "${NIC:-}" ] || { echo "qemu.sh: NIC needs NET=user" >&2; exit 1; }
	;;
user)
	case ${NIC:-virtio} in
	virtio) card=virtio-net-pci ;;
	e1000 | e1000e) card=$NIC ;;
	*)
		echo "qemu.sh: NIC=$NIC is not virtio, e1000 or e1000e" >&2
		exit 1 ;;
	esac
	net=user,id=net
	for each in ${FORWARD:-}; do
		net=$net$(forwarded "$each")
	done
	set -- "$@" -netdev "$net" -device "$card,netdev=net"
	;;
*)
	echo "qemu.sh: NET=$NET is not user" >&2
	exit 1 ;;
esac

# shellcheck disable=SC2086 # QEMU_ARGS is a list of words
set -- "$@" ${QEMU_ARGS:-}
if [ "$mode" = debug ]; then
	debug "$@"
	exit
fi
if [ -n "$SCREEN" ]; then
	set -- "$@" -chardev stdio,mux=on,signal=off,id=terminal \
		-serial chardev:terminal -mon chardev=terminal
else
	set -- "$@" -nographic
fi
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
