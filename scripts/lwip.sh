#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Find or fetch the source of lwIP, which the driver inet is built with: print its folder, or nothing.
#
# It is Debian's source package, of one version, whose hash is known here. It is kept beside the tree, in
# ~/.cache/banos; LWIP_DIR= names another folder. apt-get fetches it with lists of its own: the machine's
# configuration is not changed, and no right is needed. Where that fails it is tried again after an hour, and the
# build goes on without the driver.

set -eu

version=2.1.3+dfsg1
hash=0a8276d09fc4e97bbba2f953d74af2388fc2195ea156be9d7589e297a68fde24
cache=${BANOS_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/banos}
folder=$cache/lwip-$version

if [ -n "${LWIP_DIR:-}" ]; then
	[ ! -f "$LWIP_DIR/src/include/lwip/init.h" ] || echo "$LWIP_DIR"
	exit 0
fi
if [ -f "$folder/src/include/lwip/init.h" ]; then
	echo "$folder"
	exit 0
fi
mkdir -p "$cache" 2>/dev/null || exit 0
[ -z "$(find "$cache/lwip-failed" -mmin -60 2>/dev/null)" ] || exit 0
command -v apt-get >/dev/null 2>&1 || exit 0

work=$(mktemp -d "$cache/fetch.XXXXXX") || exit 0
trap 'rm -rf "$work"' EXIT

fetch()
{
	mkdir -p "$work/parts" "$work/lists/partial" "$work/cache/archives/partial"
	for list in /etc/apt/sources.list.d/*.sources; do
		[ -f "$list" ] || continue
		sed 's/^Types:.*/Types: deb-src/' "$list" >"$work/parts/$(basename "$list")"
	done
	sed -n 's/^deb /deb-src /p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
		>"$work/parts/more.list" 2>/dev/null || :
	apt="apt-get -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=$work/parts
		-o Dir::State::lists=$work/lists -o Dir::Cache=$work/cache
		-o APT::Sandbox::User=$(id -un) -o Acquire::Retries=0
		-o Acquire::http::Timeout=10 -o Acquire::https::Timeout=10"
	(cd "$work" && $apt update && $apt source --download-only "lwip=$version-2") >&2
	tar=$work/lwip_$version.orig.tar.xz
	echo "$hash  $tar" | sha256sum -c --quiet >&2
	mkdir "$work/unpacked"
	tar -xf "$tar" -C "$work/unpacked" --strip-components=1
	mv "$work/unpacked" "$folder"
}

if (fetch) >"$cache/lwip.log" 2>&1; then
	rm -f "$cache/lwip-failed"
	echo "$folder"
else
	touch "$cache/lwip-failed"
fi
