#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A weak undefined symbol of a dropped section comes out of "strip -g" as a strong one.
#
# "ld -r --gc-sections" drops the section that referred to a weak undefined symbol, but
# keeps the symbol, as a LOCAL undefined one, which no reader can resolve and nobody
# needs. "strip -g", which is there to take debugging information away, then writes it as
# GLOBAL and not weak: an object that needed nothing now demands a symbol that nothing in
# it uses, and a final link of it fails. Plain objcopy does the same; llvm-strip 14 leaves
# the symbol as it is; "strip --strip-unneeded" removes it.
#
# Seen with binutils 2.40-2 and llvm-14 1:14.0.6-12 of Debian 12; the compiler is of no
# account (gcc 12 or clang 14). So a loader must not take an undefined symbol for a need
# where no relocation names it.
#
# Exits 0 if this is still so, 1 if something changed. Needs apt-get and a Debian 12 list
# of packages, and cc; installs nothing outside a temporary folder.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq binutils-x86-64-linux-gnu=2.40-2 libbinutils=2.40-2 libctf0=2.40-2 libctf-nobfd0=2.40-2 \
	llvm-14=1:14.0.6-12 libllvm14=1:14.0.6-12 2>/dev/null
for file in *.deb; do
	dpkg -x "$file" root
done
export LD_LIBRARY_PATH=$folder/root/usr/lib/x86_64-linux-gnu:$folder/root/usr/lib/llvm-14/lib
gnu=$folder/root/usr/bin/x86_64-linux-gnu

cat >object.c <<'END'
extern int absent(int) __attribute__((weak));
int unused(int x) { return absent ? absent(x) : 0; }
int used(int x) { return x + 1; }
END
cc -O1 -ffunction-sections -fno-pic -fno-asynchronous-unwind-tables -c object.c -o object.o

# How a file has the symbol: "bind section", or "none".
symbol() { "$gnu-readelf" -sW "$1" | awk '$8 == "absent" { print $5, $7; found = 1 } END { if (!found) print "none" }'; }

"$gnu-ld" -r --gc-sections -u used object.o -o joined.o
"$gnu-strip" -g joined.o -o stripped.o
"$gnu-objcopy" joined.o copied.o
"$gnu-strip" --strip-unneeded joined.o -o unneeded.o
"$folder/root/usr/lib/llvm-14/bin/llvm-strip" -g joined.o -o llvm.o
relocations=$("$gnu-readelf" -rW stripped.o | grep -c absent || true)

seen="object $(symbol object.o), joined $(symbol joined.o), strip -g $(symbol stripped.o), objcopy $(symbol copied.o), \
strip --strip-unneeded $(symbol unneeded.o), llvm-strip -g $(symbol llvm.o), relocations that name it $relocations"
expected='object WEAK UND, joined LOCAL UND, strip -g GLOBAL UND, objcopy GLOBAL UND, strip --strip-unneeded none, llvm-strip -g LOCAL UND, relocations that name it 0'
echo "$seen"
if [ "$seen" != "$expected" ]; then
	echo "something changed; it was: $expected"
	exit 1
fi
