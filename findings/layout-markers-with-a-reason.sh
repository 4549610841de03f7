#!/bin/bash
# SPDX-License-Identifier: MIT
#
# clang-format overlooks a marker in a block comment that gives its reason, and reports success.
#
# "clang-format off" in a comment keeps the tool away from what follows. clang-format 19
# accepts a reason after a colon; one would expect that to hold for both kinds of comment,
# since the bare marker works in both. On Debian 12:
#
#	marker				14.0.6-12, 16.0.6-15~deb12u1	19.1.7-3~deb12u1
#	/* clang-format off */		kept				kept
#	// clang-format off: reason	laid out			kept
#	/* clang-format off: reason */	laid out			laid out
#
# The status is 0 and there is no message in any case. So C sources whose comments are
# block comments write the bare marker, and put the reason into a comment of its own.
#
# Exits 0 if this is still so, 1 if something changed. Needs apt-get and a Debian 12 list
# of packages; installs nothing outside a temporary folder.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq clang-format-14=1:14.0.6-12 libclang-cpp14=1:14.0.6-12 libllvm14=1:14.0.6-12 \
	clang-format-16=1:16.0.6-15~deb12u1 libclang-cpp16=1:16.0.6-15~deb12u1 libllvm16=1:16.0.6-15~deb12u1 \
	clang-format-19=1:19.1.7-3~deb12u1 libclang-cpp19=1:19.1.7-3~deb12u1 libllvm19=1:19.1.7-3~deb12u1 2>/dev/null
for file in *.deb; do
	dpkg -x "$file" root
done
for version in 14 16 19; do
	export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}:$folder/root/usr/lib/llvm-$version/lib
done
export LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$folder/root/usr/lib/x86_64-linux-gnu

marked() {
	printf '%s\nint   a[] = {1,\n  2};\n/* clang-format on */\n' "$2" >"$1.c"
}
marked bare '/* clang-format off */'
marked line '// clang-format off: reason'
marked block '/* clang-format off: reason */'

changed=0
for version in 14 16 19; do
	for kind in bare line block; do
		status=0
		"$folder/root/usr/lib/llvm-$version/bin/clang-format" -style=LLVM $kind.c >out.c 2>messages || status=$?
		kept=no
		cmp -s $kind.c out.c && kept=yes
		echo "clang-format $version, $kind: status $status, messages $(wc -c <messages) bytes, kept: $kept"
		case $kind/$version in
		bare/* | line/19) expected=yes ;;
		*) expected=no ;;
		esac
		[ "$status/$kept" = "0/$expected" ] && [ ! -s messages ] || changed=1
	done
done
[ "$changed" = 0 ] || echo 'something changed'
exit "$changed"
