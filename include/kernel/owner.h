/* SPDX-License-Identifier: MIT */
/**
 * @file owner.h  Owners of the resources that drivers obtain, and the handles that name these.
 *
 * Owners form a tree: a driver's instance at the root, below it the devices
 * that it serves. Each resource that a driver obtains is a struct owned on the list
 * of one owner, of one class. owner_sweep() releases all that a tree still
 * owns: first what can lead into the driver (OWNED_ENTRY), then what runs on its
 * behalf (OWNED_ACTIVE), then the rest; children before parents, newest first.
 *
 * A driver names an object by its handle: a 64-bit number, never used twice,
 * good for one class. Objects are counted, and freed after a grace period, so
 * that a handle given up by one thread while another uses it does no harm.
 *
 * Locks: root owner's ->lock (spin, any context): lists, counts, accounts and state of its
 * tree. Inside it: the lock of the handles.
 */
#pragma once
#include <kernel/atomic.h>
#include <kernel/handle.h>
#include <kernel/list.h>
#include <kernel/lock.h>
#include <kernel/time.h>
#include <kernel/wait.h>

/** Classes of what can be owned; for accounts and leak reports. */
enum owned_kind {
	OWNED_CHARDEV,
	OWNED_MEMORY,
	OWNED_TIMER,
	OWNED_WORK,
	OWNED_THREAD,
	OWNED_MUTEX,
	OWNED_WAIT,
	OWNED_SYMBOL,
	OWNED_FIRMWARE,
	OWNED_BUS,
	OWNED_DEVICE,
	OWNED_PROBER,
	OWNED_MMIO,
	OWNED_PORTS,
	OWNED_DMA,
	OWNED_IRQ,
	OWNED_CALLBACK,
	OWNED_WATCH,
	OWNED_BLOCK,
	OWNED_FILESYSTEM,
	OWNED_MOUNT,
	OWNED_DISK_PROBER,
	OWNED_FAMILY,
	OWNED_NET,
	OWNED_PROTOCOL,
	OWNED_PACKET_HOOK,
	OWNED_IP_PROTOCOL,
	OWNED_PACKETS,
	OWNED_RANDOM_SOURCE,
	OWNED_SCHEDULER,
	OWNED_KINDS,
	HANDLE_OWNER = OWNED_KINDS, /* not owned, but has a handle */
};
/** When owner_sweep() takes it back. */
enum owned_phase { OWNED_ENTRY, OWNED_ACTIVE, OWNED_PASSIVE, OWNED_PHASES };

struct owned;
struct thread;
struct owned_class {
	const char *name, *names; /* "timer", "timers" */
	u8 kind;		  /* enum owned_kind */
	u8 phase;		  /* enum owned_phase; OWNED_ENTRY is never a leak */
	bool no_leak;		  /* no driver can release it */
	u32 bytes;		  /* of the kernel's memory that one takes */
	bool late; /* published when its driver can be depended on: it makes others look for drivers */
	/**
	 * Make it inert: after this it calls no function of the driver, and none runs. Called
	 * after it was taken off its owner's list. May sleep, until @p deadline_ns; NULL: nothing to do.
	 * @return 0; -EBUSY: it does not end yet, which is logged (it stays
	 *	   owned, with its handle, and stop() is called again)
	 */
	int (*stop)(struct owned *o, u64 deadline_ns);
	/**
	 * Make it visible: of OWNED_ENTRY, once init() succeeded. May sleep.
	 * @return 0 or why not
	 */
	int (*publish)(struct owned *o);
	/** Its owner was closed: wake the threads that sleep on it. May not sleep. NULL: nothing to do. */
	void (*closed)(struct owned *o);
	/** No reference is left, a grace period has passed. May not sleep. */
	void (*free)(struct owned *o);
};

/** The timers and work of an owner, which run one after the other: banos/api/worker.c. */
struct owner_lane {
	struct list tasks;     /* that wait */
	struct list link;      /* of lanes that wait for a thread; empty: it does not */
	struct thread *thread; /* that calls a function of it; NULL: none */
	u32 members;	       /* tasks that exist; 0: the lists are not initialised */
};

struct owner {
	struct owner *parent, *root;
	struct list children, sibling;
	struct list owned[OWNED_PHASES]; /* newest first */
	spinlock_t lock;		 /* root's is used */
	u64 handle;			 /* 0: the kernel's own */
	const char *name;		 /* of the driver or device; for messages */
	bool closed;			 /* it, and what is below it, obtains nothing more */
	u64 stop_by_ns;		   /* it is being removed: the deadline of that; 0: it is not */
	bool live, live_late;	   /* what it registers is visible at once */
	struct bus_device *device; /* the device on a bus that it represents, or NULL; bus.h */
	u32 counts[OWNED_KINDS];   /* root's: of the whole tree */
	struct owner_lane lane;
	u64 bytes;	   /* root's: that its driver has asked for: memory, DMA buffers, files */
	u64 charged;	   /* root's: of the machine's memory, for all that the tree owns */
	u64 share_said_ns; /* root's: when its driver last had used up its share */
	u32 mutexes;	   /* initialised for it and not destroyed */
	u32 allocations;   /* small ones, of its own */
	struct wait_queue mutex_waiters; /* root's: threads that wait for a mutex of its driver */
	u32 gate_slot;			 /* offset of its counters in struct cpu; gate.h */
	u64 code, code_end;		 /* root's: where its functions lie */
	u64 data, data_end; /* root's: where its variables lie, of a driver from a file */
#ifdef CONFIG_GATE_ABANDON
	bool failed; /* root's: a function of it faulted; it is not called any more */
#endif
#ifdef CONFIG_GATE_WALL
	struct wall *wall; /* root's: of a driver from a file; wall.h */
#endif
	struct list watches; /* struct owner_watch; owner_watch.c */
	void *private;	     /* the driver's instance; NULL: the kernel's own */
	struct rcu_head rcu;
};

struct owned {
	struct list link;
	struct owner *owner; /* NULL once it was given up */
	const struct owned_class *class;
	struct atomic refs;
	bool published; /* publish() was called, or is being called */
	u64 handle;	/* 0: none */
	u64 bytes;	/* that owner_charge() charged for it; given back with it */
	struct rcu_head rcu;
};

/**
 * Resources of which an owner may have very many: they are on no list, have no handle, and
 * are counted by the code that creates them.
 */
struct owned_many {
	const struct owned_class *class; /* OWNED_PASSIVE; name and kind for the report */
	/**
	 * Release some of what this very owner has; under its root's lock.
	 * @return how many; 0: it has none
	 */
	u32 (*release_locked)(struct owner *owner);
};
#define MANY_KINDS_MAX 2u
/** @brief Start-up: let owner_sweep() release these, too. */
void owned_many_register(const struct owned_many *many);

/**
 * @brief Prepare an owner in storage of the caller's.
 * @param parent   NULL: a root
 * @param private  the driver's instance; NULL: an owner of the kernel's own, which has no handle and creates
 *		   none for what it owns, so that no driver can name it
 * @return 0, -ENOMEM
 */
int __must_check owner_init(struct owner *owner, struct owner *parent, const char *name,
			    void *private);
/** @brief The end of an owner that was swept: its handle is void. The storage may be freed after a grace period. */
void owner_destroy(struct owner *owner);
/** @brief This owner and those below it obtain nothing more; what can sleep is woken. */
void owner_close(struct owner *owner);
/** @brief Was it, or one above it, closed? Any context. */
static inline bool owner_is_closed(const struct owner *owner)
{
	for (; owner; owner = owner->parent)
		if (READ_ONCE(owner->closed))
			return true;
	return false;
}
/** @brief Was any owner of the same tree closed, and is not gone yet? Any context, without the root's lock. */
bool owner_has_closed(const struct owner *owner);
/** @brief An owner by handle; NULL: none. It exists as long as the driver that named it is pinned. Any context. */
struct owner *owner_find(u64 handle);
/** @brief Does @p addr lie in the code of this owner's driver? */
static inline bool owner_has_code(const struct owner *owner, const void *addr)
{
	return (u64)addr >= owner->root->code && (u64)addr < owner->root->code_end;
}
/** The time that the release of a driver's resource may take before it fails with -EBUSY. */
#define OWNER_STOP_LIMIT_NS (10 * NSEC_PER_SEC)
/** @brief The resources below this owner that are stopped from now on share one time limit. */
void owner_stop_begin(struct owner *owner);
void owner_stop_end(struct owner *owner);
/** @brief The deadline for stopping a resource of this owner. */
u64 owner_stop_deadline(const struct owner *owner);
/** Reports the objects of a class that were left when their owner was swept. */
typedef void (*owner_report)(struct owner *o, const struct owned_class *c, u32 count);
/**
 * @brief Release what an owner and those below it still own.
 * @param report  NULL, or called for each class of which something was left, with how many
 * @param phases  bit mask of 1 << enum owned_phase
 * @return 0; -EBUSY: something does not end; call again later
 */
int __must_check owner_sweep(struct owner *owner, u32 phases, owner_report report);

/**
 * @brief Init, or probe, succeeded: publish what it registered, oldest first. Each owner for itself.
 * @return 0 or the first error
 */
int __must_check owner_publish(struct owner *owner);
/** @brief The same, afterwards, for the objects with class->late; another thread may be removing the owner meanwhile. */
void owner_publish_late(struct owner *owner);
/** @brief Publish @p owned now if its owner is live, else when it will be. @return 0 or why not */
int __must_check owned_publish(struct owned *owned);
/** @brief The last step of registering what owned_add_held() added: publish it, remove it if that fails, owned_put(). @return 0 or why not */
int __must_check owned_offer(struct owned *owned);

/**
 * @brief Put something on an owner's list, counted once for it.
 * @param with_handle  create a handle for it, too, unless it is the kernel's own
 * @return 0, -ENODEV: the owner is closed, -ENOMEM. Any context.
 */
int __must_check owned_add(struct owner *owner, struct owned *owned,
			   const struct owned_class *class, bool with_handle);
/**
 * @brief The same, and count it for the caller, too. What is on its owner's list another thread may remove at once, and free;
 * so whoever touches it afterwards adds it by this. If this succeeds it is no more the caller's to free.
 */
int __must_check owned_add_held(struct owner *owner, struct owned *owned,
				const struct owned_class *class, bool with_handle);
/** @brief The handle of what owned_add_held() added, then owned_put(). @return void already, or 0, where another thread removed it */
u64 owned_put_handle(struct owned *owned);
/**
 * @brief Release: off the list, handle void, class->stop(), owner's reference dropped. If stop()
 * fails, nothing has changed.
 * @return 0; -EINVAL: another thread was first; the result of stop()
 */
int owned_remove(struct owned *owned);
/**
 * @brief Take what has ended by itself, and has no handle, off its list: stop() is not called, the
 * owner's reference is dropped. Any context.
 * @param root  of its owner. Unless another thread was first, it may be gone when this returns.
 * @return false: another thread was first, and stops it
 */
bool owned_end(struct owned *owned, struct owner *root);
/** @brief An object by handle, counted; NULL: no such thing. Any context. */
struct owned *owned_get(u64 handle, const struct owned_class *class);
/** @brief owned_get() without counting it: valid under rcu_read_lock(). */
static inline struct owned *owned_peek(u64 handle, const struct owned_class *class)
{
	struct owned *owned = handle_find(handle, class->kind);

	assert_rcu_read();
	if (likely(owned && owned->class == class))
		return owned;
	return NULL;
}
void owned_put(struct owned *owned);

/* ---- those that are told when an owner is gone (owner_watch.c) ---- */

/** In storage of the caller's, linked to the owner. */
struct owner_watch {
	struct list link;
	const void *key;			 /* no two of an owner are equal */
	void (*hold)(struct owner_watch *watch); /* count a reference; may not sleep */
	/**
	 * Tell, owner_unwatch(), and drop that reference. Sleeps, until @p deadline_ns.
	 * @return 0; -EBUSY: it has not ended, which is logged: it is called again later
	 */
	int (*tell)(struct owner_watch *watch, u64 deadline_ns);
};
/** @brief Be told. Any context. @return 0; -ENODEV: @p owner was closed; -EEXIST: it has a watch with that key */
int __must_check owner_watch(struct owner *owner, struct owner_watch *watch);
/** @brief Not any more; nothing happens where it was not linked. Any context. */
void owner_unwatch(struct owner_watch *watch);
/** @brief Tell all, now that a closed owner is the cause of no further call. Sleeps. @return 0, -EBUSY: call again later */
int __must_check owner_tell_gone(struct owner *owner);

/** A driver may hold this part of the memory of the machine: 1/OWNER_SHARE, for all its resources together. */
#define OWNER_SHARE 8u
/**
 * @brief Charge the tree of @p owner for @p bytes before they are allocated. Any context.
 * @return 0; -ENOMEM: its share is used up, which is logged
 */
int __must_check owner_charge(struct owner *owner, u64 bytes);
/** @brief The same, for what does not count in owner->bytes; root's lock is held. */
int __must_check owner_charge_locked(struct owner *owner, u64 bytes);
/** @brief The opposite of owner_charge(). Any context. */
void owner_uncharge(struct owner *owner, u64 bytes);
/** @brief One more mutex. @return 0, -ENODEV: the owner is closed. Any context. */
int __must_check owner_count_mutex(struct owner *owner);
/** @brief One less. Any context. */
void owner_uncount_mutex(struct owner *owner);
/** @brief Start-up, before the first driver; the machine's memory is known. */
void owner_system_init(void);
