/* SPDX-License-Identifier: MIT */
/** @file utsname.h  uname(): Linux's layout. */
#pragma once
#define UTS_LEN 64
struct new_utsname {
	char sysname[UTS_LEN + 1], nodename[UTS_LEN + 1], release[UTS_LEN + 1];
	char version[UTS_LEN + 1], machine[UTS_LEN + 1], domainname[UTS_LEN + 1];
};
