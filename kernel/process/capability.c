// SPDX-License-Identifier: MIT
/*
 * capget, capset, and the prctl() operations about capabilities. capabilities(7).
 *
 * The kernel asks for single capabilities in this folder, and elsewhere for
 * "super user", which is CAP_SYS_ADMIN: a program that keeps less than that
 * may be refused more than on Linux, never less.
 */
#include "internal.h"
#include <kernel/syscalls.h>
#include <uapi/prctl.h>

/* The header's version says how long the data is. @return words, or -EINVAL with ours written back */
static int read_header(u64 user, struct user_cap_header *h)
{
	if (copy_from_user(h, uaddr(user), sizeof(*h)))
		return -EFAULT;
	switch (h->version) {
	case CAPABILITY_VERSION_1: return 1;
	case CAPABILITY_VERSION_2:
	case CAPABILITY_VERSION_3: return 2;
	}
	if (put_user_u32(uaddr(user), CAPABILITY_VERSION_3))
		return -EFAULT;
	return -EINVAL;
}

SYSCALL2(capget, user_header, user_data)
{
	struct user_cap_data d[2];
	struct user_cap_header h;
	struct thread *t;
	struct cred *c;
	int words = read_header(user_header, &h);

	/* Asking for the version alone is no error. */
	if (words == -EINVAL && !user_data)
		return 0;
	if (words < 0)
		return words;
	if (h.pid < 0)
		return -EINVAL;
	t = h.pid ? thread_find(h.pid) : current;
	if (!t)
		return -ESRCH;
	c = thread_cred_get(t);
	for (int i = 0; i < 2; i++)
		d[i] = (struct user_cap_data){
			(u32)(c->cap_effective >> 32 * i),
			(u32)(c->cap_permitted >> 32 * i),
			(u32)(c->cap_inheritable >> 32 * i),
		};
	cred_put(c);
	if (h.pid)
		thread_put(t);
	if (!user_data)
		return 0;
	return copy_to_user(uaddr(user_data), d, (u64)words * sizeof(d[0]));
}

static int check_sets(const struct cred *old, u64 effective, u64 permitted, u64 inheritable)
{
	if (!cred_capable(old, CAP_SETPCAP) &&
	    (inheritable & ~(old->cap_inheritable | old->cap_permitted)))
		return -EPERM;
	if (inheritable & ~(old->cap_inheritable | old->cap_bounding))
		return -EPERM;
	if ((permitted & ~old->cap_permitted) || (effective & ~permitted))
		return -EPERM;
	return 0;
}

SYSCALL2(capset, user_header, user_data)
{
	struct user_cap_data d[2] = { 0 };
	struct user_cap_header h;
	struct cred *c;
	u64 effective, permitted, inheritable;
	int words = read_header(user_header, &h), err;

	if (words < 0)
		return words;
	if (h.pid && h.pid != current->tid)
		return -EPERM;
	if (copy_from_user(d, uaddr(user_data), (u64)words * sizeof(d[0])))
		return -EFAULT;
	effective = (d[0].effective | (u64)d[1].effective << 32) & CAP_ALL;
	permitted = (d[0].permitted | (u64)d[1].permitted << 32) & CAP_ALL;
	inheritable = (d[0].inheritable | (u64)d[1].inheritable << 32) & CAP_ALL;
	err = check_sets(current_cred(), effective, permitted, inheritable);
	if (err)
		return err;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	c->cap_effective = effective;
	c->cap_permitted = permitted;
	c->cap_inheritable = inheritable;
	c->cap_ambient &= permitted & inheritable;
	cred_commit(c);
	return 0;
}

/* ---- prctl() ---- */

static s64 drop_bounding(u64 cap)
{
	struct cred *c;

	if (!current_capable(CAP_SETPCAP))
		return -EPERM;
	if (cap > CAP_LAST_CAP)
		return -EINVAL;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	c->cap_bounding &= ~CAP_BIT(cap);
	cred_commit(c);
	return 0;
}

static s64 set_securebits(u32 bits)
{
	const u32 known = SECBIT_NOROOT | SECBIT_NOROOT << 1 | SECBIT_NO_SETUID_FIXUP |
			  SECBIT_NO_SETUID_FIXUP << 1 | SECBIT_KEEP_CAPS | SECBIT_KEEP_CAPS_LOCKED |
			  SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE << 1;
	const struct cred *old = current_cred();
	u32 locks = old->securebits & (known & 0xaa);
	struct cred *c;

	/* A locked bit may not change, and a lock not go away. */
	if ((bits & ~known) || ((locks >> 1) & (old->securebits ^ bits)) || (locks & ~bits) ||
	    !cred_capable(old, CAP_SETPCAP))
		return -EPERM;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	c->securebits = bits;
	cred_commit(c);
	return 0;
}

static s64 set_keepcaps(u64 on)
{
	struct cred *c;

	if (on > 1)
		return -EINVAL;
	if (current_cred()->securebits & SECBIT_KEEP_CAPS_LOCKED)
		return -EPERM;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	c->securebits &= ~SECBIT_KEEP_CAPS;
	if (on)
		c->securebits |= SECBIT_KEEP_CAPS;
	cred_commit(c);
	return 0;
}

static s64 change_ambient(u64 op, u64 cap)
{
	const struct cred *old = current_cred();
	struct cred *c;

	if (op == PR_CAP_AMBIENT_CLEAR_ALL ? cap != 0 : cap > CAP_LAST_CAP)
		return -EINVAL;
	if (op == PR_CAP_AMBIENT_IS_SET)
		return !!(old->cap_ambient & CAP_BIT(cap));
	if (op < PR_CAP_AMBIENT_RAISE || op > PR_CAP_AMBIENT_CLEAR_ALL)
		return -EINVAL;
	if (op == PR_CAP_AMBIENT_RAISE &&
	    (!(old->cap_permitted & old->cap_inheritable & CAP_BIT(cap)) ||
	     (old->securebits & SECBIT_NO_CAP_AMBIENT_RAISE)))
		return -EPERM;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	if (op == PR_CAP_AMBIENT_RAISE)
		c->cap_ambient |= CAP_BIT(cap);
	else if (op == PR_CAP_AMBIENT_LOWER)
		c->cap_ambient &= ~CAP_BIT(cap);
	else
		c->cap_ambient = 0;
	cred_commit(c);
	return 0;
}

bool capability_prctl(int op, u64 a, u64 b, u64 c, u64 d, s64 *result)
{
	switch (op) {
	case PR_CAPBSET_READ:
		*result = a > CAP_LAST_CAP ? -EINVAL
					   : !!(current_cred()->cap_bounding & CAP_BIT(a));
		return true;
	case PR_CAPBSET_DROP: *result = drop_bounding(a); return true;
	case PR_GET_SECUREBITS: *result = current_cred()->securebits; return true;
	case PR_SET_SECUREBITS: *result = set_securebits((u32)a); return true;
	case PR_GET_KEEPCAPS:
		*result = !!(current_cred()->securebits & SECBIT_KEEP_CAPS);
		return true;
	case PR_SET_KEEPCAPS: *result = set_keepcaps(a); return true;
	case PR_CAP_AMBIENT: *result = c || d ? -EINVAL : change_ambient(a, b); return true;
	}
	return false;
}
