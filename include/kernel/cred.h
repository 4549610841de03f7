/* SPDX-License-Identifier: MIT */
/**
 * @file cred.h  Who a thread is: user, groups, and what of the super user's power it has.
 *
 * A struct cred never changes once a thread has it: cred_prepare() gives a
 * private copy, the caller changes it, cred_commit() puts it in place. So the
 * running thread reads its own without a lock. Another thread's are reached
 * with thread_cred_get().
 *
 * Super user means CAP_SYS_ADMIN in the effective set, which is what user id 0
 * has unless the program gave it away.
 */
#pragma once
#include <kernel/atomic.h>
#include <kernel/cpu.h>
#include <kernel/lock.h>
#include <uapi/capability.h>

#define NGROUPS_MAX 65536
struct user_account;
struct thread;

struct cred {
	struct atomic refs;
	uid_t uid, euid, suid, fsuid;
	gid_t gid, egid, sgid, fsgid;
	u32 ngroups;
	u32 securebits; /* SECBIT_* */
	gid_t *groups;	/* sorted; shared by copies through groups_refs */
	struct atomic *groups_refs;
	u64 cap_effective, cap_permitted, cap_inheritable, cap_bounding, cap_ambient;
	struct user_account *account; /* what the real user owns in all; counted */
	struct rcu_head rcu;
};

/** @brief Take a reference. Any context. @return @p cred */
struct cred *cred_get(struct cred *cred);
/** @brief Drop a reference; the last one frees after a grace period. Any context. */
void cred_put(struct cred *cred);
/**
 * @brief A private copy of the current thread's credentials, to be changed.
 * @return it with one reference, for cred_commit() or cred_put(); NULL: no memory.
 */
struct cred *cred_prepare(void);
/** @brief Make @p cred the current thread's credentials; takes over the reference. */
void cred_commit(struct cred *cred);
/** @brief The running thread's; kernel threads have the super user's. Valid until it commits others. */
const struct cred *current_cred(void);
/** @brief The credentials of any thread, counted. Any context. */
struct cred *thread_cred_get(struct thread *t);
/** @brief Is @p gid the file-system group or one of the supplementary groups of @p cred? */
bool cred_in_group(const struct cred *cred, gid_t gid);

/** By which ids and capabilities of the one that looks: for files the effective ones, for calls the real ones. */
enum look_as { LOOK_AS_FS, LOOK_AS_REAL };
/**
 * @brief May @p caller look into what belongs to the user thread @p t? ptrace(2), "Ptrace access mode checking".
 *
 * Does not look at whether both are of the same process, which may always. Any context.
 */
bool cred_may_look_into(const struct cred *caller, const struct thread *t, enum look_as look_as);

/** @brief Does @p cred have the part @p cap (CAP_*) of the super user's power? */
static inline bool cred_capable(const struct cred *cred, u32 cap)
{
	return cred->cap_effective >> cap & 1;
}
static inline bool cred_is_super(const struct cred *cred)
{
	return cred_capable(cred, CAP_SYS_ADMIN);
}
static inline bool current_capable(u32 cap)
{
	return cred_capable(current_cred(), cap);
}
bool current_is_super(void);
/**
 * @brief Charge @p npages (negative: give back) of room in pipes to the real user of @p cred. Any context.
 * @return what he has in all now
 */
u64 cred_charge_pipe(const struct cred *cred, s32 npages);
/** @brief Charge an item of an epoll set to the real user of @p cred. Any context. @return false: there are @p max already */
bool cred_charge_watch(const struct cred *cred, u64 max);
void cred_uncharge_watch(const struct cred *cred);
/** @brief The same for what lies unread in sockets. */
bool cred_charge_socket(const struct cred *cred, s32 npages);
/**
 * @brief Count open files of the real user of @p cred that are on their way through sockets. Any context.
 * @param nr_files     negative: they arrived
 * @param most  that he may have
 * @return false: there are more than that already; nothing is counted then
 */
bool cred_charge_flight(const struct cred *cred, s32 nr_files, u64 most);
