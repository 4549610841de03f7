// SPDX-License-Identifier: MIT
/*
  * Credentials: life cycle, comparison, and their change by execve().
 *
 * A struct cred is shared by reference and never changes once a thread has
 * it. A thread reads its own without a lock: only the thread itself replaces it. Other
 * threads find it through thread.cred under rcu_read_lock() and take a reference
 * unless the last one was dropped; so it is freed after a grace period.
 *
 * The list of groups is often long-lived and shared by many credentials; it
 * has its own count.
 */
#include "internal.h"
#include <kernel/fs/inode.h>
#include <kernel/panic.h>
#include <uapi/stat.h>

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

struct cred *cred_get(struct cred *cred)
{
	atomic_inc(&cred->refs);
	return cred;
}

static void cred_groups_put(struct cred *cred)
{
	if (cred->groups && atomic_dec_and_test(cred->groups_refs)) {
		kvfree(cred->groups);
		kfree(cred->groups_refs);
	}
}

void cred_set_groups(struct cred *cred, gid_t *list, struct atomic *refs, u32 ngroups)
{
	cred_groups_put(cred);
	cred->groups = list;
	cred->groups_refs = refs;
	cred->ngroups = ngroups;
}

static void cred_free(struct rcu_head *head)
{
	struct cred *cred = container_of(head, struct cred, rcu);

	cred_groups_put(cred);
	account_put(cred->account);
	kmem_cache_free(cred_cache, cred);
}

void cred_put(struct cred *cred)
{
	if (atomic_dec_and_test(&cred->refs))
		call_rcu(&cred->rcu, cred_free);
}

/* References that a thread takes at a time; it returns some when it has twice as many. */
#define SPARE_REFS 32u

struct cred *cred_borrow(void)
{
	struct thread *t = current;

	if (unlikely(!t->cred))
		return cred_get(&init_cred);
	if (unlikely(!t->cred_spare)) {
		atomic_add(&t->cred->refs, SPARE_REFS);
		t->cred_spare = SPARE_REFS;
	}
	t->cred_spare--;
	return t->cred;
}

void cred_return(struct cred *cred)
{
	struct thread *t = current;

	if (unlikely(cred != t->cred)) {
		cred_put(cred);
		return;
	}
	if (unlikely(++t->cred_spare == 2 * SPARE_REFS)) {
		t->cred_spare = SPARE_REFS;
		atomic_sub(&cred->refs, SPARE_REFS); /* not the last ones */
	}
}

/* Before the thread has others. It holds one reference more. */
static void drop_spare(struct thread *t)
{
	if (t->cred_spare)
		atomic_sub(&t->cred->refs, t->cred_spare);
	t->cred_spare = 0;
}

struct cred *cred_override(struct cred *cred)
{
	struct cred *old = current->cred;

	drop_spare(current);
	rcu_assign_pointer(current->cred, cred);
	return old;
}

void cred_restore(struct cred *cred)
{
	drop_spare(current);
	rcu_assign_pointer(current->cred, cred);
}

void cred_put_thread(struct thread *t)
{
	drop_spare(t);
	cred_put(t->cred);
	t->cred = NULL;
}

struct cred *cred_prepare(void)
{
	const struct cred *old = current_cred();
	struct cred *cred = kmem_cache_alloc(cred_cache);

	if (!cred)
		return NULL;
	*cred = *old;
	atomic_set(&cred->refs, 1);
	account_get(cred->account);
	if (cred->groups)
		atomic_inc(cred->groups_refs);
	return cred;
}

bool cred_changes_identity(const struct cred *old, const struct cred *cred)
{
	return cred->euid != old->euid || cred->egid != old->egid || cred->fsuid != old->fsuid ||
	       cred->fsgid != old->fsgid || (cred->cap_permitted & ~old->cap_permitted);
}

void cred_commit(struct cred *cred)
{
	struct cred *old = current->cred;
	struct process *p = current->proc;

	if (old->account != cred->account) {
		account_add_threads(cred->account, 1);
		account_add_threads(old->account, -1);
	}
	/* After a change of identity the old owner must not look into the process. */
	if (cred_changes_identity(old, cred)) {
		process_set_dumpable(p, false);
		p->pdeath_signal = 0;
	}
	drop_spare(current);
	rcu_assign_pointer(current->cred, cred);
	cred_put(old);
}

const struct cred *current_cred(void)
{
	struct cred *cred = current->cred;

	if (unlikely(!cred))
		return &init_cred;
	return cred;
}

struct cred *thread_cred_get(struct thread *t)
{
	struct cred *cred;

	rcu_read_lock();
	do {
		cred = rcu_dereference(t->cred);
		if (!cred)
			cred = &init_cred;
	} while (!atomic_inc_not_zero(&cred->refs));
	rcu_read_unlock();
	return cred;
}

bool current_is_super(void)
{
	return cred_is_super(current_cred());
}

bool cred_in_group(const struct cred *cred, gid_t gid)
{
	u32 low = 0, high = cred->ngroups;

	if (gid == cred->fsgid)
		return true;
	while (low < high) {
		u32 mid = (low + high) / 2;

		if (cred->groups[mid] == gid)
			return true;
		if (cred->groups[mid] < gid)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

bool cred_may_look_into(const struct cred *caller, const struct thread *t, enum look_as look_as)
{
	uid_t uid = caller->uid;
	gid_t gid = caller->gid;
	u64 caps = caller->cap_permitted;
	const struct cred *other;
	bool may;

	if (look_as == LOOK_AS_FS) {
		uid = caller->fsuid;
		gid = caller->fsgid;
		caps = caller->cap_effective;
	}

	if (cred_capable(caller, CAP_SYS_PTRACE))
		return true;
	rcu_read_lock();
	other = rcu_dereference(t->cred);
	may = other && uid == other->euid && uid == other->suid && uid == other->uid &&
	      gid == other->egid && gid == other->sgid && gid == other->gid &&
	      !(other->cap_permitted & ~caps);
	/* Read last: execve() sets it when the new credentials are installed. */
	may = may && smp_load_acquire(&t->proc->dumpable);
	rcu_read_unlock();
	return may;
}

bool cred_same_owner(const struct cred *caller, const struct cred *other)
{
	return caller->euid == other->suid || caller->euid == other->uid ||
	       caller->uid == other->suid || caller->uid == other->uid;
}

/*
 * capabilities(7), "Effect of user ID changes on capabilities": giving up the
 * last user id 0 drops everything, and the effective user id decides what
 * is in force.
 */
void cred_fix_capabilities(struct cred *cred, const struct cred *old)
{
	bool had = old->uid == 0 || old->euid == 0 || old->suid == 0;
	bool has = cred->uid == 0 || cred->euid == 0 || cred->suid == 0;
	const u64 file_caps = CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) |
			      CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_FOWNER) |
			      CAP_BIT(CAP_FSETID) | CAP_BIT(CAP_LINUX_IMMUTABLE) |
			      CAP_BIT(CAP_MKNOD) | CAP_BIT(CAP_MAC_OVERRIDE);

	if (cred->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (had && !has) {
		if (!(cred->securebits & SECBIT_KEEP_CAPS)) {
			cred->cap_permitted = 0;
			cred->cap_effective = 0;
		}
		cred->cap_ambient = 0;
	}
	if (old->euid == 0 && cred->euid != 0)
		cred->cap_effective = 0;
	if (old->euid != 0 && cred->euid == 0)
		cred->cap_effective = cred->cap_permitted;
	if (old->euid == cred->euid && old->fsuid == 0 && cred->fsuid != 0)
		cred->cap_effective &= ~file_caps;
	if (old->euid == cred->euid && old->fsuid != 0 && cred->fsuid == 0)
		cred->cap_effective |= cred->cap_permitted & file_caps;
}

bool cred_for_exec(struct cred *cred, const struct cred *old, const struct inode *file,
		   bool no_suid)
{
	bool is_set_id = false, root;

	if (!no_suid && (file->mode & S_ISUID)) {
		cred->euid = file->uid;
		is_set_id |= cred->euid != old->uid;
	}
	/* The set-group-id bit without group execution means mandatory locking. */
	if (!no_suid && (file->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) {
		cred->egid = file->gid;
		is_set_id |= cred->egid != old->gid;
	}
	cred->suid = cred->fsuid = cred->euid;
	cred->sgid = cred->fsgid = cred->egid;
	cred->securebits &= ~SECBIT_KEEP_CAPS;

	root = !(cred->securebits & SECBIT_NOROOT);
	if (is_set_id)
		cred->cap_ambient = 0;
	cred->cap_permitted = cred->cap_ambient;
	if (root && (cred->euid == 0 || cred->uid == 0))
		cred->cap_permitted = cred->cap_bounding | cred->cap_inheritable;
	cred->cap_effective = cred->cap_ambient;
	if (root && cred->euid == 0)
		cred->cap_effective = cred->cap_permitted;
	return is_set_id || cred->uid != cred->euid || cred->gid != cred->egid;
}
