/* SPDX-License-Identifier: MIT */
/** @file cred.h  Who a thread is. Immutable once shared: copy, change, commit. */
#pragma once
#include <kernel/atomic.h>
#include <kernel/cpu.h>

#define NGROUPS_MAX 65536
struct cred {
	struct atomic refs;
	uid_t uid, euid, suid, fsuid;
	gid_t gid, egid, sgid, fsgid;
	u32 ngroups;
	gid_t *groups;			/* sorted */
};
struct cred *cred_get(struct cred *c);
void cred_put(struct cred *c);
/** A private copy for the current thread to change; then cred_commit(). */
struct cred *cred_prepare(void);
void cred_commit(struct cred *c);
const struct cred *current_cred(void);
bool cred_in_group(const struct cred *c, gid_t g);
/** The one privilege there is: super user. */
static inline bool cred_is_super(const struct cred *c) { return c->euid == 0; }
bool current_is_super(void);
