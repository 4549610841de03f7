#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Make OUTPUT_DIR/banos.iso, which boots under BIOS and UEFI: GRUB 2 with the
# kernel, loaded by multiboot or multiboot 2.

set -eu

out=$1
tree=$out/iso
rm -rf "$tree"
mkdir -p "$tree/boot/grub"
cp "$out/banos.elf" "$out/initramfs.cpio" "$tree/boot/"

# Under UEFI there is no text screen: a framebuffer is asked for there.
cat >"$tree/boot/grub/grub.cfg" <<EOF
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=${GRUB_TIMEOUT:-1}
set default=0
insmod all_video

menuentry "Banos" {
	multiboot2 /boot/banos.elf ${APPEND:-console=tty0 console=ttyS0}
	module2 /boot/initramfs.cpio
}
menuentry "Banos (multiboot 1)" {
	multiboot /boot/banos.elf ${APPEND:-console=tty0 console=ttyS0}
	module /boot/initramfs.cpio
}
EOF
echo "  ISO     banos.iso"
if ! grub-mkrescue -o "$out/banos.iso" "$tree" >"$out/iso.log" 2>&1; then
	cat "$out/iso.log" >&2
	exit 1
fi
