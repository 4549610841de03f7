#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A small FAT32 is FAT32 to fsck.fat and blkid, and an empty disk without room to mtools.
#
# BusyBox's mkdosfs makes FAT32 of any size, also with 4,026 clusters, which by Microsoft's rule (the number of
# clusters decides) would be FAT16. The boot sector is unmistakable all the same: no sectors per FAT of 16 bits, no entries
# of a fixed root folder. One would expect that tools agree on it, or refuse it. On Debian 12, with a file of 0 bytes in the
# root folder of such a volume (busybox-static 1:1.35.0-4+deb12u1+b1):
#
#	fsck.fat -n (dosfstools 4.2-1)			warns of the number of clusters; 1 file
#	mdir (mtools 4.0.33-1+really4.0.32-1)		the same warning; "No files", status 0
#	mcopy of a file to it				"No directory slots", status 1
#
# So whoever checks with mtools what another system wrote to a small FAT32 sees nothing and no error. Drivers should
# take the width from the boot sector, as Linux and fsck.fat do, and tests should make such disks larger.
#
# Exits 0 if this is still so, 1 if something changed. Needs apt-get and a Debian 12 list
# of packages; installs nothing outside a temporary folder.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq busybox-static=1:1.35.0-4+deb12u1+b1 dosfstools=4.2-1 mtools=4.0.33-1+really4.0.32-1 2>/dev/null
for file in *.deb; do
	dpkg -x "$file" root
done

truncate -s 2M disk
root/bin/busybox mkdosfs disk >/dev/null
# The root folder begins behind 6 reserved sectors and two FATs of 32; one entry: a name, the attribute "archive".
printf 'HELLO   TXT\x20' | dd of=disk bs=1 seek=$((70 * 512)) conv=notrunc status=none

root/sbin/fsck.fat -n disk >fsck 2>&1 || true
status=0
root/usr/bin/mdir -i disk :: >mdir 2>&1 || status=$?
copied=0
echo text >text
root/usr/bin/mcopy -i disk text :: >mcopy 2>&1 || copied=$?
echo "fsck.fat: $(tail -1 fsck)"
echo "mdir: status $status; $(grep -o 'No files' mdir || true)"
echo "mcopy: status $copied; $(grep -o 'No directory slots' mcopy || true)"
if ! grep -q '1 files, 2/4026 clusters\|1 files, 1/4026 clusters' fsck || [ "$status" != 0 ] ||
	! grep -q 'No files' mdir || [ "$copied" != 1 ] || ! grep -q 'No directory slots' mcopy; then
	echo 'something changed'
	exit 1
fi
