/* SPDX-License-Identifier: MIT */
/**
 * @file internal.h  Disks, devices, queues, requests.
 *
 *	struct disk		what programs see: a name, a size, partitions. It outlives its device
 *	struct block_device	one instance of a driver's disk: limits, methods, queues
 *	struct block_queue	a queue of the driver: transfers that wait, requests by tag
 *	struct block_request	what has a tag: several transfers, or a piece of one
 *
 * Locks, outermost first:
 *   disks_lock		(mutex, disk.c) lists of disks, names, claims
 *   device->lock	(mutex) thread, resets, the end of a device
 *   queue->lock	(spin) all of a queue; inside it only that of a wait queue
 *   waits_lock		(spin, replace.c) disks that wait for a driver
 * None is held while a method of a device is called.
 */
#pragma once
#include <kernel/block_driver.h>
#include <kernel/err.h>
#include <kernel/lock.h>
#include <kernel/time.h>
#include <kernel/wait.h>

/* ---- requests ---- */

/* block_request.state: generation, whether it is out, threads that use its buffer. */
#define REQUEST_USERS	   0x7fffffffull
#define REQUEST_OUT	   0x80000000ull
#define REQUEST_GENERATION (1ull << 32)

/** Of block_io.ended. */
enum block_io_end { IO_OUT, IO_ENDING, IO_ENDED };

/** What becomes of a request when the last user of its buffer leaves. */
enum request_fate { FATE_END, FATE_AGAIN, FATE_PARK };

struct block_request {
	u64 seal;
	u64 state;
	struct block_queue *queue;
	const struct owner *root; /* whose driver has it */
	struct list ios;	  /* transfers that are whole in it, in the order of the disk */
	struct block_io *part;	  /* or the one of which it is a piece; else NULL */
	struct block_io *first;	  /* where its bytes begin: transfer, */
	u32 vec, vec_offset;	  /* ... and place there */
	u64 position, bytes;	  /* on the whole disk */
	u64 sent_ns, deadline_ns;
	s32 error;
	u16 tag;
	u8 op, flags;
	u8 fate;     /* enum request_fate */
	u8 resets;   /* after which it was submitted again */
	bool mapped; /* the device may access its pages */
	bool crooked; /* its pieces do not meet the device's limits: it is mapped by way of @bounce */
	u8 bounce_order;
	struct page *bounce; /* or NULL */
	struct list again;   /* queue->again */
} __aligned(64);

/* ---- queues ---- */

/** Of one operation. */
struct block_counts {
	u64 requests, merged, bytes, ns;
};

struct block_queue {
	spinlock_t lock; /* all of it, but @batch: the submitter's */
	bool submitting; /* a thread is the submitter */
	bool stalled;	 /* the driver took fewer than it was offered: wait */
	bool paused;	 /* by a reset */
	bool closed;	 /* by the end of the device */
	u32 index, depth;
	u32 nout;	     /* tags in use */
	struct list waiting; /* block_io.link */
	struct list again;   /* requests that have a tag, and are to be submitted (first) */
	struct block_device *device;
	struct block_request *requests;	   /* depth of them */
	struct banos_block_request *batch; /* a page that the driver may read */
	u64 *tags;			   /* bitmap: in use */
	struct block_counts counts[BLOCK_OPS];
	u64 busy_ns, busy_since_ns; /* time with something out */
} __aligned(64);
#define BATCH_MAX 32u

/* ---- devices ---- */

struct block_device {
	struct block_limits limits;
	const struct block_methods *methods;
	void *private;
	struct owner *root;
	struct bus_device *bus;
	u32 flags, nqueues, depth;
	u64 timeout_ns;
	struct disk *disk;	     /* counted */
	struct block_queue **queues; /* nqueues */
	u8 queue_of_cpu[CPU_MAX];

	struct mutex lock; /* published, closing, thread_calls */
	bool published;
	bool closing; /* block_device_stop() has begun: no method is called from now on */
	bool left;    /* then: the disk waits for another driver */

	struct timer timer __aligned(64); /* runs while requests are out */
	struct wait_queue wait;		  /* of the thread; and who waits for submitters to leave */
	struct thread *thread;		  /* counted by itself */
	bool run, check, end; /* what it has to do: queues that nobody submits; deadlines; end */
	bool thread_calls;    /* it is in timeout() or reset() */
	struct atomic refs;   /* the thread's, and the creator's */
	u64 refused;	      /* completions of what was not out */
	struct rcu_head rcu;
};

/* ---- disks ---- */

/** Of one processor: what ended there. */
struct partition_counts {
	struct block_counts of[BLOCK_OPS];
} __aligned(64);

enum disk_state { DISK_HIDDEN, DISK_LIVE, DISK_GONE };

struct disk {
	struct disk *whole;	     /* itself, or counted */
	struct block_device *device; /* of a whole one; RCU; NULL: gone */
	u64 start, bytes;
	u32 block_mask; /* block size - 1 */
	u32 flags;	/* BANOS_BLOCK_... */
	bool readonly;	/* by BLKROSET, or the table */
	bool no_tables; /* none are looked for */
	struct atomic refs;
	struct list link; /* all disks, by id; under disks_lock */
	u64 id;
	u32 state; /* enum disk_state; under disks_lock */
	dev_t dev;
	bool node; /* it is in /dev */
	void *holder;
	u32 holders;		      /* of a whole one: claims of partitions */
	u32 users;		      /* of a whole one: files and claims, also of partitions */
	bool pinned;		      /* of a whole one: they keep its device */
	bool twin;		      /* another one of its device looks the same */
	const struct bus_device *bus; /* of a whole one: its device's. For comparing */
	struct disk_wait *wait;	      /* of a whole one without a device; under waits_lock */
	u32 physical_bytes;
	u64 request_bytes;
	struct partition_about *about;	 /* of a partition */
	struct partition_counts *counts; /* of a partition: one for each processor */
	struct disk_files *files;	 /* in /sys */
	char name[DISK_NAME_SIZE], serial[64], model[64];
	char place[32];	    /* on its device; may be empty */
	char path[88];	    /* disk_path() */
	char bus_path[112]; /* of its device, below /sys; may be empty */
};

/* ---- disk.c ---- */

/** @brief A whole disk with a name, hidden. @return ERR_PTR(-EEXIST), ERR_PTR(-ENOSPC), ERR_PTR(-ENOMEM) */
struct disk *__must_check disk_create(const struct block_device_config *config);
/** @brief Show it, or continue it where it waits. @return 0 or -errno */
int __must_check disk_show(struct disk *disk, struct block_device *device);
/** @brief Take it away, if that is its device: no transfer reaches it any more. */
void disk_hide(struct disk *disk, const struct block_device *device);
/** @brief A disk in use loses its device, and waits. @return false: it is not in use, or has another device */
bool disk_leave_device(struct disk *disk, const struct block_device *device,
		       struct disk_wait *wait);
/** @brief Take it away, if @p wait is in vain. @return was it? */
bool disk_give_up(struct disk *disk, struct disk_wait *wait);
/** @brief Its name is free. */
void disk_forget(struct disk *disk);
void disk_resized(struct disk *whole, u64 bytes);

/* ---- proc.c, sysfs.c ---- */

struct seq_file;
void disk_proc_init(void);
/** @brief A transfer of a partition has ended. */
void partition_count(const struct block_io *io);
/** @brief What has been transferred: the columns of /proc/diskstats behind the name. */
void disk_show_stat(struct seq_file *seq, const struct disk *disk);
void disk_sysfs_add(struct disk *disk);
void disk_sysfs_remove(struct disk *disk);

/* ---- request.c ---- */

extern u64 request_secret;
static inline u64 request_seal(const struct block_request *request)
{
	return (u64)request ^ request_secret;
}
u64 request_handle(const struct block_request *request);
/**
 * @brief Make a request of what waits first in its queue, with what follows it there.
 * @param request  with a tag, idle
 */
void request_build_locked(struct block_request *request);
/** @brief It is out from now on. @param entry  out: as the driver sees it */
void request_send_locked(struct block_request *request, u64 now_ns,
			 struct banos_block_request *entry);
/**
 * @brief End that it is out. Then request_release().
 * @return false: it was not out
 */
bool request_claim(struct block_request *request, enum request_fate fate, int error);
/** @brief The user leaves. @return true: it was the last one of a request that was claimed: request_retire() */
bool request_release(struct block_request *request);
/** @brief Undo the mapping. */
void request_unmap(struct block_request *request);
/** @brief Its device may still access its pages: keep them until it was stopped. */
void request_quarantine(struct block_request *request);

/* ---- complete.c ---- */

/** @brief Of a claimed request that nobody uses. Any context but a hard interrupt. */
void request_retire(struct block_request *request);
/** @brief End a transfer. */
void block_io_end(struct block_io *io, int error);
/** @brief A piece of one that is split has ended; @p again: all of it is to be submitted again. */
void block_piece_end(struct block_io *io, int error, bool again);

/* ---- replace.c ---- */

/** @brief The driver goes: keep the disk for the next one, if it is in use. Sleeps. @return does it wait? */
bool disk_wait_begin(struct block_device *device);
void disk_wait_install(struct disk *disk, struct disk_wait *wait);
/** @brief End it, if there is nothing to wait for; the disk goes with it. Under disks_lock. */
bool disk_wait_give_up(struct disk_wait *wait);
/** @brief The old driver has nothing any more. */
void disk_wait_ready(struct disk *disk);
/** @brief Does a disk on the same device look the same? */
bool disk_is_twin(const struct disk *disk, const struct block_device_config *config);
/** @brief The disk that waits for this one; counted, NULL: none. Then disk_show(), or disk_wait_give_back(). */
struct disk *disk_wait_take(const struct block_device_config *config);
/** @return false: it does not wait any more */
bool disk_wait_give_back(struct disk *disk);
/** @brief Its device has been set: submit what was parked. */
void disk_wait_resume(struct disk *disk, struct block_device *device);
/** @brief Keep a transfer, to be submitted from its beginning, for the next device. @return false: there is nothing to wait for */
bool block_io_park(struct block_io *io);
/** @brief The same for a list of them; those that cannot be kept end. */
void block_ios_park(struct list *ios);

/* ---- submit.c ---- */

/** @brief Submit what waits; the caller has set queue->submitting. Sleeps. */
void queue_run(struct block_queue *queue);
/** @brief Should a thread become the submitter? */
static inline bool queue_wants_locked(const struct block_queue *queue)
{
	assert_held(&queue->lock);
	return !queue->submitting && !queue->stalled && !queue->paused && !queue->closed &&
	       (!list_empty(&queue->again) ||
		(!list_empty(&queue->waiting) && queue->nout < queue->depth));
}

/* ---- device.c ---- */

/** @brief No queue accepts anything any more; what waits ends with @p error. */
void block_device_close(struct block_device *device, int error);
/** @brief End the requests that are out, or are to be submitted again. @return how many are left: threads use their buffers */
u32 block_device_end_requests(struct block_device *device, int error);
/** @brief Are there submitters? */
bool block_device_is_submitting(struct block_device *device);
/** @brief The last one frees it, a grace period later. */
void block_device_put(struct block_device *device);

/* ---- thread.c ---- */

/** @brief Let the device's thread look after its queues. Any context. */
void block_thread_kick(struct block_device *device);
int __must_check block_thread_start(struct block_device *device);
