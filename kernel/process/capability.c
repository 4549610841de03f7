// SPDX-License-Identifier: MIT
/*
 * capget, capset, and the prctl() operations about capabilities. capabilities(7).
 *
  * The kernel checks single capabilities in this folder, and "super user", which is
 * CAP_SYS_ADMIN, in others: a program without that capability
 * may be refused more than on Linux, never less.
 */
#include "internal.h"
#include <kernel/syscalls.h>
#include <uapi/prctl.h>

/* The version in the header decides the length of the data. @return words; -EINVAL: the kernel's version is written back */
static int cap_read_header(u64 user, struct user_cap_header *header)
{
	if (copy_from_user(header, uaddr(user), sizeof(*header)))
		return -EFAULT;
	switch (header->version) {
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
	struct user_cap_data data[2];
	struct user_cap_header header;
	struct thread *t;
	struct cred *cred;
	int words = cap_read_header(user_header, &header);

	/* A query of the version alone is no error. */
	if (words == -EINVAL && !user_data)
		return 0;
	if (words < 0)
		return words;
	if (header.pid < 0)
		return -EINVAL;
	t = header.pid ? thread_find(header.pid) : current;
	if (!t)
		return -ESRCH;
	cred = thread_cred_get(t);
	for (int i = 0; i < 2; i++)
		data[i] = (struct user_cap_data){
			(u32)(cred->cap_effective >> 32 * i),
			(u32)(cred->cap_permitted >> 32 * i),
			(u32)(cred->cap_inheritable >> 32 * i),
		};
	cred_put(cred);
	if (header.pid)
		thread_put(t);
	if (!user_data)
		return 0;
	return copy_to_user(uaddr(user_data), data, (u64)words * sizeof(data[0]));
}

static int cap_check_sets(const struct cred *old, u64 effective, u64 permitted, u64 inheritable)
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
	struct user_cap_data data[2] = { 0 };
	struct user_cap_header header;
	struct cred *cred;
	u64 effective, permitted, inheritable;
	int words = cap_read_header(user_header, &header), err;

	if (words < 0)
		return words;
	if (header.pid && header.pid != current->tid)
		return -EPERM;
	if (copy_from_user(data, uaddr(user_data), (u64)words * sizeof(data[0])))
		return -EFAULT;
	effective = (data[0].effective | (u64)data[1].effective << 32) & CAP_ALL;
	permitted = (data[0].permitted | (u64)data[1].permitted << 32) & CAP_ALL;
	inheritable = (data[0].inheritable | (u64)data[1].inheritable << 32) & CAP_ALL;
	err = cap_check_sets(current_cred(), effective, permitted, inheritable);
	if (err)
		return err;
	cred = cred_prepare();
	if (!cred)
		return -ENOMEM;
	cred->cap_effective = effective;
	cred->cap_permitted = permitted;
	cred->cap_inheritable = inheritable;
	cred->cap_ambient &= permitted & inheritable;
	cred_commit(cred);
	return 0;
}

/* ---- prctl() ---- */

static s64 cap_drop_bounding(u64 cap)
{
	struct cred *cred;

	if (!current_capable(CAP_SETPCAP))
		return -EPERM;
	if (cap > CAP_LAST_CAP)
		return -EINVAL;
	cred = cred_prepare();
	if (!cred)
		return -ENOMEM;
	cred->cap_bounding &= ~CAP_BIT(cap);
	cred_commit(cred);
	return 0;
}

static s64 cred_set_securebits(u32 bits)
{
	const u32 known = SECBIT_NOROOT | SECBIT_NOROOT << 1 | SECBIT_NO_SETUID_FIXUP |
			  SECBIT_NO_SETUID_FIXUP << 1 | SECBIT_KEEP_CAPS | SECBIT_KEEP_CAPS_LOCKED |
			  SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE << 1;
	const struct cred *old = current_cred();
	u32 locks = old->securebits & (known & 0xaa);
	struct cred *cred;

	/* A locked bit may not change, and a lock may not be removed. */
	if ((bits & ~known) || ((locks >> 1) & (old->securebits ^ bits)) || (locks & ~bits) ||
	    !cred_capable(old, CAP_SETPCAP))
		return -EPERM;
	cred = cred_prepare();
	if (!cred)
		return -ENOMEM;
	cred->securebits = bits;
	cred_commit(cred);
	return 0;
}

static s64 cred_set_keepcaps(u64 keep)
{
	struct cred *cred;

	if (keep > 1)
		return -EINVAL;
	if (current_cred()->securebits & SECBIT_KEEP_CAPS_LOCKED)
		return -EPERM;
	cred = cred_prepare();
	if (!cred)
		return -ENOMEM;
	cred->securebits &= ~SECBIT_KEEP_CAPS;
	if (keep)
		cred->securebits |= SECBIT_KEEP_CAPS;
	cred_commit(cred);
	return 0;
}

static s64 cap_change_ambient(u64 operation, u64 cap)
{
	const struct cred *old = current_cred();
	struct cred *cred;
	u64 highest = CAP_LAST_CAP;

	if (operation == PR_CAP_AMBIENT_CLEAR_ALL)
		highest = 0;
	if (cap > highest)
		return -EINVAL;
	if (operation == PR_CAP_AMBIENT_IS_SET)
		return !!(old->cap_ambient & CAP_BIT(cap));
	if (operation < PR_CAP_AMBIENT_RAISE || operation > PR_CAP_AMBIENT_CLEAR_ALL)
		return -EINVAL;
	if (operation == PR_CAP_AMBIENT_RAISE &&
	    (!(old->cap_permitted & old->cap_inheritable & CAP_BIT(cap)) ||
	     (old->securebits & SECBIT_NO_CAP_AMBIENT_RAISE)))
		return -EPERM;
	cred = cred_prepare();
	if (!cred)
		return -ENOMEM;
	if (operation == PR_CAP_AMBIENT_RAISE)
		cred->cap_ambient |= CAP_BIT(cap);
	else if (operation == PR_CAP_AMBIENT_LOWER)
		cred->cap_ambient &= ~CAP_BIT(cap);
	else
		cred->cap_ambient = 0;
	cred_commit(cred);
	return 0;
}

static s64 cap_read_bounding(u64 cap)
{
	if (cap > CAP_LAST_CAP)
		return -EINVAL;
	return (current_cred()->cap_bounding & CAP_BIT(cap)) != 0;
}

bool capability_prctl(int option, u64 arg2, u64 arg3, u64 arg4, u64 arg5, s64 *result)
{
	switch (option) {
	case PR_CAPBSET_READ: *result = cap_read_bounding(arg2); return true;
	case PR_CAPBSET_DROP: *result = cap_drop_bounding(arg2); return true;
	case PR_GET_SECUREBITS: *result = current_cred()->securebits; return true;
	case PR_SET_SECUREBITS: *result = cred_set_securebits((u32)arg2); return true;
	case PR_GET_KEEPCAPS:
		*result = !!(current_cred()->securebits & SECBIT_KEEP_CAPS);
		return true;
	case PR_SET_KEEPCAPS: *result = cred_set_keepcaps(arg2); return true;
	case PR_CAP_AMBIENT:
		*result = -EINVAL;
		if (!arg4 && !arg5)
			*result = cap_change_ambient(arg2, arg3);
		return true;
	}
	return false;
}
