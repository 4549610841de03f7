// SPDX-License-Identifier: MIT
/*
 * <banos/socket_family.h>: sockets as their driver describes them: the list of a family's, as /proc/net shows it, and
 * close() that waits until a connection has ended (SO_LINGER).
 *
 * A walk marks the socket that it is at, whose release() waits for it, so that the list can be left while the
 * driver describes the socket, and gone on with behind it. Behind all sockets come the connections that are none, such
 * as those in TIME_WAIT, by positions of the driver's.
 */
#include <kernel/process.h>
#include <kernel/time.h>
#include "socket_family.h"

#define WALK_END       (~0ull)
#define POSITION_MOST  ((1ull << 38) - 1) /* of a connection */
#define POSITIONS_FROM (1ull << 38) /* what socket_walk.after is for connections begins here */
#define LINGER_STEP_MS 5

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

/* @return false: the walk has ended */
static bool sockets_each(struct driver_family *family, u16 number, struct socket_walk *walk)
{
	struct driver_socket *socket = walk_next(family, NULL, walk->after);
	bool goes_on = true;

	while (socket) {
		struct banos_socket_description about = { .size = sizeof(about) };

		if (socket->base.family == number && !driver_socket_describe(socket, &about))
			goes_on = walk->show(walk, &socket->base, &about);
		if (goes_on)
			walk->after = socket->base.number;
		socket = walk_next(family, socket, goes_on ? walk->after : WALK_END);
	}
	return goes_on;
}

/* @return a socket that stands for each of them, and counts the calls; NULL: no memory, or the family is going */
static struct driver_socket *connections_begin(struct driver_family *family, u16 number)
{
	struct driver_socket *stand_in;

	if (!driver_family_hold(family))
		return NULL;
	stand_in = driver_socket_alloc(family, number, SOCK_STREAM);
	if (!stand_in) {
		driver_family_drop(family, false);
		return NULL;
	}
	stand_in->own = family->context;
	stand_in->base.cookie = SOCKET_COOKIE_NONE;
	return stand_in;
}

/* The driver's positions rise, or the walk ends. */
static void connections_each(struct driver_family *family, u16 number, struct socket_walk *walk)
{
	struct driver_socket *stand_in = connections_begin(family, number);
	u64 position = 0;

	if (!stand_in)
		return;
	if (walk->after >= POSITIONS_FROM)
		position = walk->after - POSITIONS_FROM;
	for (;;) {
		struct banos_socket_description about = { .size = sizeof(about) };
		s64 next = driver_connection_describe(stand_in, position, &about);

		if (next <= (s64)position || next > (s64)POSITION_MOST ||
		    !walk->show(walk, &stand_in->base, &about))
			break;
		position = (u64)next;
		walk->after = POSITIONS_FROM + position;
	}
	driver_socket_end(stand_in);
}

void driver_family_each(struct socket_family *base, struct socket_walk *walk)
{
	struct driver_family *family = base->private;
	u32 excused = gate_excuse_locks(); /* of the file that lists them */

	if (walk->after >= POSITIONS_FROM || sockets_each(family, base->family, walk))
		connections_each(family, base->family, walk);
	gate_excuse_end(excused);
}

/* ---- closing ---- */

/* Is something on its way that the other end has not acknowledged, or the end itself? */
static bool socket_is_ending(struct driver_socket *socket)
{
	struct banos_socket_description about = { .size = sizeof(about) };

	if (driver_socket_describe(socket, &about) || about.receive_bytes)
		return false; /* what was not read is told by a reset, at once */
	return about.state == BANOS_SOCKET_FIN_WAIT || about.state == BANOS_SOCKET_LAST_ACK ||
	       about.state == BANOS_SOCKET_CLOSING;
}

void driver_socket_linger(struct driver_socket *socket)
{
	struct socket *base = &socket->base;
	u64 deadline = time_monotonic_ns() + (u64)(u32)base->linger.sec * NSEC_PER_SEC;

	/* Who collects cycles of local sockets closes for others, and must not wait for what they told. */
	if (!base->linger.on || base->linger.sec <= 0 || base->type != SOCK_STREAM ||
	    !user_thread_lives() || socket->released)
		return;
	(void)base->ops->shutdown(base, SHUT_WR);
	while (time_monotonic_ns() < deadline && !signal_pending() && socket_is_ending(socket))
		sleep_ms(LINGER_STEP_MS);
}
