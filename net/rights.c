// SPDX-License-Identifier: MIT
/*
 * Open files in flight from one process to another (SCM_RIGHTS).
 *
 * A message that waits in a socket's queue holds the files that were sent with
 * it. Among them may be sockets, whose queues hold files in turn. Two problems
 * are prevented:
 *
 * - A cycle. A socket that can be reached from no descriptor, but from its own queue, would never be
 *   closed. A thread finds those and empties their queues (net/collect.c).
 * - Depth. Closing a socket closes what its queue holds, and so on. A file that
 *   is put while another one is being put waits in a list of the thread
 *   (thread->closing), so that the stack does not grow with the graph.
 *
 * The number of files that a user may have in flight is bounded by RLIMIT_NOFILE,
 * as in Linux; so is the work of a collection. unix(7), "Ancillary messages".
 */
#include "unix.h"
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/heap.h>
#include <kernel/process.h>
#include <uapi/socket.h>

/* ---- of a message ---- */

static int rights_charge(const struct cred *cred, u32 count)
{
	u64 most = current_limit(RLIMIT_NOFILE);

	if (cred_capable(cred, CAP_SYS_RESOURCE) || cred_capable(cred, CAP_SYS_ADMIN))
		most = ~0ull;
	if (!cred_charge_flight(cred, (s32)count, most))
		return -ETOOMANYREFS;
	return 0;
}

static int collect_one(struct unix_rights *rights, s32 fd)
{
	struct fd_ref ref = fd_get_path((u32)fd);

	if (!ref.file)
		return -EBADF;
	if (!ref.counted)
		file_get(ref.file);
	rights->file[rights->nr_files++] = ref.file;
	rights->has_sockets |= unix_socket_of(ref.file) != NULL;
	return 0;
}

static struct unix_rights *rights_grow(struct unix_rights *old, u32 count)
{
	struct unix_rights *rights =
		krealloc(old, sizeof(*rights) + (u64)count * sizeof(rights->file[0]));

	if (rights && !old)
		*rights = (struct unix_rights){ .sender = cred_get((struct cred *)current_cred()) };
	if (!rights)
		unix_rights_put(old);
	return rights;
}

struct unix_rights *unix_rights_collect(struct unix_rights *old, uaddr_t fds, u32 count)
{
	u32 before = old ? old->nr_files : 0;
	struct unix_rights *rights;
	int err = 0;

	if (before + count > SCM_MAX_FD) {
		unix_rights_put(old);
		return ERR_PTR(-EINVAL);
	}
	rights = rights_grow(old, before + count);
	if (!rights)
		return ERR_PTR(-ENOMEM);
	for (u32 i = 0; i < count && !err; i++) {
		u32 fd;

		err = get_user_u32(&fd, uaddr_add(fds, 4ull * i));
		if (!err)
			err = rights_charge(rights->sender, 1);
		if (err)
			break;
		err = collect_one(rights, (s32)fd);
		if (err)
			(void)cred_charge_flight(rights->sender, -1, ~0ull);
	}
	if (!err)
		return rights;
	unix_rights_put(rights);
	return ERR_PTR(err);
}

struct unix_rights *unix_rights_copy(const struct unix_rights *rights)
{
	struct unix_rights *copy =
		kmalloc(sizeof(*rights) + (u64)rights->nr_files * sizeof(rights->file[0]));

	if (!copy)
		return NULL;
	*copy = (struct unix_rights){ .nr_files = rights->nr_files };
	for (u32 i = 0; i < rights->nr_files; i++) {
		copy->file[i] = rights->file[i];
		file_get(copy->file[i]);
	}
	return copy;
}

/* ---- release ---- */

static void put_one(struct unix_rights *rights)
{
	for (u32 i = 0; i < rights->nr_files; i++)
		file_put(rights->file[i]);
	if (rights->sender) {
		(void)cred_charge_flight(rights->sender, -(s32)rights->nr_files, ~0ull);
		cred_put(rights->sender);
	}
	kfree(rights);
}

void unix_rights_put(struct unix_rights *chain)
{
	struct unix_rights *rights, *last = NULL;

	for (rights = chain; rights;
	     rights = rights->next) { /* now: the holder may be freed before their turn */
		unix_rights_land(rights);
		last = rights;
	}
	if (!last)
		return;
	if (current->closing) { /* from within put_one() */
		last->next = *current->closing;
		*current->closing = chain;
		return;
	}
	current->closing = &chain;
	while (chain) {
		rights = chain;
		chain = rights->next;
		put_one(rights);
	}
	current->closing = NULL;
}
