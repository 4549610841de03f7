// SPDX-License-Identifier: MIT
/*
 * <banos/socket_family.h>: the list of a family's sockets, as /proc/net shows it.
 *
 * A walk marks the socket that it is at, whose release() waits for it, so that the list can be left while the
 * driver describes the socket, and gone on with behind it.
 */
#include "socket_family.h"

#define WALK_END (~0ull)

/* Leave a socket at which a walk is, and go to the first one behind it, or (NULL) of all, above @after. */
static struct driver_socket *walk_next(struct driver_family *family, struct driver_socket *at,
				       u64 after)
{
	struct driver_socket *next = NULL;
	struct list *link;
	bool left = false;

	spin_lock(&family->lock);
	link = at ? at->base.link.next : family->sockets.next;
	if (at)
		left = !--at->described;
	for (; link != &family->sockets && after != WALK_END && !next; link = link->next) {
		struct driver_socket *socket = list_entry(link, struct driver_socket, base.link);

		if (!socket->released && socket->base.number > after)
			next = socket;
	}
	if (next)
		next->described++;
	spin_unlock(&family->lock);
	if (left && wait_queue_active(&family->calls_wait))
		wake_up_all(&family->calls_wait);
	return next;
}

void driver_family_each(struct socket_family *base, struct socket_walk *walk)
{
	struct driver_family *family = base->private;
	struct driver_socket *socket = walk_next(family, NULL, walk->after);
	u32 excused = gate_excuse_locks(); /* of the file that lists them */

	while (socket) {
		struct banos_socket_description about = { .size = sizeof(about) };
		bool goes_on = true;

		if (socket->base.family == base->family && !driver_socket_describe(socket, &about))
			goes_on = walk->show(walk, &socket->base, &about);
		if (goes_on)
			walk->after = socket->base.number;
		socket = walk_next(family, socket, goes_on ? walk->after : WALK_END);
	}
	gate_excuse_end(excused);
}
