// SPDX-License-Identifier: MIT
/*
 * Open files on their way from one process to another (SCM_RIGHTS).
 *
 * A message that waits in a socket's queue holds the files that were sent with
 * it. Among them may be sockets, whose queues hold files in turn. Two things
 * must not come of this:
 *
 * - A circle. A socket that can be reached from its own queue would never be
 *   closed. Linux lets circles arise and searches for them later; here the call
 *   that would close one is refused with ETOOMANYREFS. The queues that hold
 *   sockets form a graph without circles: socket->held lists the messages,
 *   changed and walked under flight_mutex, and only by messages with sockets.
 * - Depth. Closing a socket closes what its queue holds, and so on. A file that
 *   is put while another one is being put waits in a list of the thread
 *   (thread->closing), so that the stack does not grow with the graph.
 *
 * How many files a user may have on their way is bounded by his RLIMIT_NOFILE,
 * as in Linux; so is a walk of the graph. unix(7), "Ancillary messages".
 */
#include "socket.h"
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/heap.h>
#include <kernel/process.h>
#include <uapi/socket.h>

static DEFINE_MUTEX(flight_mutex);
static u64 walk_number; /* under flight_mutex */

/* ---- collecting ---- */

static bool charge(const struct cred *c, u32 n)
{
	u64 most = current_limit(RLIMIT_NOFILE);

	if (cred_capable(c, CAP_SYS_RESOURCE) || cred_capable(c, CAP_SYS_ADMIN))
		most = ~0ull;
	return cred_charge_flight(c, (s32)n, most);
}

static int collect_one(struct unix_rights *r, s32 fd)
{
	struct fd_ref ref = fd_get_path((u32)fd);

	if (!ref.file)
		return -EBADF;
	if (!ref.counted)
		file_get(ref.file);
	r->file[r->n++] = ref.file;
	r->has_sockets |= unix_socket_of(ref.file) != NULL;
	return 0;
}

static struct unix_rights *grow(struct unix_rights *old, u32 n)
{
	struct unix_rights *r = krealloc(old, sizeof(*r) + (u64)n * sizeof(r->file[0]));

	if (r && !old)
		*r = (struct unix_rights){ .sender = cred_get((struct cred *)current_cred()) };
	if (!r)
		unix_rights_put(old);
	return r;
}

struct unix_rights *unix_rights_collect(struct unix_rights *old, uaddr_t fds, u32 n)
{
	u32 before = old ? old->n : 0;
	struct unix_rights *r;
	int err = 0;

	if (before + n > SCM_MAX_FD) {
		unix_rights_put(old);
		return ERR_PTR(-EINVAL);
	}
	r = grow(old, before + n);
	if (!r)
		return ERR_PTR(-ENOMEM);
	for (u32 i = 0; i < n && !err; i++) {
		u32 fd;

		err = get_user_u32(&fd, uaddr_add(fds, 4ull * i));
		if (!err)
			err = charge(r->sender, 1) ? 0 : -ETOOMANYREFS;
		if (err)
			break;
		err = collect_one(r, (s32)fd);
		if (err)
			(void)cred_charge_flight(r->sender, -1, ~0ull);
	}
	if (!err)
		return r;
	unix_rights_put(r);
	return ERR_PTR(err);
}

struct unix_rights *unix_rights_copy(const struct unix_rights *r)
{
	struct unix_rights *copy = kmalloc(sizeof(*r) + (u64)r->n * sizeof(r->file[0]));

	if (!copy)
		return NULL;
	*copy = (struct unix_rights){ .n = r->n };
	for (u32 i = 0; i < r->n; i++) {
		copy->file[i] = r->file[i];
		file_get(copy->file[i]);
	}
	return copy;
}

/* ---- the graph ---- */

/* Put the sockets of a message on the list of those to be looked into. @return false: the target is one of them */
static bool visit(const struct unix_rights *r, const struct unix_socket *target,
		  struct unix_socket **todo)
{
	for (u32 i = 0; r->has_sockets && i < r->n; i++) {
		struct unix_socket *s = unix_socket_of(r->file[i]);

		if (s == target)
			return false;
		if (!s || s->walk_number == walk_number)
			continue;
		s->walk_number = walk_number;
		s->walk_next = *todo;
		*todo = s;
	}
	return true;
}

static bool leads_to(const struct unix_rights *r, const struct unix_socket *target)
{
	struct unix_socket *todo = NULL;
	struct unix_rights *inner;

	walk_number++;
	if (!visit(r, target, &todo))
		return true;
	while (todo) {
		struct unix_socket *s = todo;

		todo = s->walk_next;
		list_for_each(inner, &s->held, link)
			if (!visit(inner, target, &todo))
				return true;
	}
	return false;
}

int unix_rights_launch(struct unix_rights *r, struct unix_socket *holder)
{
	int err = 0;

	if (!r->has_sockets)
		return 0;
	mutex_lock(&flight_mutex);
	if (leads_to(r, holder)) {
		err = -ETOOMANYREFS;
	} else {
		r->holder = holder;
		list_add(&r->link, &holder->held);
	}
	mutex_unlock(&flight_mutex);
	return err;
}

void unix_rights_land(struct unix_rights *r)
{
	if (!r->holder)
		return;
	mutex_lock(&flight_mutex);
	list_del(&r->link);
	r->holder = NULL;
	mutex_unlock(&flight_mutex);
}

/* ---- letting go ---- */

static void put_one(struct unix_rights *r)
{
	for (u32 i = 0; i < r->n; i++)
		file_put(r->file[i]);
	if (r->sender) {
		(void)cred_charge_flight(r->sender, -(s32)r->n, ~0ull);
		cred_put(r->sender);
	}
	kfree(r);
}

void unix_rights_put(struct unix_rights *chain)
{
	struct unix_rights *r, *last = NULL;

	for (r = chain; r; r = r->next) { /* now: the holder may be gone when their turn comes */
		unix_rights_land(r);
		last = r;
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
		r = chain;
		chain = r->next;
		put_one(r);
	}
	current->closing = NULL;
}
