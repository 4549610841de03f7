// SPDX-License-Identifier: MIT
/*
 * Open files in flight from one process to another (SCM_RIGHTS).
 *
 * A message that waits in a socket's queue holds the files that were sent with
 * it. Among them may be sockets, whose queues hold files in turn. Two problems
 * are prevented:
 *
 * - A cycle. A socket that can be reached from its own queue would never be
 *   closed. Linux allows cycles and collects them later; here the call that would
 *   create one fails with ETOOMANYREFS. The queues that hold sockets form a graph
 *   without cycles: socket->held lists the messages with sockets, and is changed
 *   and walked under flight_mutex.
 * - Depth. Closing a socket closes what its queue holds, and so on. A file that
 *   is put while another one is being put waits in a list of the thread
 *   (thread->closing), so that the stack does not grow with the graph.
 *
 * The number of files that a user may have in flight is bounded by RLIMIT_NOFILE,
 * as in Linux; so is a walk of the graph. unix(7), "Ancillary messages".
 */
#include "unix.h"
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/heap.h>
#include <kernel/process.h>
#include <uapi/socket.h>

/* Guards the graph: held, walk_number and walk_next of each socket, and link of each rights. */
static DEFINE_MUTEX(flight_mutex);
static u64 walk_number; /* under flight_mutex */

/* ---- collecting ---- */

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

/* ---- the graph ---- */

/* Put the sockets of a message on the list of those to be looked into. @return false: the target is one of them */
static bool rights_visit(const struct unix_rights *rights, const struct unix_socket *target,
			 struct unix_socket **todo)
{
	for (u32 i = 0; rights->has_sockets && i < rights->nr_files; i++) {
		struct unix_socket *socket = unix_socket_of(rights->file[i]);

		if (socket == target)
			return false;
		if (!socket || socket->walk_number == walk_number)
			continue;
		socket->walk_number = walk_number;
		socket->walk_next = *todo;
		*todo = socket;
	}
	return true;
}

/* The same for connections that wait to be accepted; their own messages are visited at once, since they stay only so long. */
static bool backlog_visit(struct unix_socket *socket, const struct unix_socket *target,
			  struct unix_socket **todo)
{
	struct unix_socket *waiting;
	struct unix_rights *inner;
	bool good = true;

	mutex_lock(&socket->lock);
	list_for_each(waiting, &socket->backlog, backlog_link) {
		good = good && waiting != target;
		list_for_each(inner, &waiting->held, link)
			good = good && rights_visit(inner, target, todo);
	}
	mutex_unlock(&socket->lock);
	return good;
}

static bool leads_to(const struct unix_rights *rights, const struct unix_socket *target)
{
	struct unix_socket *todo = NULL;
	struct unix_rights *inner;

	walk_number++;
	if (!rights_visit(rights, target, &todo))
		return true;
	while (todo) {
		struct unix_socket *socket = todo;

		todo = socket->walk_next;
		list_for_each(inner, &socket->held, link)
			if (!rights_visit(inner, target, &todo))
				return true;
		if (READ_ONCE(socket->listening) && !backlog_visit(socket, target, &todo))
			return true;
	}
	return false;
}

int unix_rights_launch(struct unix_rights *rights, struct unix_socket *holder)
{
	int err = 0;

	if (!rights->has_sockets)
		return 0;
	mutex_lock(&flight_mutex);
	if (leads_to(rights, holder)) {
		err = -ETOOMANYREFS;
	} else {
		rights->holder = holder;
		list_add(&rights->link, &holder->held);
	}
	mutex_unlock(&flight_mutex);
	return err;
}

void unix_rights_land(struct unix_rights *rights)
{
	if (!rights->holder)
		return;
	mutex_lock(&flight_mutex);
	list_del(&rights->link);
	rights->holder = NULL;
	mutex_unlock(&flight_mutex);
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
