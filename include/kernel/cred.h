/* SPDX-License-Identifier: MIT */
/**
 * @file cred.h  Credentials of a thread: user, groups, capabilities.
 *
 * A struct cred never changes once a thread has it: cred_prepare() makes a
 * private copy, the caller changes it, cred_commit() installs it. So the
 * running thread reads its own without a lock. thread_cred_get() returns those of
 * another thread.
 *
 * "Super user" means CAP_SYS_ADMIN in the effective set. A program of user 0 has it
 * unless it dropped it.
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
	struct user_account *account; /* resources of the real user; counted */
	struct rcu_head rcu;
};

/** @brief Take a reference. Any context. @return @p cred */
struct cred *cred_get(struct cred *cred);
/** @brief Drop a reference; the last one frees after a grace period. Any context. */
void cred_put(struct cred *cred);
/**
 * @brief As cred_get(current_cred()), without writing to what threads share, mostly: a thread takes
 * some references at a time. Thread context.
 */
struct cred *cred_borrow(void);
/** @brief The counterpart, by any thread. Thread context. */
void cred_return(struct cred *cred);
/** @brief Let the current thread act with @p cred for a while. @return what it had, for cred_restore() */
struct cred *cred_override(struct cred *cred);
void cred_restore(struct cred *cred);
/** @brief Drop the credentials of a thread that ended. */
void cred_put_thread(struct thread *t);
/**
 * @brief Copy the current thread's credentials, to change them.
 * @return the copy, with one reference, for cred_commit() or cred_put(); NULL: no memory
 */
struct cred *__must_check cred_prepare(void);
/** @brief Install @p cred as the current thread's credentials. Takes over the reference. */
void cred_commit(struct cred *cred);
/** @brief The current thread's credentials; those of kernel threads are init_cred. Valid until it commits others. */
const struct cred *current_cred(void);
/** @brief The credentials of any thread, counted. Any context. */
struct cred *thread_cred_get(struct thread *t);
/** @brief Is @p gid the file-system group, or a supplementary group, of @p cred? */
bool cred_in_group(const struct cred *cred, gid_t gid);

/** Selects the caller's ids and capabilities to check: for files the effective ones, for calls the real ones. */
enum look_as { LOOK_AS_FS, LOOK_AS_REAL };
/**
  * @brief May @p caller look into the user thread @p t? ptrace(2), "Ptrace access mode checking".
 *
 * Threads of one process always may, which the caller of this function checks. Any context.
 */
bool cred_may_look_into(const struct cred *caller, const struct thread *t, enum look_as look_as);

/** @brief Does @p cred have the capability @p cap (CAP_*)? */
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
 * @brief Charge pages of pipes to the real user of @p cred. Any context.
 * @param npages  negative: they were freed
 * @return the pages of the user's pipes now
 */
u64 cred_charge_pipe(const struct cred *cred, s32 npages);
/** What is charged to users one by one: items of epoll sets, watches and instances of inotify. */
enum watch_kind { WATCH_EPOLL, WATCH_INOTIFY, WATCH_INOTIFY_INSTANCE, WATCH_KINDS };
/** @brief Charge one to the real user of @p cred. Any context. @return false: the user has @p max already */
bool cred_charge_watch(const struct cred *cred, enum watch_kind kind, u64 max);
/** @brief The counterpart. */
void cred_uncharge_watch(const struct cred *cred, enum watch_kind kind);
/** @brief Charge pages of unread data in sockets. @param npages  negative: they were freed @return false: too many; nothing is charged */
bool cred_charge_socket(const struct cred *cred, s32 npages);
/**
 * @brief Charge open files in flight through sockets to the real user of @p cred. Any context.
 * @param nr_files  negative: they were received, or freed
 * @param most      how many the user may have in flight
 * @return false: that would be more; nothing is charged
 */
bool cred_charge_flight(const struct cred *cred, s32 nr_files, u64 most);
