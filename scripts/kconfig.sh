#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Configure: kconfig.sh OUTPUT_DIR COMMAND
#
# kconfig-frontends does the work; this runs it in the output folder, with the
# options that each command needs, and has check-config.py say what kconfig
# itself would drop without a word.

set -eu

out=$1
command=$2
src=$(pwd)
mkdir -p "$out/include/config" "$out/include/generated"
out=$(cd "$out" && pwd)
python=${PYTHON:-/usr/bin/python3}
export srctree="$src"
export KCONFIG_AUTOHEADER=include/generated/autoconf.h
# Names of files and of the prefix, which the build takes for granted; what
# allnoconfig and its like read (KCONFIG_ALLCONFIG, KCONFIG_SEED) stays.
unset KCONFIG_CONFIG KCONFIG_AUTOCONFIG KCONFIG_TRISTATE CONFIG_

refuse()
{
	echo "kconfig.sh: $*" >&2
	exit 1
}

# The file is named from where make was called, and kconfig runs elsewhere.
case ${KCONFIG_ALLCONFIG:-} in
'' | 1 | y) ;;
/*) [ -f "$KCONFIG_ALLCONFIG" ] || refuse "KCONFIG_ALLCONFIG=$KCONFIG_ALLCONFIG: there is no such file" ;;
*)
	[ -f "$src/$KCONFIG_ALLCONFIG" ] || refuse "KCONFIG_ALLCONFIG=$KCONFIG_ALLCONFIG: there is no such file"
	export KCONFIG_ALLCONFIG="$src/$KCONFIG_ALLCONFIG" ;;
esac
# kconfig would take a random one.
case ${KCONFIG_SEED:-0} in
0[xX] | 0[xX]*[!0-9a-fA-F]*) refuse "KCONFIG_SEED=$KCONFIG_SEED is no number" ;;
0[xX]*) ;;
*[!0-9]*) refuse "KCONFIG_SEED=$KCONFIG_SEED is no number" ;;
esac

# conf OPTION...: kconfig-conf, quiet about what it wrote.
conf()
{
	(cd "$out" && kconfig-conf "$@" Kconfig >.config.log) || {
		cat "$out/.config.log"
		exit 1
	}
	rm -f "$out/.config.log"
}

conf_interactive()
{
	(cd "$out" && kconfig-conf --oldconfig Kconfig)
}

# checked COMMAND...: run a command that reads .config, then report what it did
# not take over. The first argument is "strict" (a wrong file is put back as it
# was and the status is 1) or "report".
checked()
{
	mode=$1
	shift
	if [ ! -f "$out/.config" ]; then
		"$@"
		return
	fi
	cp "$out/.config" "$out/.config.before"
	"$@"
	if "$python" "$src/scripts/check-config.py" "$mode" \
		"$out/.config.before" "$out/.config"; then
		rm -f "$out/.config.before"
	else
		mv "$out/.config.before" "$out/.config"
		exit 1
	fi
}

# from_file FILE: the configuration that a file in configs/ asks for.
from_file()
{
	if [ ! -f "$1" ]; then
		echo "configs has no $(basename "$1"); it has:" >&2
		(cd "$src/configs" && ls) | sed 's/^/	/' >&2
		exit 1
	fi
	conf --defconfig="$1"
	"$python" scripts/check-config.py strict "$1" "$out/.config"
}

# sync: make what the build and C sources read from .config.
sync_config()
{
	checked strict conf --olddefconfig
	(cd "$out" && kconfig-conf --silentoldconfig Kconfig </dev/null >/dev/null)
	touch "$out/include/config/auto.conf"
}

written()
{
	[ -n "${SILENT:-}" ] || echo "  CONFIG  $out/.config"
}

case $command in
sync)
	sync_config ;;
menuconfig)
	[ ! -f "$out/.config" ] && from_file "$src/configs/defconfig"
	checked report true
	(cd "$out" && kconfig-mconf Kconfig) ;;
nconfig)
	[ ! -f "$out/.config" ] && from_file "$src/configs/defconfig"
	checked report true
	(cd "$out" && kconfig-nconf Kconfig) ;;
oldconfig)
	checked report conf_interactive ;;
olddefconfig)
	checked report conf --olddefconfig
	written ;;
allnoconfig | allyesconfig | allmodconfig | randconfig)
	conf --"$command"
	written ;;
savedefconfig)
	checked report true
	conf --savedefconfig=defconfig
	echo "  CONFIG  $out/defconfig" ;;
*defconfig)
	from_file "$src/configs/$command"
	written ;;
*)
	echo "kconfig.sh: unknown command $command" >&2
	exit 1 ;;
esac
