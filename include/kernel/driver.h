/* SPDX-License-Identifier: MIT */
/**
 * @file driver.h  Drivers in the system: each installed or built-in instance.
 *
 *	LOADING -> LIVE -> GOING -> (drained, exit, swept) -> freed
 *
 * Locks, outermost first:
 *   drivers_lock	(mutex) the list, ids, states, uses, exported names. Held for
 *			moments: never across a call into a driver.
 *   owner->lock	(spin) what a driver owns; owner.h
 *
 * What prevents a removal: with a long pin (an open file, a dependent driver) it fails
 * with EBUSY; files can be revoked, and then give up their pins. One atomic word holds their number and DRIVER_GOING_PIN, so that the
 * check for pins and the refusal of new ones are one step. The same bit refuses
 * pins until the driver is live. Calls are counted by the gate; removal waits for
 * those. A reference (driver_get) keeps only the structure.
 */
#pragma once
#include <kernel/driver_heap.h>
#include <kernel/gate.h>
#include <kernel/loader.h>
#include <kernel/rbtree.h>
#include <kernel/signature.h>
#include <kernel/symbols.h>
#include <kernel/wait.h>
#include <uapi/banos.h>

struct proc_entry;
struct worker_pool;
struct builtin_driver;
struct device_pattern;
struct slot_group;
struct seq_file;

/** An exported name; provider NULL: the kernel. */
struct export
{
	struct export *next; /* of its hash bucket, oldest first among equals */
	const char *name;
	u64 address;
	u32 hash;
	struct driver *provider;
	const struct signature *signature; /* NULL: integers and handles */
};

/** One driver depends on another. */
struct driver_use {
	struct list by_user, by_exporter; /* driver->uses, driver->users */
	struct driver *user, *exporter;
	u32 count; /* for imports and each look-up at run time */
	u32 moved; /* the same, of exporters whose successor this one is: the sum of its user's ties to them */
	bool named; /* depends on it by the driver's name */
};

/** The same once the exporter is gone: its slots stay as long. */
struct driver_tie {
	struct list by_user, by_exporter; /* driver->ties, driver->tied */
	struct driver *user, *exporter;
	u32 count;
	bool named;
};

struct driver {
	struct owner owner; /* first */
	struct list link;   /* drivers, by id */
	s64 id;		    /* -1: none yet */
	u32 state;	    /* enum banos_driver_state */
	bool builtin, exited;
	bool refused; /* init() failed: what it leaves is no leak */
	bool in_sys;  /* /sys/module has a folder of its name; under sys_module.c's lock */
	struct atomic refs;
	struct atomic pins; /* and DRIVER_GOING_PIN */
	struct wait_queue pins_wait;
	bool revoked;  /* so that only importers keep it, not files; set with DRIVER_GOING_PIN */
	bool removing; /* a removal is at it; not a lock, since the driver runs meanwhile */
	u32 level;
	char name[BANOS_NAME_SIZE], version[BANOS_VERSION_SIZE], licence[BANOS_LICENCE_SIZE];
	char description[BANOS_DESCRIPTION_SIZE];

	struct load_image image; /* of a built-in one only the functions to be called */
	struct symbol_range range;
	struct export *exports;
	u32 nexports;
	struct signature *signatures;  /* of exports; or NULL */
	struct device_pattern *serves; /* <kernel/bus.h> */
	u32 nserves;
	struct list uses, users, stubs; /* under drivers_lock */
	struct slot_group **slots; /* of its exports that others use, under drivers_lock; or NULL */
	u32 nslots;
	/* Its functions were taken over; banos/life/successor.c; under drivers_lock */
	struct list ties, tied;	  /* as an importer; as an exporter that is gone */
	struct list remnant_link; /* while somebody is tied to it */
	struct driver *successor; /* counted; NULL: none */
	bool succeeded, dismantled;
	u64 quiet;  /* the last round that saw no call in it */
	u64 search; /* the last one that met it; uses.c */
	struct driver *search_next;
	struct rb_root memory;	     /* large allocations; under owner.lock; banos/api/memory.c */
	struct driver_heap heap;     /* small ones; the same */
	struct worker_pool *workers; /* run timers and work; banos/api/worker.c */
	struct proc_entry *proc;
	struct {
		spinlock_t lock;
		u64 since_ns;
		u32 said, unsaid;
	} mistakes; /* banos/api/caller.c */
	struct rcu_head rcu;
};
#define DRIVER_GOING_PIN 0x40000000

extern struct mutex drivers_lock;
extern struct list drivers;
extern u32 driver_count;

static inline struct driver *owner_driver(const struct owner *o)
{
	return o->root->private;
}

/* ---- instances (banos/life/driver.c) ---- */

/** @brief A driver without a name, LOADING, one reference. NULL: no memory, or too many. Sleeps. */
struct driver *driver_create(void);
void driver_get(struct driver *driver);
/** @brief The last one frees the structure; the image was freed before. Any context. */
void driver_put(struct driver *driver);
/** @brief Lowest id at or above @p id, counted; NULL: none. */
struct driver *driver_find(s64 id);
/** @brief The newest one of that name in that state, counted; NULL: none. With drivers_lock held. */
struct driver *driver_find_name_locked(const char *name, u32 state);
/** @brief Prevent its removal. @return false: it is being removed. Any context. */
bool driver_pin(struct driver *driver);
void driver_unpin(struct driver *driver);
u32 driver_pin_count(const struct driver *driver);
void driver_set_description(struct driver *driver, const struct banos_driver_record *record);
/** @brief Copy which devices it serves from its records, which were checked. @return 0, -ENOMEM */
int __must_check driver_take_serves(struct driver *driver, const u8 *records, u64 size);
/** @brief Constructors, then init(). @return its result, checked */
int driver_run_init(struct driver *driver, struct report *report);
/** @brief exit(), then destructors. */
void driver_run_exit(struct driver *driver);
/** @brief Publish what init() registered, and set LIVE. On failure nothing has changed. */
int __must_check driver_publish(struct driver *driver);
/**
 * @brief Constructors, init(), publish; after success another thread may remove it at any time.
 * @param report  why not
 * @return 0, what init() returned, or why it cannot be published; then driver_undo()
 */
int __must_check driver_start(struct driver *driver, struct report *report);
/**
 * @brief Undo the installation of a driver that was refused or did not start, in reverse order:
 * exit() where init() succeeded, destructors where constructors ran (d->exit, d->nfini). If a
 * thread of it does not end, the driver remains as GOING, to be removed later.
 */
void driver_undo(struct driver *driver);
/** @brief Set GOING: its exported names are withdrawn. */
void driver_withdraw(struct driver *driver);
/** @brief The same with drivers_lock held. */
void driver_withdraw_locked(struct driver *driver);
/**
 * @brief After driver_withdraw(): wait for running calls, call exit(), release all that it owns,
 * image, uses and slots freed. The caller limits the time by owner_stop_begin().
 * @return 0; -EBUSY: a part of it does not end; call again later
 */
int __must_check driver_end(struct driver *driver);
/** @brief It could not be removed: keep it in the list as GOING, so that the removal can be repeated. */
void driver_leave_behind(struct driver *driver);

/* ---- install and remove ---- */

/** The arguments of banos_install(). */
struct install_request {
	const u8 *file; /* the kernel's own copy */
	u64 size;
	const char *params;   /* or NULL */
	u32 flags;	      /* BANOS_INSTALL_* */
	bool once;	      /* refuse what is part of the kernel's image: EEXIST */
	struct report report; /* driver_report_init() initialised it; the caller destroys it */
	bool init_failed;     /* out: its init() was run, and is why */
};
/** @brief Start a report on a driver. */
void driver_report_init(struct report *report);
/** @brief Close the report, and log its lines; @p quiet: as debugging messages. */
void driver_report_log(struct report *report, bool quiet);
/** @brief @p size bytes, also many; not zeroed. Sleeps. NULL: no memory */
void *driver_buffer_alloc(size_t size);
void driver_buffer_free(void *buffer);
/** @brief Sleeps. @return id or 0 for a dry run, negative errno with reasons in the report */
s64 driver_install(struct install_request *r);
/**
 * @brief Remove a driver. Context: a thread, without locks; sleeps.
 * @param flags   BANOS_REMOVE_WAIT, or any of BANOS_REMOVE_REVOKE and BANOS_REMOVE_REPLACE
 * @param report  driver_report_init() initialised it: receives why not, and which processes, drivers
 *		  and threads are why; the caller destroys it
 * @return 0; -EBUSY: in use, or a part of it does not end; -ENOENT: another removal was faster;
 *	   -EINTR: with BANOS_REMOVE_WAIT a signal arrived first
 */
int __must_check driver_remove(struct driver *driver, u32 flags, struct report *report);
/** @brief Add which drivers and processes use it, at least one sentence. Sleeps, without locks. */
void driver_report_users(struct driver *driver, struct report *report);
/** @brief Add which threads are inside it. Any thread context. */
void driver_report_threads(const struct driver *driver, struct report *report);
/** @brief Start the drivers that are linked into the kernel. */
void drivers_start_builtin(void);

/* ---- privilege (banos/privilege.c) ---- */

/** What a program requests. */
enum driver_request {
	DRIVER_REQUEST_INSTALL, /* a further driver; refused once installs are locked */
	DRIVER_REQUEST_MANAGE,	/* remove, query, lock installs */
};
/**
 * @brief May the current process do this? To be called before any of its arguments is read.
 * Context: any thread of a process.
 * @return 0; -EPERM: it is not a super user, or installs are locked
 */
int __must_check driver_check_privilege(enum driver_request request);
/** @brief Refuse installs until the next boot. */
void driver_lock_installs(void);
bool driver_installs_forbidden(void);

/* ---- drivers that faulted (banos/life/failure.c) ---- */

#ifdef CONFIG_GATE_ABANDON
/** @brief Let a thread remove a live driver that has failed. */
void driver_remove_failed(struct driver *driver);
/** @brief Start-up. */
void failures_init(void);
#else
static inline void driver_remove_failed(struct driver *driver)
{
}
static inline void failures_init(void)
{
}
#endif

#ifdef CONFIG_GATE_WALL
/** @brief Start-up (banos/life/abandon.c). */
void abandon_init(void);
#else
static inline void abandon_init(void)
{
}
#endif

/* ---- exported names (banos/life/exports.c); with drivers_lock held ---- */

int __must_check exports_add(struct export *export, u32 n); /* 0 or -ENOMEM */
void exports_remove(struct export *export, u32 n);
struct export *export_find(const char *name);
/** @brief The same of one driver. */
struct export *export_find_of(const char *name, const struct driver *provider);
/** @brief Is another one bound to this name? */
bool export_shadowed(const struct export *export);
/** @brief Call @p fn for each name that the kernel itself exports. */
void exports_each(void (*fn)(const struct export *e, void *arg), void *arg);
int __must_check exports_init(void);
/** @brief An exported entry of a driver, from what the loader found. */
int __must_check driver_take_exports(struct driver *driver, const struct load_export *export,
				     u32 n);

/**
 * @brief Does the driver that exports @p name state other letters? Takes drivers_lock.
 * @param words  SIGNATURE_WORDS_SIZE bytes: who states what, where it does
 */
bool export_disagrees(const char *name, const char *letters, char *words);

/* ---- dependencies (banos/life/uses.c); with drivers_lock held ---- */

/** @brief @p user depends on @p exporter, once more. @return 0, -ENODEV: it is being removed, -ELOOP, -ENOMEM */
int __must_check use_add(struct driver *user, struct driver *exporter);
/** @brief Once less. */
void use_drop(struct driver *user, struct driver *exporter);
void uses_drop_all(struct driver *user);
/** @brief The use that @p user has of @p exporter. @return NULL: none */
struct driver_use *use_find(struct driver *user, struct driver *exporter);
/** @brief A use that counts nothing yet, in no list: pins @p exporter. @return NULL: no memory, or it is being removed */
struct driver_use *use_create(struct driver *exporter);
void use_insert(struct driver *user, struct driver_use *use);
/** @brief End a use, in lists or not. */
void use_free(struct driver_use *use);
/** @brief Does @p driver depend on @p on, over however many steps, or are they the same? */
bool driver_depends(struct driver *driver, struct driver *on);
/** @brief The same by the exporter's name, without the lock. @return also -ENOENT: no such driver is live */
int __must_check driver_depend(struct driver *user, const char *name);

/* ---- exporters that take over from others (banos/life/successor.c) ---- */

/**
 * @brief Let another live driver take over all that others use of @p driver, and begin its removal: DRIVER_GOING_PIN is
 * set, its names are withdrawn. Calls that run in it go on. Without users it only begins the removal. Takes drivers_lock; sleeps.
 * @param revokes  its files are revoked afterwards
 * @param report   receives why not: what each other driver lacks
 * @return 0; -EBUSY: no driver offers all of it, or files are open; -ENOMEM. Then nothing has changed
 */
int __must_check driver_replace(struct driver *driver, bool revokes, struct report *report);
/** @brief It has failed: those who use it do so no longer, until another takes over. Takes drivers_lock; sleeps. */
void driver_orphan(struct driver *driver);
/** @brief A driver is live: it takes over from those that failed, where it can. Takes drivers_lock; sleeps. */
void driver_adopt(struct driver *driver);
/** @brief Wait for calls on their way to @p driver from one that it succeeded. @return 0, -EBUSY: not until @p deadline_ns */
int __must_check successor_drain(struct driver *driver, u64 deadline_ns);
/** @brief One of the importers of an exporter that is gone uses it no longer, once. @return false: it is not tied to it */
bool tie_drop(struct driver *user, struct driver *exporter);
void ties_drop_all(struct driver *user);
/** @brief Free slots and counters of a driver that is gone, at once or with the last tie to it. Takes drivers_lock. */
void slots_release(struct driver *exporter);

/* ---- calls between drivers (banos/life/slots.c); with drivers_lock held ---- */

/** @brief The slot of an exported function of a driver. Sleeps. @return NULL: no memory */
struct call_slot *slot_of(const struct export *export);
#ifdef CONFIG_GATE_WALL
/** @brief The slot of a function of the kernel; NULL: one that runs with the driver's rights. */
struct call_slot *slot_of_kernel(const struct export *export);
/** @brief Where drivers find a function that runs with their rights. */
u64 function_for_drivers(const struct export *export);
/** @brief After exports_init(). @return 0, -ENOMEM */
int __must_check kernel_slots_init(const struct export *exports, u32 n);
#else
static inline struct call_slot *slot_of_kernel(const struct export *export)
{
	return NULL;
}
static inline u64 function_for_drivers(const struct export *export)
{
	return export->address;
}
static inline int __must_check kernel_slots_init(const struct export *exports, u32 n)
{
	return 0;
}
#endif
/** @brief The end of an exporter's slots, and signatures: nobody uses it any more. */
void slots_free(struct driver *exporter);
/** @brief The next slot that others are bound to, from @p number on, which becomes the one behind it. @return NULL: none */
struct call_slot *slot_next_bound(const struct driver *exporter, u32 *number);
/** @brief Nobody is bound to its slots any more. */
void slots_unbind(struct driver *exporter);
/** @brief From now on calls by way of @p slot enter the exporter of @p to. */
void slot_move(struct call_slot *slot, struct call_slot *to);
/** @brief From now on calls by way of @p slot return -ENODEV. */
void slot_kill(struct call_slot *slot);
extern u8 gate_dead_entry[], gate_absent_entry[];
extern struct call_slot gate_dead_slot;
/** @brief Code of @p user's that calls through @p slot. May sleep. @return its address, NULL: no memory */
void *stub_create(struct driver *user, struct call_slot *slot);
/** @brief Calls through it return -ENODEV from now on. */
void stub_kill(void *stub);
void stubs_free(struct driver *user);

/* ---- status (banos/life/account.c) ---- */

void account_add(struct driver *driver);
void account_remove(struct driver *driver);
void accounts_init(void);
/** @brief Create /proc/banos/drafts. Once, while booting. */
void drafts_init(void);
/** The drafts of the driver API that this kernel accepts; the last one is none. */
extern const struct draft drafts_offered[];
/** @brief The memory that it uses, in bytes. */
u64 driver_memory(const struct driver *driver);
/** @brief Start-up: /sys/module (banos/life/sys_module.c). */
void sys_modules_init(void);
/** @brief A driver of that name has left the list, or dropped a use: remove its entries from /sys/module. Sleeps, without locks. */
void sys_module_changed(const char *name);
/** @brief Counts changes of the list of drivers. Under drivers_lock. */
extern u64 drivers_generation;
void driver_query(struct driver *driver, struct banos_query *out);
const char *driver_state_name(const struct driver *driver);

/** @brief Start-up: exported names, /proc, built-in drivers. Thread context, before the first process. */
void banos_init(void);

/* ---- for the API (banos/api/) ---- */

/** @brief Timers and work of a driver: end its threads. @return 0, -EBUSY */
int __must_check driver_workers_stop(struct driver *driver);
struct file;
#define DEVICE_FILE_NAME_SIZE 64 /* as in struct banos_chardev_config */
/**
 * @brief Is this a file of a character device of this driver? Any context.
 * @param device  DEVICE_FILE_NAME_SIZE bytes: then the device's name below /dev
 */
bool driver_has_file(const struct driver *driver, const struct file *f, char *device);
struct poll_table;
/** @brief Start-up of banos/api/wait.c, once random numbers are available. */
void driver_locks_init(void);
/** @brief Start-up of banos/api/lock.c and memory.c. */
void driver_mutexes_init(void);
/** @brief The heap of a driver that is being created; of one that was swept. */
void driver_memory_prepare(struct driver *driver);
void driver_memory_end(struct driver *driver);
void driver_memory_init(void);
/** @brief A driver's wait object, counted; NULL: not initialised. */
struct owned *driver_wait_get(struct banos_wait *wait);
/** @brief Let a program's poll() wait there; the file keeps @p wait until it is closed. */
void driver_wait_watch(struct owned *wait, struct poll_table *table);
/** @brief Its owner was removed: wake the waiting threads, which check again. */
void driver_wait_wake(struct owned *wait);
