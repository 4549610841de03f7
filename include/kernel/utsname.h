/* SPDX-License-Identifier: MIT */
/** @file utsname.h  What the system calls itself: uname(), sethostname(), /proc/sys/kernel. */
#pragma once
#include <kernel/types.h>
#include <kernel/wait.h>
#include <uapi/utsname.h>

/** All names, each consistent in itself. Any thread context. */
void utsname_get(struct new_utsname *out);
enum utsname_which { UTSNAME_HOST, UTSNAME_DOMAIN };
/** Announced by utsname_set(), by which. */
extern struct change_source utsname_changes[2];
/** Set one to the @p len bytes at @p text. @return 0, or -EINVAL: longer than UTS_LEN */
int __must_check utsname_set(enum utsname_which which, const char *text, size_t len);
