/* SPDX-License-Identifier: MIT */
/**
 * @file ninep.h  Folders of the machine that runs this one (9P2000.L over Virtio): what the files of the driver share.
 *
 * A device offers one folder, under a tag. A mount of it is a session: the device is opened, and all that the other side
 * knows of us ends with it.
 *
 * Calls. A message and its reply lie in a slot, memory of the device. A slot belongs to whoever called; what the device
 * may still write, since its caller has given up, stays with the device, and is free when it comes back. A call waits WAIT_FIRM_NS
 * whatever happens, then until a signal, at most for CALL_LIMIT_NS; then the other side is told to forget it (flush).
 *
 * Fids. The other side knows files by numbers that we choose, and never use again. A node has one that was walked to, and, once it was read or
 * written, open ones, so that a file without a name can still be read. Their users are counted; the last one sends CLUNK, whose reply
 * nobody waits for.
 *
 * Locks: ninep_mutex: the list of devices, which session uses which. session->lock (spin): slots' states, users, the
 * table of nodes, fids' counts.
 */
#pragma once
#include <banos/buffer.h>
#include <banos/bus.h>
#include <banos/callback.h>
#include <banos/dma.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/filesystem.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include <banos/time.h>
#include <banos/wait.h>
#include "ninep_options.h"
#include "ninep_wire.h"
#include "virtio.h"

#define NINEP_SLOTS	 16u /* and one for flushes */
#define NINEP_SLOT_FLUSH NINEP_SLOTS
#define NINEP_SMALL_BYTES \
	8192u /* of a message without data: two names, or a name and a link's text */
#define NINEP_NODES	1024u /* chains in the table */
#define NINEP_TAG_BYTES 256u

enum slot_state {
	SLOT_FREE,
	SLOT_TAKEN, /* by a caller; the device does not know it */
	SLOT_SENT,  /* the device has it */
	SLOT_DONE,  /* it came back */
	SLOT_LEFT   /* the device has it, and nobody waits */
};

struct ninep_slot {
	struct banos_wait wait;
	banos_dma dma;
	uint8_t *memory; /* a small message, a small reply, then either of full size */
	uint64_t address;
	enum slot_state state;
	uint32_t length; /* of the reply */
};

struct ninep_fid {
	uint32_t number;
	uint32_t users;
};

/** A file that the kernel knows. */
struct ninep_node {
	struct ninep_node *next;
	uint64_t path;	/* its number */
	uint64_t given; /* how often the kernel was told of it */
	uint32_t mode;
	uint32_t is_written; /* since the last sync */
	struct ninep_fid *walked;
	struct ninep_fid *open[2]; /* for reading, for writing; may be the same */
};
#define OPEN_READ  0u
#define OPEN_WRITE 1u

struct ninep_session {
	banos_owner self;
	struct ninep_device *device; /* NULL: it is gone. ninep_mutex */
	banos_owner virtio; /* the device's owner, valid while there are users and it is not dead */
	struct banos_spinlock lock;
	uint32_t is_dead; /* no call begins */
	uint32_t users;	  /* calls that run */
	uint32_t msize;
	uint32_t next_fid;
	struct banos_wait free_wait; /* for a free slot, and for the end of users */
	struct ninep_slot slots[NINEP_SLOTS + 1];
	struct ninep_options options;
	uint64_t root;
	struct ninep_node *nodes[NINEP_NODES];
};

struct ninep_device {
	banos_owner owner;
	struct ninep_device *next;
	struct ninep_session *session; /* that uses it */
	banos_callback callback;
	char tag[NINEP_TAG_BYTES];
};

/* ---- calls (ninep_call.c) ---- */

/** A call: out is to be filled, in is its reply. */
struct ninep_call {
	struct ninep_session *session;
	struct ninep_slot *slot;
	struct ninep_out out;
	struct ninep_in in;
	uint32_t flags;
	uint8_t type;
};
#define CALL_SENDS_DATA	   1u /* the message may be of full size */
#define CALL_RECEIVES_DATA 2u /* the reply may */

/**
 * Begin a call; ninep_call_end() follows where this returned 0.
 * @return 0, -EIO: the device is gone, or does not answer; -ERESTART: a signal; -ENOMEM
 */
int64_t ninep_call_begin(struct ninep_call *call, struct ninep_session *session, uint8_t type,
			 uint32_t flags);
/** Send it, with @p data bytes behind what was put, and wait for the reply. @return 0, or its error */
int64_t ninep_call_send(struct ninep_call *call, uint32_t data);
/** Send it, and do not wait: instead of ninep_call_send(). */
void ninep_call_leave(struct ninep_call *call);
void ninep_call_end(struct ninep_call *call);
int64_t ninep_session_start(struct ninep_session *session, banos_callback callback);
/** What the device has returned. */
void ninep_session_take(struct ninep_session *session);
/** No call begins from now on, and none runs when this returns. */
void ninep_session_end_calls(struct ninep_session *session);
/** The other side is not to be trusted any more. */
void ninep_session_kill(struct ninep_session *session);
void ninep_session_free_slots(struct ninep_session *session, int64_t is_stuck);
int64_t ninep_session_init(struct ninep_session *session);
void ninep_session_destroy(struct ninep_session *session);

/* ---- nodes (ninep_node.c) ---- */

/** A fid that the other side does not know yet, counted. @return NULL: no memory */
struct ninep_fid *ninep_fid_new(struct ninep_session *session);
/** One use less. @param is_known  0: the other side does not know it */
void ninep_fid_put(struct ninep_session *session, struct ninep_fid *fid, uint32_t is_known);
/** Walk from @p from by a name (@p length 0: none) to a new fid. @return 0; *@p to is counted */
int64_t ninep_walk(struct ninep_session *session, const struct ninep_fid *from, const char *name,
		   uint32_t length, struct ninep_fid **to);
int64_t ninep_getattr(struct ninep_session *session, const struct ninep_fid *fid,
		      struct ninep_attr *attr);
/** The fid of a node to walk from, counted. @return NULL: no such node */
struct ninep_fid *ninep_node_walked(struct ninep_session *session, uint64_t path);
/** One that is good for questions, an open one if there is one. */
struct ninep_fid *ninep_node_any(struct ninep_session *session, uint64_t path);
/** The kernel is told of a node, which @p fid leads to; takes over its use. @return 0, -ENOMEM */
int64_t ninep_node_give(struct ninep_session *session, const struct ninep_attr *attr,
			struct ninep_fid *fid);
/** An open fid, counted. @param way  OPEN_READ, OPEN_WRITE @return 0 */
int64_t ninep_node_open(struct ninep_session *session, uint64_t path, uint32_t way,
			struct ninep_fid **to);
/** @p fid was opened both ways, by the creation of a node. */
void ninep_node_opened(struct ninep_session *session, uint64_t path, struct ninep_fid *fid);
/** A name of it will end: keep what is in use readable. */
void ninep_node_keep(struct ninep_session *session, uint64_t path);
int64_t ninep_release(void *fs, uint64_t node, uint64_t times);
int64_t ninep_sync(void *fs);
void ninep_nodes_free(struct ninep_session *session);
/** A whole call whose message is a fid, and whose reply has no content. */
int64_t ninep_simple(struct ninep_session *session, uint8_t type, const struct ninep_fid *fid);

/* ---- methods ---- */

void ninep_fill_attr(const struct ninep_attr *from, struct banos_attr *to);
/** Mount and so on (ninep.c); names (ninep_names.c); data and attributes (ninep_data.c, ninep_xattr.c). */
int64_t ninep_lookup(void *fs, uint64_t dir, const char *name, uint32_t length,
		     struct banos_attr *attr);
int64_t ninep_create(void *fs, uint64_t dir, const char *name, uint32_t length,
		     const struct banos_create *what, struct banos_attr *attr);
int64_t ninep_link(void *fs, uint64_t node, uint64_t dir, const char *name, uint32_t length,
		   struct banos_attr *attr);
int64_t ninep_unlink(void *fs, uint64_t dir, const char *name, uint32_t length, uint64_t node);
int64_t ninep_rmdir(void *fs, uint64_t dir, const char *name, uint32_t length, uint64_t node);
int64_t ninep_rename(void *fs, const struct banos_rename *what);
int64_t ninep_readdir(void *fs, uint64_t dir, uint64_t cookie, uint8_t *to, uint32_t length);
int64_t ninep_readlink(void *fs, uint64_t node, char *to, uint32_t length);
int64_t ninep_getattr_method(void *fs, uint64_t node, struct banos_attr *attr);
int64_t ninep_setattr(void *fs, uint64_t node, uint32_t which, const struct banos_attr *attr);
int64_t ninep_read(void *fs, uint64_t node, banos_buffer to, uint64_t length, uint64_t offset);
int64_t ninep_write(void *fs, uint64_t node, banos_buffer from, uint64_t length, uint64_t offset);
int64_t ninep_statfs(void *fs, struct banos_statfs *to);
int64_t ninep_getxattr(void *fs, uint64_t node, const char *name, uint8_t *to, uint32_t length);
int64_t ninep_listxattr(void *fs, uint64_t node, char *to, uint32_t length);
int64_t ninep_setxattr(void *fs, uint64_t node, const char *name, const void *from, uint32_t length,
		       uint32_t flags);
int64_t ninep_removexattr(void *fs, uint64_t node, const char *name);
int64_t ninep_set(struct ninep_session *session, const struct ninep_fid *fid, uint32_t valid,
		  const struct banos_attr *attr);
