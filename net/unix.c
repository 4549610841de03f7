// SPDX-License-Identifier: MIT
/*
 * Local sockets (AF_UNIX): life cycle and shutdown.
 *
 * Each socket has a queue of the messages that were sent to it. Two ends of a connection (socketpair(); connect()
 * and accept()) are each other's peers for their whole life: that pointer is set once, so that following it needs
 * no lock. A datagram socket may send to any that has a name, and receive from any; its peer is the one to
 * which it sends by default, and may change, so it is read under RCU and counted.
 *
 * A socket is freed after its own file is closed and all that refers to it has gone; `dead` is set when no more
 * reads can happen there.
 *
 * Who waits for space in the queue of the other end of a connection waits on the write_wait of its own
 * socket, and for space in any other queue on its room_wait. One that polls cannot do that, since the other
 * socket may be freed meanwhile: it stands in the list ->senders there. The reader wakes them when three quarters
 * of SO_SNDBUF are free, so that the two do not alternate byte by byte. unix(7), socket(7); Linux 6.1.
 */
#include "unix.h"
#include <kernel/cred.h>
#include <kernel/heap.h>
#include <kernel/process.h>
#include <uapi/signal.h>

u32 unix_max_datagrams = 10; /* as Linux */
static struct kmem_cache *socket_cache;

/* ---- life cycle ---- */

/* Made with the first socket: most systems' first boot steps have none. */
static struct kmem_cache *cache_get(void)
{
	struct kmem_cache *cache = __atomic_load_n(&socket_cache, __ATOMIC_ACQUIRE);
	static DEFINE_MUTEX(once);

	if (likely(cache != NULL))
		return cache;
	mutex_lock(&once);
	if (!socket_cache)
		__atomic_store_n(&socket_cache,
				 kmem_cache_create("socket", sizeof(struct unix_socket), 64),
				 __ATOMIC_RELEASE);
	cache = socket_cache;
	mutex_unlock(&once);
	return cache;
}

struct unix_socket *unix_socket_create(u32 type)
{
	struct kmem_cache *cache = cache_get();
	struct unix_socket *socket = cache ? kmem_cache_zalloc(cache) : NULL;

	if (!socket)
		return NULL;
	socket_init(&socket->base, &unix_ops, AF_UNIX, type);
	atomic_set(&socket->refs, 1);
	mutex_init(&socket->lock);
	wait_queue_init(&socket->room_wait);
	list_init(&socket->flight.held);
	list_init(&socket->senders);
	list_init(&socket->senders_link);
	list_init(&socket->backlog);
	list_init(&socket->backlog_link);
	socket->backlog_max = READ_ONCE(unix_max_datagrams);
	socket->peer_cred = (struct user_ucred){ 0, ~0u, ~0u };
	socket->cred = cred_get((struct cred *)current_cred());
	record_queue_init(&socket->queue, socket->cred);
	unix_list_add(socket);
	return socket;
}

static void socket_free(struct rcu_head *head)
{
	kmem_cache_free(socket_cache, container_of(head, struct unix_socket, rcu));
}

void unix_socket_put(struct unix_socket *socket)
{
	if (!socket || !atomic_dec_and_test(&socket->refs))
		return;
	unix_list_remove(socket);
	unix_name_put(socket->name); /* so long, since the other end may ask for it */
	cred_put(socket->cred);
	call_rcu(&socket->rcu, socket_free);
}

void unix_join(struct unix_socket *socket, struct unix_socket *peer)
{
	const struct cred *cred = current_cred();

	socket->peer_cred = peer->peer_cred =
		(struct user_ucred){ current->proc->pid, cred->euid, cred->egid };
	atomic_inc(&socket->refs);
	atomic_inc(&peer->refs);
	rcu_assign_pointer(peer->peer, socket);
	rcu_assign_pointer(socket->peer, peer);
}

struct unix_socket *unix_peer_get(struct unix_socket *socket)
{
	struct unix_socket *peer;

	rcu_read_lock();
	do
		peer = rcu_dereference(socket->peer);
	while (peer && !atomic_inc_not_zero(&peer->refs));
	rcu_read_unlock();
	return peer;
}

static void close_directions(struct unix_socket *socket, u32 which)
{
	mutex_lock(&socket->lock);
	socket->shutdown |= which;
	mutex_unlock(&socket->lock);
	wake_up_key(&socket->base.read_wait, 0, POLLIN | POLLRDNORM | POLLRDHUP | POLLHUP);
	wake_up_key(&socket->base.write_wait, 0, POLLOUT | POLLWRNORM | POLLHUP);
	async_notify(&socket->base.async, which == CLOSED_BOTH ? POLL_HUP : POLL_IN);
}

void unix_shutdown(struct unix_socket *socket, u32 which)
{
	u32 opposite = 0;

	if (which & CLOSED_READ)
		opposite |= CLOSED_WRITE;
	if (which & CLOSED_WRITE)
		opposite |= CLOSED_READ;
	close_directions(socket, which);
	if (socket->listening)
		wake_up_all(&socket->room_wait);
	else if (socket->peer && unix_is_connected_type(socket))
		close_directions(socket->peer, opposite);
}

/* Out of the list in which it waits for space. */
static void stop_polling(struct unix_socket *socket)
{
	struct unix_socket *to;
	bool was_there;

	rcu_read_lock();
	to = rcu_dereference(socket->sends_to);
	if (to && !atomic_inc_not_zero(&to->refs))
		to = NULL;
	rcu_read_unlock();
	if (!to)
		return;
	mutex_lock(&to->lock);
	was_there = socket->sends_to == to;
	if (was_there) {
		list_del(&socket->senders_link);
		WRITE_ONCE(socket->sends_to, NULL);
	}
	mutex_unlock(&to->lock);
	if (was_there) {
		unix_socket_put(to);
		unix_socket_put(socket);
	}
	unix_socket_put(to);
}

/* Be woken when there is space in the queue of @to. */
static void start_polling(struct unix_socket *socket, struct unix_socket *to)
{
	struct unix_socket *nobody = NULL;

	if (READ_ONCE(socket->sends_to) == to)
		return;
	stop_polling(socket);
	mutex_lock(&to->lock);
	/* Another thread may find another peer meanwhile: one of them wins. */
	if (!to->dead && __atomic_compare_exchange_n(&socket->sends_to, &nobody, to, false,
						     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
		atomic_inc(&socket->refs);
		atomic_inc(&to->refs);
		list_add_tail(&socket->senders_link, &to->senders);
	}
	mutex_unlock(&to->lock);
}

static struct unix_socket *take_sender(struct unix_socket *socket)
{
	struct unix_socket *sender = NULL;

	mutex_lock(&socket->lock);
	if (!list_empty(&socket->senders)) {
		sender = list_first(&socket->senders, struct unix_socket, senders_link);
		list_del(&sender->senders_link);
		WRITE_ONCE(sender->sends_to, NULL);
	}
	mutex_unlock(&socket->lock);
	return sender;
}

void unix_wake_senders(struct unix_socket *socket)
{
	struct unix_socket *sender;

	while ((sender = take_sender(socket)) != NULL) {
		wake_up_poll(&sender->base.write_wait, POLLOUT | POLLWRNORM);
		async_notify(&sender->base.async, POLL_OUT);
		unix_socket_put(sender);
		unix_socket_put(socket); /* the sender's; the caller has another one */
	}
}

bool unix_is_writable(struct unix_socket *socket)
{
	struct unix_socket *peer;
	bool writable;

	if (unix_is_connected_type(socket))
		return !socket->listening && (!socket->peer || unix_has_room(socket, socket->peer));
	peer = unix_peer_get(socket);
	if (!peer)
		return true;
	writable = unix_has_room(socket, peer);
	if (!writable) {
		start_polling(socket, peer);
		writable = unix_has_room(socket, peer); /* read meanwhile */
	}
	unix_socket_put(peer);
	return writable;
}

void unix_set_peer(struct unix_socket *socket, struct unix_socket *peer)
{
	struct unix_rights *lost = NULL;
	struct unix_socket *old;

	stop_polling(socket);
	mutex_lock(&socket->lock);
	old = socket->peer;
	rcu_assign_pointer(socket->peer, peer);
	if (old && old != peer)
		lost = record_queue_destroy(&socket->queue);
	mutex_unlock(&socket->lock);
	unix_rights_put(lost);
	unix_socket_put(old);
	wake_up_poll(&socket->base.write_wait, POLLOUT | POLLWRNORM);
}

void unix_close_backlog(struct unix_socket *socket)
{
	struct unix_socket *waiting;

	while ((waiting = unix_take_backlog(socket)) != NULL) {
		atomic_set(&waiting->peer->base.error, ECONNRESET);
		unix_socket_close(waiting);
	}
}

void unix_socket_close(struct unix_socket *socket)
{
	struct unix_socket *peer = socket->peer;
	struct unix_rights *lost;
	bool unread;

	stop_polling(socket);
	mutex_lock(&socket->lock);
	socket->dead = true;
	socket->shutdown = CLOSED_BOTH;
	unread = socket->queue.nr_records > 1 ||
		 (socket->queue.nr_records && socket->queue.first.mark != RECORD_TAKEN);
	lost = record_queue_destroy(&socket->queue);
	WRITE_ONCE(socket->urgent, false);
	mutex_unlock(&socket->lock);
	if (socket->name && socket->name->owner == socket)
		unix_name_retire(socket->name);
	unix_rights_put(lost);
	wake_up_all(&socket->room_wait);
	unix_wake_senders(socket);
	if (socket->listening)
		unix_close_backlog(socket);
	if (peer && unix_is_connected_type(socket)) {
		if (unread)
			atomic_set(&peer->base.error, ECONNRESET);
		close_directions(peer, CLOSED_BOTH);
	}
	unix_socket_put(peer);
	unix_socket_put(socket);
	unix_collect_soon();
}
