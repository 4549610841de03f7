#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Make OUTPUT_DIR/banos.img, a disk that boots by itself under BIOS and UEFI: GRUB 2, and an
# ext2 file system that has the kernel, its initramfs, and all files of that as the root file system.
#
#	disk.sh OUTPUT_DIR
#
# Variables: DISK_MIB (size, 128), APPEND (kernel options).
#
#	1  bios	 1 MiB	  GRUB's core, which the code in the first sector loads
#	2  esp	 16 MiB	  FAT, with EFI/BOOT/BOOTX64.EFI
#	3  root	 the rest ext2, label "banos"
#
# The same input makes the same bytes: identities and times are fixed.

set -eu

out=$1
: "${DISK_MIB:=128}"
work=$out/disk
root_uuid=b5a5c0de-0001-4000-8000-000000000003
lib=/usr/lib/grub
export SOURCE_DATE_EPOCH=0 MTOOLS_SKIP_CHECK=1
PATH=$PATH:/usr/sbin:/sbin

rm -rf "$work"
mkdir -p "$work/tree"
echo "  DISK    banos.img"

truncate -s "${DISK_MIB}M" "$work/img"
sfdisk -q "$work/img" <<END
label: gpt
label-id: b5a5c0de-0001-4000-8000-000000000000
start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649, name=bios, uuid=b5a5c0de-0001-4000-8000-000000000001
start=4096, size=32768, type=U, name=esp, uuid=b5a5c0de-0001-4000-8000-000000000002
start=36864, type=L, name=root, uuid=$root_uuid
END

# What GRUB runs, whether it came by BIOS or UEFI.
cat >"$work/start.cfg" <<END
search --no-floppy --label banos --set=root
configfile (\$root)/boot/grub/grub.cfg
END
modules="part_gpt ext2 search search_label configfile normal multiboot2 serial terminal test echo all_video"
grub-mkimage -O i386-pc -d $lib/i386-pc -c "$work/start.cfg" -p /boot/grub -o "$work/core" biosdisk $modules
grub-mkimage -O x86_64-efi -d $lib/x86_64-efi -c "$work/start.cfg" -p /boot/grub -o "$work/bootx64.efi" \
	efi_gop $modules

"$PYTHON" scripts/grub-bios.py $lib/i386-pc/boot.img "$work/core" "$work/img" 2048 2048
mformat -i "$work/img@@2M" -T 32768 -h 64 -s 32 -N b5a5c0de -v BANOS
mmd -i "$work/img@@2M" ::EFI ::EFI/BOOT
mcopy -i "$work/img@@2M" "$work/bootx64.efi" ::EFI/BOOT/BOOTX64.EFI

mkdir -p "$work/boot/grub"
cp "$out/banos.elf" "$out/initramfs.cpio" "$work/boot/"
cat >"$work/boot/grub/grub.cfg" <<END
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=${GRUB_TIMEOUT:-1}
menuentry "Banos" {
	multiboot2 /boot/banos.elf ${APPEND:-console=tty0 console=ttyS0} root=PARTUUID=$root_uuid rw
	module2 /boot/initramfs.cpio
}
menuentry "Banos, with the root file system in memory" {
	multiboot2 /boot/banos.elf ${APPEND:-console=tty0 console=ttyS0}
	module2 /boot/initramfs.cpio
}
END

# Owners, modes and devices are those of the archive: fakeroot keeps track of them.
truncate -s $((DISK_MIB - 19))M "$work/root"
archive=$(realpath "$out/initramfs.cpio")
fakeroot sh -c "
	set -e
	cd '$work/tree'
	cpio --quiet -idm <'$archive'
	rm -f init
	cp -r ../boot .
	find . -exec touch -h -d @0 {} +
	mke2fs -q -t ext2 -L banos -U $root_uuid -E hash_seed=$root_uuid,root_owner=0:0 -d . ../root"
dd if="$work/root" of="$work/img" bs=1M seek=18 conv=notrunc,sparse status=none
mv "$work/img" "$out/banos.img"
rm -rf "$work"
