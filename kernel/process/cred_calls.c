// SPDX-License-Identifier: MIT
/*
 * The system calls about user and group ids. credentials(7); the rules are
 * those of POSIX and, where it leaves a choice, of Linux.
 */
#include "internal.h"
#include <kernel/sort.h>
#include <kernel/syscalls.h>

#define UNCHANGED ((u32)-1)

/* ---- reading ---- */

SYSCALL0(getuid)
{
	return current_cred()->uid;
}
SYSCALL0(geteuid)
{
	return current_cred()->euid;
}
SYSCALL0(getgid)
{
	return current_cred()->gid;
}
SYSCALL0(getegid)
{
	return current_cred()->egid;
}

static s64 ids_to_user(u64 user_real, u64 user_effective, u64 user_saved, u32 va, u32 effective,
		       u32 saved)
{
	if (put_user_u32(uaddr(user_real), va) || put_user_u32(uaddr(user_effective), effective) ||
	    put_user_u32(uaddr(user_saved), saved))
		return -EFAULT;
	return 0;
}

SYSCALL3(getresuid, user_real, user_effective, user_saved)
{
	const struct cred *cred = current_cred();

	return ids_to_user(user_real, user_effective, user_saved, cred->uid, cred->euid,
			   cred->suid);
}

SYSCALL3(getresgid, user_real, user_effective, user_saved)
{
	const struct cred *cred = current_cred();

	return ids_to_user(user_real, user_effective, user_saved, cred->gid, cred->egid,
			   cred->sgid);
}

/* ---- users ---- */

/*
 * The real user changed: the thread is counted in another account.
 * If that is at its limit, execve() fails later, as on Linux, since
 * programs do not expect setuid() to fail.
 */
static int cred_change_account(struct cred *cred)
{
	struct process *p = current->proc;
	struct user_account *account = account_find(cred->uid);

	if (!account)
		return -EAGAIN;
	p->nproc_exceeded = account != &root_account && (u64)atomic_read(&account->nr_threads) >=
								p->limits[RLIMIT_NPROC].rlim_cur;
	account_put(cred->account);
	cred->account = account;
	return 0;
}

/* @err  the result of the checks. Commits @cred, or drops it after an error. */
static s64 cred_commit_users(struct cred *cred, const struct cred *old, int err)
{
	if (!err && cred->uid != old->uid)
		err = cred_change_account(cred);
	if (err) {
		cred_put(cred);
		return err;
	}
	cred_fix_capabilities(cred, old);
	cred_commit(cred);
	return 0;
}

SYSCALL1(setuid, uid_arg)
{
	const struct cred *old = current_cred();
	uid_t uid = (uid_t)uid_arg;
	struct cred *cred;
	int err = 0;

	if (uid == UNCHANGED)
		return -EINVAL;
	cred = cred_prepare();
	if (!cred)
		return -ENOMEM;
	if (cred_capable(old, CAP_SETUID))
		cred->uid = cred->suid = uid;
	else if (uid != old->uid && uid != old->suid)
		err = -EPERM;
	cred->euid = cred->fsuid = uid;
	return cred_commit_users(cred, old, err);
}

SYSCALL2(setreuid, ruid_arg, euid_arg)
{
	const struct cred *old = current_cred();
	uid_t ruid = (uid_t)ruid_arg, euid = (uid_t)euid_arg;
	bool may = cred_capable(old, CAP_SETUID);
	struct cred *cred = cred_prepare();
	int err = 0;

	if (!cred)
		return -ENOMEM;
	if (ruid != UNCHANGED) {
		cred->uid = ruid;
		if (!may && ruid != old->uid && ruid != old->euid)
			err = -EPERM;
	}
	if (euid != UNCHANGED) {
		cred->euid = euid;
		if (!may && euid != old->uid && euid != old->euid && euid != old->suid)
			err = -EPERM;
	}
	if (ruid != UNCHANGED || (euid != UNCHANGED && euid != old->uid))
		cred->suid = cred->euid;
	cred->fsuid = cred->euid;
	return cred_commit_users(cred, old, err);
}

static bool id_is_one_of(u32 id, u32 real, u32 effective, u32 saved)
{
	return id == UNCHANGED || id == real || id == effective || id == saved;
}

SYSCALL3(setresuid, ruid_arg, euid_arg, suid_arg)
{
	const struct cred *old = current_cred();
	uid_t ruid = (uid_t)ruid_arg, euid = (uid_t)euid_arg, suid = (uid_t)suid_arg;
	struct cred *cred = cred_prepare();
	int err = 0;

	if (!cred)
		return -ENOMEM;
	if (!cred_capable(old, CAP_SETUID) &&
	    (!id_is_one_of(ruid, old->uid, old->euid, old->suid) ||
	     !id_is_one_of(euid, old->uid, old->euid, old->suid) ||
	     !id_is_one_of(suid, old->uid, old->euid, old->suid)))
		err = -EPERM;
	if (ruid != UNCHANGED)
		cred->uid = ruid;
	if (euid != UNCHANGED)
		cred->euid = euid;
	if (suid != UNCHANGED)
		cred->suid = suid;
	cred->fsuid = cred->euid;
	return cred_commit_users(cred, old, err);
}

/* Returns the old id in any case: callers compare to find out whether the call worked. */
SYSCALL1(setfsuid, uid_arg)
{
	const struct cred *old = current_cred();
	uid_t uid = (uid_t)uid_arg, was = old->fsuid;
	struct cred *cred;

	if (uid == UNCHANGED || uid == was)
		return was;
	if (uid != old->uid && uid != old->euid && uid != old->suid &&
	    !cred_capable(old, CAP_SETUID))
		return was;
	cred = cred_prepare();
	if (!cred)
		return was;
	cred->fsuid = uid;
	cred_fix_capabilities(cred, old);
	cred_commit(cred);
	return was;
}

/* ---- groups ---- */

static s64 cred_commit_groups(struct cred *cred, int err)
{
	if (err)
		cred_put(cred);
	else
		cred_commit(cred);
	return err;
}

SYSCALL1(setgid, gid_arg)
{
	const struct cred *old = current_cred();
	gid_t gid = (gid_t)gid_arg;
	struct cred *cred;
	int err = 0;

	if (gid == UNCHANGED)
		return -EINVAL;
	cred = cred_prepare();
	if (!cred)
		return -ENOMEM;
	if (cred_capable(old, CAP_SETGID))
		cred->gid = cred->sgid = gid;
	else if (gid != old->gid && gid != old->sgid)
		err = -EPERM;
	cred->egid = cred->fsgid = gid;
	return cred_commit_groups(cred, err);
}

SYSCALL2(setregid, rgid_arg, egid_arg)
{
	const struct cred *old = current_cred();
	gid_t rgid = (gid_t)rgid_arg, egid = (gid_t)egid_arg;
	bool may = cred_capable(old, CAP_SETGID);
	struct cred *cred = cred_prepare();
	int err = 0;

	if (!cred)
		return -ENOMEM;
	if (rgid != UNCHANGED) {
		cred->gid = rgid;
		if (!may && rgid != old->gid && rgid != old->egid)
			err = -EPERM;
	}
	if (egid != UNCHANGED) {
		cred->egid = egid;
		if (!may && egid != old->gid && egid != old->egid && egid != old->sgid)
			err = -EPERM;
	}
	if (rgid != UNCHANGED || (egid != UNCHANGED && egid != old->gid))
		cred->sgid = cred->egid;
	cred->fsgid = cred->egid;
	return cred_commit_groups(cred, err);
}

SYSCALL3(setresgid, rgid_arg, egid_arg, sgid_arg)
{
	const struct cred *old = current_cred();
	gid_t rgid = (gid_t)rgid_arg, egid = (gid_t)egid_arg, sgid = (gid_t)sgid_arg;
	struct cred *cred = cred_prepare();
	int err = 0;

	if (!cred)
		return -ENOMEM;
	if (!cred_capable(old, CAP_SETGID) &&
	    (!id_is_one_of(rgid, old->gid, old->egid, old->sgid) ||
	     !id_is_one_of(egid, old->gid, old->egid, old->sgid) ||
	     !id_is_one_of(sgid, old->gid, old->egid, old->sgid)))
		err = -EPERM;
	if (rgid != UNCHANGED)
		cred->gid = rgid;
	if (egid != UNCHANGED)
		cred->egid = egid;
	if (sgid != UNCHANGED)
		cred->sgid = sgid;
	cred->fsgid = cred->egid;
	return cred_commit_groups(cred, err);
}

SYSCALL1(setfsgid, gid_arg)
{
	const struct cred *old = current_cred();
	gid_t gid = (gid_t)gid_arg, was = old->fsgid;
	struct cred *cred;

	if (gid == UNCHANGED || gid == was)
		return was;
	if (gid != old->gid && gid != old->egid && gid != old->sgid &&
	    !cred_capable(old, CAP_SETGID))
		return was;
	cred = cred_prepare();
	if (!cred)
		return was;
	cred->fsgid = gid;
	cred_commit(cred);
	return was;
}

SYSCALL2(getgroups, size_arg, user)
{
	const struct cred *cred = current_cred();
	s32 size = (s32)size_arg;

	if (size < 0)
		return -EINVAL;
	if (!size)
		return cred->ngroups;
	if ((u32)size < cred->ngroups)
		return -EINVAL;
	if (copy_to_user(uaddr(user), cred->groups, cred->ngroups * sizeof(gid_t)))
		return -EFAULT;
	return cred->ngroups;
}

static int compare_gids(const void *left, const void *right, void *arg)
{
	gid_t left_gid = *(const gid_t *)left, right_gid = *(const gid_t *)right;

	return (left_gid > right_gid) - (left_gid < right_gid);
}

/* Sorted, for cred_in_group(). @return NULL in *list when n is 0 */
static int groups_from_user(u64 user, u32 ngroups, gid_t **list, struct atomic **refs)
{
	*list = NULL;
	*refs = NULL;
	if (!ngroups)
		return 0;
	*refs = kmalloc(sizeof(**refs));
	*list = kvzalloc(ngroups * sizeof(gid_t));
	if (!*refs || !*list)
		return -ENOMEM;
	atomic_set(*refs, 1);
	if (copy_from_user(*list, uaddr(user), ngroups * sizeof(gid_t)))
		return -EFAULT;
	for (u32 i = 0; i < ngroups; i++)
		if ((*list)[i] == UNCHANGED)
			return -EINVAL;
	sort(*list, ngroups, sizeof(gid_t), compare_gids, NULL);
	return 0;
}

SYSCALL2(setgroups, size_arg, user)
{
	struct atomic *refs;
	gid_t *list;
	struct cred *cred;
	u32 ngroups = (u32)size_arg;
	int err;

	if (!current_capable(CAP_SETGID))
		return -EPERM;
	if (ngroups > NGROUPS_MAX)
		return -EINVAL;
	err = groups_from_user(user, ngroups, &list, &refs);
	cred = NULL;
	if (!err) {
		cred = cred_prepare();
		if (!cred)
			err = -ENOMEM;
	}
	if (err) {
		kvfree(list);
		kfree(refs);
		return err;
	}
	cred_set_groups(cred, list, refs, ngroups);
	cred_commit(cred);
	return 0;
}
