/* SPDX-License-Identifier: MIT */
/** @file rights.h  Open files in flight from one process to another (net/rights.c). */
#pragma once
#include <kernel/list.h>
#include <kernel/types.h>

struct cred;
struct unix_socket;

/** The files of one message. */
struct unix_rights {
	struct unix_rights *next; /* of several that are freed together */
	struct unix_socket
		*holder;     /* the socket whose queue holds them, if sockets are among them */
	struct list link;    /* holder->flight.held, under flight_mutex */
	struct cred *sender; /* counted; NULL: a copy that MSG_PEEK made */
	u32 nr_files;
	bool has_sockets;
	struct file *file[]; /* counted */
};

/** Of a socket: its place in the graph of files in flight (net/collect.c), under flight_mutex. */
struct unix_flight {
	struct list held;	  /* messages in its queue that hold sockets */
	struct list link;	  /* of those that are held by messages */
	struct file *file;	  /* its own, where nr_holders is not 0 */
	struct unix_socket *next; /* of those to be looked at */
	u32 nr_holders;		  /* how often messages hold it */
	s32 outside;		  /* during a collection: how often others do */
	u32 nr_accepted;	  /* the same of the socket, when it was looked into */
};

/**
 * @brief The files behind some of the current thread's descriptors.
 * @param old  what was collected so far, or NULL; taken over, also on failure
 * @param fds  user address of @p count numbers
 * @return it, or ERR_PTR: -EINVAL: too many for one message, -EBADF, -EFAULT, -ENOMEM, -ETOOMANYREFS: too many in flight
 */
struct unix_rights *__must_check unix_rights_collect(struct unix_rights *old, uaddr_t fds,
						     u32 count);
/** @brief The same files once more, for MSG_PEEK. NULL: no memory. */
struct unix_rights *unix_rights_copy(const struct unix_rights *rights);
/** @brief Begin a collection, where one can find something: a local socket was closed. */
void unix_collect_soon(void);
/** @brief Enter rights into the graph before @p holder queues them. Sleeps. */
void unix_rights_launch(struct unix_rights *rights, struct unix_socket *holder);
/** @brief They are in no queue any more. Sleeps. */
void unix_rights_land(struct unix_rights *rights);
/** @brief Release a chain of them, queued or not. NULL is fine. Sleeps. */
void unix_rights_put(struct unix_rights *chain);
