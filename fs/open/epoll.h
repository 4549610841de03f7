/* SPDX-License-Identifier: MIT */
/**
 * @file epoll.h  Inside epoll: what a set and its items are made of. The theory is at the top of epoll.c.
 */
#pragma once
#include <kernel/fs/poll.h>
#include <kernel/rbtree.h>
#include <kernel/wait.h>

/** Longest chain of sets that hold one another: so many steps from the outermost to the innermost. */
#define EPOLL_NEST_MAX 4u

/** Bits of an item's events that are no events of a file. */
#define EPOLL_PRIVATE_BITS (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
/** Events that are reported without being asked for. */
#define POLL_ALWAYS (POLLERR | POLLHUP)

/** On a set's ready list: an item, or the mark of a thread that walks the list. */
struct ready_entry {
	struct list link;
	bool is_mark;
};

struct eventpoll {
	struct atomic refs; /* its file, and each item */
	spinlock_t
		lock; /* interrupts off: all up to ->nested, and the fields of items that are marked so */
	struct rb_root items; /* by file, then descriptor */
	struct list ready;
	u32 nr_ready;		/* items on the ready list */
	bool nested;		/* is or was in another set: changes take epoll_nest_mutex */
	struct wait_queue wait; /* epoll_wait(): exclusive waiters */
	struct wait_queue
		poll_wait; /* poll() of the set's own descriptor, and sets that hold this one */
	struct cred *cred; /* of its creator, whose user is charged for the watches */
	/* Under epoll_nest_mutex: */
	struct list inner;	    /* items of this set whose files are sets */
	struct list outer;	    /* items of other sets for this one */
	u64 below_walk, above_walk; /* which walk computed the next two */
	u32 below, above;	    /* longest chains of sets inside and outside of this one */
};

/** A wait queue of the file that the item waits on. */
struct item_hook {
	struct waiter waiter;
	struct wait_queue *queue;
	struct item_hook *next;
};
#define ITEM_HOOKS 2u /* that need no memory of their own */

struct eventpoll_item {
	struct eventpoll *set; /* counted */
	struct file *file;     /* not counted: eventpoll_release() is called before it is freed */
	u32 fd;
	struct atomic refs; /* the file's list, and each thread that looks at it */
	struct eventpoll_item *next_of_file,
		**link_of_file; /* file->eventpoll; under the file's watch lock */
	/* Under set->lock: */
	struct rb_node node;
	struct ready_entry ready; /* empty: not ready */
	u32 events;		  /* wanted, with the private bits */
	u32 wakes;		  /* counts the wake-ups from the file's queues */
	u64 data;
	bool dead;    /* removed from the set, so that it is not found any more */
	bool hooking; /* the thread that adds it still calls the poll method */
	/* Used by the thread that adds it, later by the one that detaches it: */
	bool failed; /* no memory for a hook */
	u32 nr_hooks;
	struct item_hook hooks[ITEM_HOOKS], *more_hooks;
	struct poll_table table;
	/* Under epoll_nest_mutex: */
	struct list inner_link, outer_link; /* empty: its file is no set */
	struct eventpoll_item *checked_next;
};

/** Guards how sets hold sets, and, with ->nested, what is in them. Outside of all locks of epoll; never held over a file's method. */
extern struct mutex epoll_nest_mutex;

/**
 * May @p set hold @p inner? epoll_nest_mutex held.
 * @return 0, -ELOOP: the chain would be too long, or closed
 */
int __must_check epoll_nest_check(struct eventpoll *set, struct eventpoll *inner);
/**
 * After item @p item was added to a nested set, or for a set: is the number of paths of a wake-up within the limit?
 * epoll_nest_mutex held. Files that were looked at stay counted, chained at *@p checked, until
 * epoll_put_checked() is called without the mutex.
 * @return 0 or -EINVAL
 */
int __must_check epoll_nest_count(struct eventpoll_item *item, struct eventpoll_item **checked);
void epoll_put_checked(struct eventpoll_item *checked);

/* ---- epoll.c: the ready list; set->lock held ---- */

static inline bool epoll_item_is_ready(const struct eventpoll_item *item)
{
	return !list_empty(&item->ready.link);
}
/** @brief Put an item on the ready list unless it is on it or dead. */
void epoll_ready_add_locked(struct eventpoll_item *item);
void epoll_ready_remove_locked(struct eventpoll_item *item);

/* ---- epoll.c: sets and items ---- */

/** @brief Wake the threads that wait for events of the set, with no lock of it held. */
void epoll_wake_waiters(struct eventpoll *set);
/** @brief poll_table.add of an item: put a hook on a wait queue of its file. */
void epoll_hook_add(struct poll_table *poll, struct wait_queue *queue);
/** @brief Ask the file which events are ready. The caller counts the file, and holds no lock. */
static inline u32 epoll_item_ask(struct eventpoll_item *item, struct poll_table *table)
{
	return file_poll(item->file, table) & ~EPOLL_PRIVATE_BITS;
}
/**
 * @brief Find (@p f, @p fd) in a set. set->lock held.
 * @param parent, link  NULL, or filled if there is none: where rb_insert() would put it
 */
struct eventpoll_item *epoll_item_find(struct eventpoll *set, const struct file *f, u32 fd,
				       struct rb_node **parent, struct rb_node ***link);
/** @brief Take an item out of its set. set->lock held. Unless it is ->hooking, the caller then detaches it. */
void epoll_item_kill_locked(struct eventpoll_item *item);
/** @brief Take a dead item off its file, which the caller counts or ends, and drop it. */
void epoll_item_detach(struct eventpoll_item *item);
/** @brief Is an item of the set ready? Asks files; sleeps. epoll_wait.c */
bool epoll_any_ready(struct eventpoll *set);
/** The item behind (@p f, @p fd) in order; NULL: none. set->lock held. */
struct eventpoll_item *epoll_item_after(struct eventpoll *set, const struct file *f, u32 fd);
/** The set that @p f is, or NULL. */
struct eventpoll *epoll_of_file(const struct file *f);
void epoll_item_put(struct eventpoll_item *item);
/** Guards the list of items of a file. Innermost. */
spinlock_t *epoll_watch_lock(const struct file *f);
