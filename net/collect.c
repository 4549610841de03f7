// SPDX-License-Identifier: MIT
/*
 * Local sockets that only each other's queues hold are closed (a collection of cycles).
 *
 * A message in a queue holds open files, among them sockets, whose queues hold further ones. When the last
 * descriptor of a socket in such a cycle goes, nobody can receive from it any more, but it is not closed,
 * since a message still counts it. The graph has an edge for each message that holds a socket, from the socket in whose queue
 * it is; flight_mutex guards it. What waits in the backlog of a listening socket has no file: its messages count as that socket's.
 *
 * A collection looks at the sockets that messages hold: which of them has references that are no edges
 * from others of them? It, and what can be reached from it, lives. The rest is garbage, and stays so: to
 * receive from one of them, to send it, or to make a descriptor for it, a thread needs a reference that is no edge. Between
 * counting and following the edges only accept() moves some without flight_mutex, from a listening socket to nowhere:
 * nr_accepted tells, and the collection begins anew, later.
 *
 * When: closing a descriptor of a socket that a message holds, too, does not close it, so nothing
 * tells when garbage has come to be. As on Linux the closing of any local socket begins a collection. In addition,
 * one follows each message with sockets, and while sockets are in flight others do, at growing intervals up to INTERVAL_MAX_NS.
 * The thread for it is made with the first such message. unix(7).
 */
#include "unix.h"
#include <kernel/fs/file.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/time_units.h>

#define INTERVAL_MIN_NS (50 * NSEC_PER_MSEC)
#define INTERVAL_MAX_NS (8 * NSEC_PER_SEC)

static DEFINE_MUTEX(flight_mutex);
static DEFINE_LIST(flying); /* sockets that messages hold, under flight_mutex */
static DEFINE_WAIT_QUEUE(collect_wait);
static bool started; /* the thread; under flight_mutex */
static bool wanted;  /* also without a lock: at worst the collection begins later */

static void collector_main(void *arg);

/* ---- the graph ---- */

typedef void edge_fn(struct unix_socket *held, void *arg);

static void for_each_of_message(const struct unix_rights *rights, edge_fn *fn, void *arg)
{
	for (u32 i = 0; i < rights->nr_files; i++) {
		struct unix_socket *socket = unix_socket_of(rights->file[i]);

		if (socket)
			fn(socket, arg);
	}
}

static void for_each_held(struct unix_socket *socket, edge_fn *fn, void *arg)
{
	struct unix_socket *waiting;
	struct unix_rights *rights;

	list_for_each(rights, &socket->flight.held, link)
		for_each_of_message(rights, fn, arg);
	if (!READ_ONCE(socket->listening))
		return;
	mutex_lock(&socket->lock);
	socket->flight.nr_accepted = socket->nr_accepted;
	list_for_each(waiting, &socket->backlog, backlog_link)
		list_for_each(rights, &waiting->flight.held, link)
			for_each_of_message(rights, fn, arg);
	mutex_unlock(&socket->lock);
}

void unix_rights_launch(struct unix_rights *rights, struct unix_socket *holder)
{
	if (!rights->has_sockets)
		return;
	mutex_lock(&flight_mutex);
	for (u32 i = 0; i < rights->nr_files; i++) {
		struct unix_socket *socket = unix_socket_of(rights->file[i]);

		if (!socket || socket->flight.nr_holders++)
			continue;
		socket->flight.file = rights->file[i];
		list_add(&socket->flight.link, &flying);
	}
	rights->holder = holder;
	list_add(&rights->link, &holder->flight.held);
	if (!started) /* without memory the next message tries again */
		started = !thread_spawn(collector_main, NULL, "kcollect");
	mutex_unlock(&flight_mutex);
	unix_collect_soon();
}

static void land_one(struct unix_socket *socket, void *arg)
{
	if (!--socket->flight.nr_holders)
		list_del(&socket->flight.link);
}

void unix_rights_land(struct unix_rights *rights)
{
	if (!rights->holder)
		return;
	mutex_lock(&flight_mutex);
	list_del(&rights->link);
	rights->holder = NULL;
	for_each_of_message(rights, land_one, NULL);
	mutex_unlock(&flight_mutex);
}

/* ---- a collection ---- */

#define REACHED ((s32)0x7fffffff)

static void count_edge(struct unix_socket *held, void *arg)
{
	held->flight.outside--;
}

static void flight_reach(struct unix_socket *socket, void *arg)
{
	struct unix_socket **todo = arg;

	if (socket->flight.outside == REACHED)
		return;
	socket->flight.outside = REACHED;
	socket->flight.next = *todo;
	*todo = socket;
}

/* Mark what has references from elsewhere, and all that is reached from there. @return false: accept() has moved edges meanwhile */
static bool mark_living(void)
{
	struct unix_socket *socket, *todo = NULL;
	bool moved = false;

	list_for_each(socket, &flying, flight.link)
		socket->flight.outside = (s32)atomic_read(&socket->flight.file->refs);
	list_for_each(socket, &flying, flight.link)
		for_each_held(socket, count_edge, NULL);
	list_for_each(socket, &flying, flight.link)
		if (socket->flight.outside > 0)
			flight_reach(socket, &todo);
	while ((socket = todo) != NULL) {
		u32 accepted = socket->flight.nr_accepted;

		todo = socket->flight.next;
		for_each_held(socket, flight_reach, &todo);
		moved |= accepted != socket->flight.nr_accepted;
	}
	return !moved;
}

/* @return chained by flight.next, each with its file counted */
static struct unix_socket *find_garbage(void)
{
	struct unix_socket *socket, *garbage = NULL;

	if (!mark_living())
		return NULL;
	list_for_each(socket, &flying, flight.link) {
		if (socket->flight.outside == REACHED)
			continue;
		file_get(socket->flight.file);
		socket->flight.next = garbage;
		garbage = socket;
	}
	return garbage;
}

static void empty_queues(struct unix_socket *garbage)
{
	struct unix_rights *chain;

	for (; garbage; garbage = garbage->flight.next) {
		mutex_lock(&garbage->lock);
		chain = record_queue_destroy(&garbage->queue);
		WRITE_ONCE(garbage->urgent, false);
		mutex_unlock(&garbage->lock);
		unix_rights_put(chain);
		unix_close_backlog(garbage);
	}
}

/* @return are sockets in flight? */
static bool flight_collect(void)
{
	struct unix_socket *garbage, *next;
	bool more;

	mutex_lock(&flight_mutex);
	garbage = find_garbage();
	mutex_unlock(&flight_mutex);
	empty_queues(garbage);
	for (; garbage; garbage = next) {
		next = garbage->flight.next;
		file_put(garbage->flight.file);
	}
	mutex_lock(&flight_mutex);
	more = !list_empty(&flying);
	mutex_unlock(&flight_mutex);
	return more;
}

static void collector_main(void *arg)
{
	u64 interval = INTERVAL_MIN_NS, deadline = 0;

	for (;;) {
		if (!wait_event_until(&collect_wait, READ_ONCE(wanted), deadline))
			interval = INTERVAL_MIN_NS;
		/* What follows at once is waited for: a process ends, and closes all. */
		(void)wait_event_until(&collect_wait, false, time_monotonic_ns() + INTERVAL_MIN_NS);
		WRITE_ONCE(wanted, false);
		deadline = 0;
		if (flight_collect())
			deadline = time_monotonic_ns() + interval;
		interval = MIN(2 * interval, INTERVAL_MAX_NS);
	}
}

void unix_collect_soon(void)
{
	if (READ_ONCE(wanted) || READ_ONCE(flying.next) == &flying)
		return;
	WRITE_ONCE(wanted, true);
	wake_up(&collect_wait);
}
