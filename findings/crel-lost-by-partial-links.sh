#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Partial links lose the relocations of a CREL object and report success.
#
# clang 19 can write relocations in the compact form (SHT_CREL, 0x40000014). Linkers that
# do not know the type might be expected to refuse it, since SHF_INFO_LINK and the name
# say what it is, or at least to warn. On Debian 12, with a valid object of clang
# 19.1.7-3~deb12u1 joined to an ordinary one by "-r":
#
#	GNU ld 2.40 (binutils 2.40-2)	refuses it, status 1
#	lld 16.0.6-15~deb12u1, gold (binutils 2.40-2), mold 1.10.1+dfsg-1
#		status 0, no message: the section is copied as bytes, its sh_info (the section
#		that it relocates) is 0, the symbol indexes in it are the old ones, and the call
#		of "other" has no relocation any more
#
# So whoever loads relocatable files must refuse a section of this type wherever it
# stands, not only where its sh_info leads to a loaded section.
#
# Exits 0 if this is still so, 1 if something changed. Needs apt-get and a Debian 12 list
# of packages; installs nothing outside a temporary folder.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(clang-19=1:19.1.7-3~deb12u1 libclang-cpp19=1:19.1.7-3~deb12u1 libllvm19=1:19.1.7-3~deb12u1
	lld-16=1:16.0.6-15~deb12u1 libllvm16=1:16.0.6-15~deb12u1 mold=1.10.1+dfsg-1
	binutils-x86-64-linux-gnu=2.40-2 libbinutils=2.40-2 libctf0=2.40-2)
apt-get download -qq "${packages[@]}" 2>/dev/null
for file in *.deb; do
	dpkg -x "$file" root
done
export LD_LIBRARY_PATH=$folder/root/usr/lib/x86_64-linux-gnu:$folder/root/usr/lib/llvm-19/lib:$folder/root/usr/lib/llvm-16/lib
bin=$folder/root/usr/bin
clang=$folder/root/usr/lib/llvm-19/bin/clang

echo 'int helper(int); int run(int x) { return helper(x) * 2; }' >main.c
echo 'int other(int); int helper(int x) { return other(x) + 1; }' >helper.c
"$clang" -O1 -c main.c -o main.o
"$clang" -O1 -Wa,--crel,--allow-experimental-crel -c helper.c -o helper.o

changed=0
for linker in x86_64-linux-gnu-ld.bfd x86_64-linux-gnu-ld.gold ld.lld-16 mold; do
	rm -f out.o
	status=0
	"$bin/$linker" -r main.o helper.o -o out.o 2>messages || status=$?
	info='' lost=''
	if [ "$status" = 0 ]; then
		# The last three columns are sh_link, sh_info and the alignment.
		info=$("$bin/x86_64-linux-gnu-readelf" -SW out.o 2>/dev/null | awk '/\.crel\.text/ { print $(NF - 1) }')
		"$bin/x86_64-linux-gnu-readelf" -rW out.o 2>/dev/null | grep -q ' other ' || lost=yes
	fi
	echo "$linker: status $status, messages $(wc -c <messages) bytes, sh_info of .crel.text '${info:--}', relocation against \"other\" lost: ${lost:-no}"
	case $linker in
	*bfd) [ "$status" = 1 ] || changed=1 ;;
	*) [ "$status/$info/$lost" = 0/0/yes ] && [ ! -s messages ] || changed=1 ;;
	esac
done
[ "$changed" = 0 ] || echo 'something changed'
exit "$changed"
