#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Say how big everything is: size.sh OUTPUT_DIR

set -eu

out=$1
bytes() { wc -c <"$1"; }
line() { printf '%10d  %s\n' "$1" "$2"; }

strip=strip
command -v "${CROSS_COMPILE:-x86_64-linux-gnu-}strip" >/dev/null 2>&1 &&
	strip=${CROSS_COMPILE:-x86_64-linux-gnu-}strip
[ "${LLVM:-}" = 1 ] && strip=llvm-strip

stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
$strip -o "$stripped" "$out/banos.elf"
line "$(bytes "$stripped")" "banos.elf, stripped"
line "$(bytes "$out/banos.elf")" "banos.elf with symbols and debug information"
line "$(bytes "$out/initramfs.cpio")" "initramfs.cpio"
find "$out/drivers" -name '*.ko' | LC_ALL=C sort | while read -r file; do
	$strip --strip-debug -o "$stripped" "$file"
	line "$(bytes "$stripped")" "${file#"$out"/}, without debug information"
done
echo
echo "Loaded, by section:"
${strip%strip}size -A "$out/banos.elf" | awk '
	NR > 2 && NF == 3 && $1 !~ /^\.(debug|comment|note)/ && $1 != "Total" && $2 {
		printf "%10d  %s\n", $2, $1 }'
