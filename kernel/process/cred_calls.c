// SPDX-License-Identifier: MIT
/*
 * The system calls about user and group ids. credentials(7); the rules are
 * those of POSIX and, where it leaves room, of Linux.
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

static s64 put_three(u64 a, u64 b, u64 c, u32 va, u32 vb, u32 vc)
{
	if (put_user_u32(uaddr(a), va) || put_user_u32(uaddr(b), vb) || put_user_u32(uaddr(c), vc))
		return -EFAULT;
	return 0;
}

SYSCALL3(getresuid, r, e, s)
{
	const struct cred *c = current_cred();

	return put_three(r, e, s, c->uid, c->euid, c->suid);
}

SYSCALL3(getresgid, r, e, s)
{
	const struct cred *c = current_cred();

	return put_three(r, e, s, c->gid, c->egid, c->sgid);
}

/* ---- users ---- */

/*
 * The real user changed: what this thread counts for belongs to another account.
 * That one may be full; as in Linux it is execve() that fails then, since
 * programs do not expect setuid() to.
 */
static int change_account(struct cred *c)
{
	struct process *p = current->proc;
	struct user_account *a = account_find(c->uid);

	if (!a)
		return -EAGAIN;
	p->nproc_exceeded = a != &root_account &&
			    (u64)atomic_read(&a->nr_threads) >= p->limits[RLIMIT_NPROC].rlim_cur;
	account_put(c->account);
	c->account = a;
	return 0;
}

/* @err  what checking gave. Commits or drops @c. */
static s64 finish_users(struct cred *c, const struct cred *old, int err)
{
	if (!err && c->uid != old->uid)
		err = change_account(c);
	if (err) {
		cred_put(c);
		return err;
	}
	cred_fix_capabilities(c, old);
	cred_commit(c);
	return 0;
}

SYSCALL1(setuid, uid_arg)
{
	const struct cred *old = current_cred();
	uid_t uid = (uid_t)uid_arg;
	struct cred *c;
	int err = 0;

	if (uid == UNCHANGED)
		return -EINVAL;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	if (cred_capable(old, CAP_SETUID))
		c->uid = c->suid = uid;
	else if (uid != old->uid && uid != old->suid)
		err = -EPERM;
	c->euid = c->fsuid = uid;
	return finish_users(c, old, err);
}

SYSCALL2(setreuid, ruid_arg, euid_arg)
{
	const struct cred *old = current_cred();
	uid_t ruid = (uid_t)ruid_arg, euid = (uid_t)euid_arg;
	bool may = cred_capable(old, CAP_SETUID);
	struct cred *c = cred_prepare();
	int err = 0;

	if (!c)
		return -ENOMEM;
	if (ruid != UNCHANGED) {
		c->uid = ruid;
		if (!may && ruid != old->uid && ruid != old->euid)
			err = -EPERM;
	}
	if (euid != UNCHANGED) {
		c->euid = euid;
		if (!may && euid != old->uid && euid != old->euid && euid != old->suid)
			err = -EPERM;
	}
	if (ruid != UNCHANGED || (euid != UNCHANGED && euid != old->uid))
		c->suid = c->euid;
	c->fsuid = c->euid;
	return finish_users(c, old, err);
}

static bool is_one_of(u32 id, u32 a, u32 b, u32 c)
{
	return id == UNCHANGED || id == a || id == b || id == c;
}

SYSCALL3(setresuid, ruid_arg, euid_arg, suid_arg)
{
	const struct cred *old = current_cred();
	uid_t ruid = (uid_t)ruid_arg, euid = (uid_t)euid_arg, suid = (uid_t)suid_arg;
	struct cred *c = cred_prepare();
	int err = 0;

	if (!c)
		return -ENOMEM;
	if (!cred_capable(old, CAP_SETUID) && (!is_one_of(ruid, old->uid, old->euid, old->suid) ||
					       !is_one_of(euid, old->uid, old->euid, old->suid) ||
					       !is_one_of(suid, old->uid, old->euid, old->suid)))
		err = -EPERM;
	if (ruid != UNCHANGED)
		c->uid = ruid;
	if (euid != UNCHANGED)
		c->euid = euid;
	if (suid != UNCHANGED)
		c->suid = suid;
	c->fsuid = c->euid;
	return finish_users(c, old, err);
}

/* Gives the old one in any case: how callers find out whether it worked. */
SYSCALL1(setfsuid, uid_arg)
{
	const struct cred *old = current_cred();
	uid_t uid = (uid_t)uid_arg, was = old->fsuid;
	struct cred *c;

	if (uid == UNCHANGED || uid == was)
		return was;
	if (uid != old->uid && uid != old->euid && uid != old->suid &&
	    !cred_capable(old, CAP_SETUID))
		return was;
	c = cred_prepare();
	if (!c)
		return was;
	c->fsuid = uid;
	cred_fix_capabilities(c, old);
	cred_commit(c);
	return was;
}

/* ---- groups ---- */

static s64 finish_groups(struct cred *c, int err)
{
	if (err)
		cred_put(c);
	else
		cred_commit(c);
	return err;
}

SYSCALL1(setgid, gid_arg)
{
	const struct cred *old = current_cred();
	gid_t gid = (gid_t)gid_arg;
	struct cred *c;
	int err = 0;

	if (gid == UNCHANGED)
		return -EINVAL;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	if (cred_capable(old, CAP_SETGID))
		c->gid = c->sgid = gid;
	else if (gid != old->gid && gid != old->sgid)
		err = -EPERM;
	c->egid = c->fsgid = gid;
	return finish_groups(c, err);
}

SYSCALL2(setregid, rgid_arg, egid_arg)
{
	const struct cred *old = current_cred();
	gid_t rgid = (gid_t)rgid_arg, egid = (gid_t)egid_arg;
	bool may = cred_capable(old, CAP_SETGID);
	struct cred *c = cred_prepare();
	int err = 0;

	if (!c)
		return -ENOMEM;
	if (rgid != UNCHANGED) {
		c->gid = rgid;
		if (!may && rgid != old->gid && rgid != old->egid)
			err = -EPERM;
	}
	if (egid != UNCHANGED) {
		c->egid = egid;
		if (!may && egid != old->gid && egid != old->egid && egid != old->sgid)
			err = -EPERM;
	}
	if (rgid != UNCHANGED || (egid != UNCHANGED && egid != old->gid))
		c->sgid = c->egid;
	c->fsgid = c->egid;
	return finish_groups(c, err);
}

SYSCALL3(setresgid, rgid_arg, egid_arg, sgid_arg)
{
	const struct cred *old = current_cred();
	gid_t rgid = (gid_t)rgid_arg, egid = (gid_t)egid_arg, sgid = (gid_t)sgid_arg;
	struct cred *c = cred_prepare();
	int err = 0;

	if (!c)
		return -ENOMEM;
	if (!cred_capable(old, CAP_SETGID) && (!is_one_of(rgid, old->gid, old->egid, old->sgid) ||
					       !is_one_of(egid, old->gid, old->egid, old->sgid) ||
					       !is_one_of(sgid, old->gid, old->egid, old->sgid)))
		err = -EPERM;
	if (rgid != UNCHANGED)
		c->gid = rgid;
	if (egid != UNCHANGED)
		c->egid = egid;
	if (sgid != UNCHANGED)
		c->sgid = sgid;
	c->fsgid = c->egid;
	return finish_groups(c, err);
}

SYSCALL1(setfsgid, gid_arg)
{
	const struct cred *old = current_cred();
	gid_t gid = (gid_t)gid_arg, was = old->fsgid;
	struct cred *c;

	if (gid == UNCHANGED || gid == was)
		return was;
	if (gid != old->gid && gid != old->egid && gid != old->sgid &&
	    !cred_capable(old, CAP_SETGID))
		return was;
	c = cred_prepare();
	if (!c)
		return was;
	c->fsgid = gid;
	cred_commit(c);
	return was;
}

SYSCALL2(getgroups, size_arg, user)
{
	const struct cred *c = current_cred();
	s32 size = (s32)size_arg;

	if (size < 0)
		return -EINVAL;
	if (!size)
		return c->ngroups;
	if ((u32)size < c->ngroups)
		return -EINVAL;
	if (copy_to_user(uaddr(user), c->groups, c->ngroups * sizeof(gid_t)))
		return -EFAULT;
	return c->ngroups;
}

static int compare_gids(const void *a, const void *b, void *arg)
{
	gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

	return x < y ? -1 : x > y;
}

/* Sorted, for cred_in_group(). @return NULL in *list when n is 0 */
static int read_groups(u64 user, u32 n, gid_t **list, struct atomic **refs)
{
	*list = NULL;
	*refs = NULL;
	if (!n)
		return 0;
	*refs = kmalloc(sizeof(**refs));
	*list = kvzalloc(n * sizeof(gid_t));
	if (!*refs || !*list)
		return -ENOMEM;
	atomic_set(*refs, 1);
	if (copy_from_user(*list, uaddr(user), n * sizeof(gid_t)))
		return -EFAULT;
	for (u32 i = 0; i < n; i++)
		if ((*list)[i] == UNCHANGED)
			return -EINVAL;
	sort(*list, n, sizeof(gid_t), compare_gids, NULL);
	return 0;
}

SYSCALL2(setgroups, size_arg, user)
{
	struct atomic *refs;
	gid_t *list;
	struct cred *c;
	u32 n = (u32)size_arg;
	int err;

	if (!current_capable(CAP_SETGID))
		return -EPERM;
	if (n > NGROUPS_MAX)
		return -EINVAL;
	err = read_groups(user, n, &list, &refs);
	c = err ? NULL : cred_prepare();
	if (!c) {
		kvfree(list);
		kfree(refs);
		return err ? err : -ENOMEM;
	}
	cred_set_groups(c, list, refs, n);
	cred_commit(c);
	return 0;
}
