// SPDX-License-Identifier: MIT
/*
 * Credentials: life cycle, comparison, and what execve() makes of them.
 *
 * A struct cred is shared by reference and never changes once a thread has
 * it. A thread reads its own without a lock: only itself replaces it. Others
 * find it through thread.cred under rcu_read_lock() and take a reference
 * unless it is on its way out; so the memory is freed after a grace period.
 *
 * The list of groups is often long-lived and shared by many credentials; it
 * has a count of its own.
 */
#include "internal.h"
#include <kernel/fs.h>
#include <kernel/panic.h>

struct cred init_cred = {
	.refs = ATOMIC_INIT(1),
	.cap_effective = CAP_ALL,
	.cap_permitted = CAP_ALL,
	.cap_bounding = CAP_ALL,
	.account = &root_account,
};
static struct kmem_cache *cred_cache;

void cred_init(void)
{
	cred_cache = kmem_cache_create("cred", sizeof(struct cred), 8);
	if (!cred_cache)
		boot_stop("not enough memory for credentials");
}

struct cred *cred_get(struct cred *c)
{
	atomic_inc(&c->refs);
	return c;
}

static void groups_put(struct cred *c)
{
	if (c->groups && atomic_dec_and_test(c->groups_refs)) {
		kvfree(c->groups);
		kfree(c->groups_refs);
	}
}

void cred_set_groups(struct cred *c, gid_t *list, struct atomic *refs, u32 n)
{
	groups_put(c);
	c->groups = list;
	c->groups_refs = refs;
	c->ngroups = n;
}

static void cred_free(struct rcu_head *h)
{
	struct cred *c = container_of(h, struct cred, rcu);

	groups_put(c);
	account_put(c->account);
	kmem_cache_free(cred_cache, c);
}

void cred_put(struct cred *c)
{
	if (atomic_dec_and_test(&c->refs))
		call_rcu(&c->rcu, cred_free);
}

struct cred *cred_prepare(void)
{
	const struct cred *old = current_cred();
	struct cred *c = kmem_cache_alloc(cred_cache);

	if (!c)
		return NULL;
	*c = *old;
	atomic_set(&c->refs, 1);
	account_get(c->account);
	if (c->groups)
		atomic_inc(c->groups_refs);
	return c;
}

bool cred_changes_identity(const struct cred *old, const struct cred *c)
{
	return c->euid != old->euid || c->egid != old->egid || c->fsuid != old->fsuid ||
	       c->fsgid != old->fsgid || (c->cap_permitted & ~old->cap_permitted);
}

void cred_commit(struct cred *c)
{
	struct cred *old = current->cred;
	struct process *p = current->proc;

	if (old->account != c->account) {
		atomic_inc(&c->account->nr_threads);
		atomic_dec(&old->account->nr_threads);
	}
	/* Who changes its identity is no longer its owner's to look into. */
	if (cred_changes_identity(old, c)) {
		process_set_dumpable(p, false);
		p->pdeath_signal = 0;
	}
	rcu_assign_pointer(current->cred, c);
	cred_put(old);
}

const struct cred *current_cred(void)
{
	struct cred *c = current->cred;

	return likely(c != NULL) ? c : &init_cred;
}

struct cred *thread_cred_get(struct thread *t)
{
	struct cred *c;

	rcu_read_lock();
	do {
		c = rcu_dereference(t->cred);
		if (!c)
			c = &init_cred;
	} while (!atomic_inc_not_zero(&c->refs));
	rcu_read_unlock();
	return c;
}

bool current_is_super(void)
{
	return cred_is_super(current_cred());
}

bool cred_in_group(const struct cred *c, gid_t g)
{
	u32 lo = 0, hi = c->ngroups;

	if (g == c->fsgid)
		return true;
	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (c->groups[mid] == g)
			return true;
		if (c->groups[mid] < g)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

bool cred_may_look_into(const struct cred *me, const struct thread *t, enum look_as as)
{
	const bool fs = as == LOOK_AS_FS;
	const uid_t uid = fs ? me->fsuid : me->uid;
	const gid_t gid = fs ? me->fsgid : me->gid;
	const u64 caps = fs ? me->cap_effective : me->cap_permitted;
	const struct cred *other;
	bool may;

	if (cred_capable(me, CAP_SYS_PTRACE))
		return true;
	rcu_read_lock();
	other = rcu_dereference(t->cred);
	may = other && uid == other->euid && uid == other->suid && uid == other->uid &&
	      gid == other->egid && gid == other->sgid && gid == other->gid &&
	      !(other->cap_permitted & ~caps);
	/* Last: execve() sets it when the new credentials are there. */
	may = may && smp_load_acquire(&t->proc->dumpable);
	rcu_read_unlock();
	return may;
}

bool cred_same_owner(const struct cred *me, const struct cred *other)
{
	return me->euid == other->suid || me->euid == other->uid || me->uid == other->suid ||
	       me->uid == other->uid;
}

/*
 * capabilities(7), "Effect of user ID changes on capabilities": giving up the
 * last user id 0 gives up everything, and the effective user id decides what
 * is in force.
 */
void cred_fix_capabilities(struct cred *c, const struct cred *old)
{
	bool had = old->uid == 0 || old->euid == 0 || old->suid == 0;
	bool has = c->uid == 0 || c->euid == 0 || c->suid == 0;
	const u64 file_caps = CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) |
			      CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_FOWNER) |
			      CAP_BIT(CAP_FSETID) | CAP_BIT(CAP_LINUX_IMMUTABLE) |
			      CAP_BIT(CAP_MKNOD) | CAP_BIT(CAP_MAC_OVERRIDE);

	if (c->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (had && !has) {
		if (!(c->securebits & SECBIT_KEEP_CAPS)) {
			c->cap_permitted = 0;
			c->cap_effective = 0;
		}
		c->cap_ambient = 0;
	}
	if (old->euid == 0 && c->euid != 0)
		c->cap_effective = 0;
	if (old->euid != 0 && c->euid == 0)
		c->cap_effective = c->cap_permitted;
	if (old->euid == c->euid && old->fsuid == 0 && c->fsuid != 0)
		c->cap_effective &= ~file_caps;
	if (old->euid == c->euid && old->fsuid != 0 && c->fsuid == 0)
		c->cap_effective |= c->cap_permitted & file_caps;
}

bool cred_for_exec(struct cred *c, const struct cred *old, const struct inode *file, bool no_suid)
{
	bool is_set_id = false, root;

	if (!no_suid && (file->mode & S_ISUID)) {
		c->euid = file->uid;
		is_set_id |= c->euid != old->uid;
	}
	/* The set-group-id bit without group execution means mandatory locking. */
	if (!no_suid && (file->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) {
		c->egid = file->gid;
		is_set_id |= c->egid != old->gid;
	}
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	c->securebits &= ~SECBIT_KEEP_CAPS;

	root = !(c->securebits & SECBIT_NOROOT);
	if (is_set_id)
		c->cap_ambient = 0;
	c->cap_permitted = c->cap_ambient;
	if (root && (c->euid == 0 || c->uid == 0))
		c->cap_permitted = c->cap_bounding | c->cap_inheritable;
	c->cap_effective = c->cap_ambient;
	if (root && c->euid == 0)
		c->cap_effective = c->cap_permitted;
	return is_set_id || c->uid != c->euid || c->gid != c->egid;
}
