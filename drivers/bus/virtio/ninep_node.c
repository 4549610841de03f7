// SPDX-License-Identifier: MIT
/*
 * Fids, and the files that the kernel knows.
 *
 * The table has one node for each file whose number the kernel was told and has not given back (ninep_release()). Each
 * look-up replaces the fid that was walked to: the other side knows it by a path, and the latest is the one that exists.
 */
#include "ninep.h"

#define TYPE_MASK   0170000u
#define TYPE_FOLDER 0040000u
#define TYPE_FILE   0100000u

/* Linux's flags of open(). */
#define O_RDONLY    0u
#define O_WRONLY    1u
#define O_RDWR	    2u
#define O_LARGEFILE 0100000u
#define O_DIRECTORY 0200000u
#define O_NOFOLLOW  0400000u

/* ---- fids ---- */

struct ninep_fid *ninep_fid_new(struct ninep_session *session)
{
	struct ninep_fid *fid = banos_alloc(session->self, sizeof(*fid), 0);

	if (!fid)
		return NULL;
	fid->users = 1;
	banos_spin_lock(&session->lock);
	fid->number = session->next_fid++;
	banos_spin_unlock(&session->lock);
	return fid;
}

static void fid_clunk(struct ninep_session *session, const struct ninep_fid *fid)
{
	struct ninep_call call;

	if (ninep_call_begin(&call, session, NINEP_CLUNK, 0))
		return;
	ninep_put(&call.out, fid->number, 4);
	ninep_call_leave(&call);
	ninep_call_end(&call);
}

void ninep_fid_put(struct ninep_session *session, struct ninep_fid *fid, uint32_t is_known)
{
	uint32_t users;

	if (!fid)
		return;
	banos_spin_lock(&session->lock);
	users = --fid->users;
	banos_spin_unlock(&session->lock);
	if (users)
		return;
	if (is_known)
		fid_clunk(session, fid);
	banos_free(session->self, fid);
}

int64_t ninep_walk(struct ninep_session *session, const struct ninep_fid *from, const char *name,
		   uint32_t length, struct ninep_fid **to)
{
	struct ninep_fid *fid = ninep_fid_new(session);
	struct ninep_call call;
	int64_t error;

	if (!fid)
		return -ENOMEM;
	error = ninep_call_begin(&call, session, NINEP_WALK, 0);
	if (!error) {
		ninep_put(&call.out, from->number, 4);
		ninep_put(&call.out, fid->number, 4);
		ninep_put(&call.out, length != 0, 2);
		if (length)
			ninep_put_text(&call.out, name, length);
		error = ninep_call_send(&call, 0);
		if (!error && ninep_get(&call.in, 2) != (length != 0))
			error = -EIO;
		ninep_call_end(&call);
	}
	if (error) {
		ninep_fid_put(session, fid, 0);
		return error;
	}
	*to = fid;
	return 0;
}

int64_t ninep_getattr(struct ninep_session *session, const struct ninep_fid *fid,
		      struct ninep_attr *attr)
{
	struct ninep_call call;
	int64_t error = ninep_call_begin(&call, session, NINEP_GETATTR, 0);

	if (error)
		return error;
	ninep_put(&call.out, fid->number, 4);
	ninep_put(&call.out, NINEP_GET_BASIC, 8);
	error = ninep_call_send(&call, 0);
	if (!error)
		error = ninep_get_attr(&call.in, attr);
	ninep_call_end(&call);
	return error;
}

/* ---- the table; session->lock held ---- */

static struct ninep_node **node_chain(struct ninep_session *session, uint64_t path)
{
	return &session->nodes[(path * 0x9e3779b97f4a7c15ull >> 32) % NINEP_NODES];
}

static struct ninep_node *ninep_node_find(struct ninep_session *session, uint64_t path)
{
	struct ninep_node *node = *node_chain(session, path);

	while (node && node->path != path)
		node = node->next;
	return node;
}

static struct ninep_fid *fid_use(struct ninep_fid *fid)
{
	if (fid)
		fid->users++;
	return fid;
}

/* ---- nodes ---- */

struct ninep_fid *ninep_node_walked(struct ninep_session *session, uint64_t path)
{
	struct ninep_fid *fid = NULL;
	struct ninep_node *node;

	banos_spin_lock(&session->lock);
	node = ninep_node_find(session, path);
	if (node)
		fid = fid_use(node->walked);
	banos_spin_unlock(&session->lock);
	return fid;
}

struct ninep_fid *ninep_node_any(struct ninep_session *session, uint64_t path)
{
	struct ninep_fid *fid = NULL;
	struct ninep_node *node;

	banos_spin_lock(&session->lock);
	node = ninep_node_find(session, path);
	if (node)
		fid = fid_use(node->open[OPEN_READ]);
	if (node && !fid)
		fid = fid_use(node->walked);
	banos_spin_unlock(&session->lock);
	return fid;
}

int64_t ninep_node_give(struct ninep_session *session, const struct ninep_attr *attr,
			struct ninep_fid *fid)
{
	struct ninep_node *fresh = banos_alloc(session->self, sizeof(*fresh), 0), *node;
	struct ninep_fid *old = NULL;

	if (!fresh) {
		ninep_fid_put(session, fid, 1);
		return -ENOMEM;
	}
	banos_spin_lock(&session->lock);
	node = ninep_node_find(session, attr->qid.path);
	if (node) {
		old = node->walked;
	} else {
		struct ninep_node **chain = node_chain(session, attr->qid.path);

		node = fresh;
		fresh = NULL;
		node->path = attr->qid.path;
		node->next = *chain;
		*chain = node;
	}
	node->walked = fid;
	node->mode = attr->mode;
	node->given++;
	banos_spin_unlock(&session->lock);
	ninep_fid_put(session, old, 1);
	if (fresh)
		banos_free(session->self, fresh);
	return 0;
}

static void ninep_node_free(struct ninep_session *session, struct ninep_node *node)
{
	ninep_fid_put(session, node->walked, 1);
	for (uint32_t way = 0; way < 2; way++)
		ninep_fid_put(session, node->open[way], 1);
	banos_free(session->self, node);
}

int64_t ninep_release(void *fs, uint64_t path, uint64_t times)
{
	struct ninep_session *session = fs;
	struct ninep_node **link, *node;

	banos_spin_lock(&session->lock);
	link = node_chain(session, path);
	while (*link && (*link)->path != path)
		link = &(*link)->next;
	node = *link;
	if (node && node->given > times) {
		node->given -= times;
		node = NULL;
	}
	if (node)
		*link = node->next;
	banos_spin_unlock(&session->lock);
	if (node)
		ninep_node_free(session, node);
	return 0;
}

void ninep_nodes_free(struct ninep_session *session)
{
	for (uint32_t i = 0; i < NINEP_NODES; i++)
		while (session->nodes[i]) {
			struct ninep_node *node = session->nodes[i];

			session->nodes[i] = node->next;
			ninep_node_free(session, node);
		}
}

/* ---- open ones ---- */

/* The kernel has a node by its number: it stays, unless release() comes meanwhile. */
static void node_set_open(struct ninep_session *session, uint64_t path, uint32_t ways,
			  struct ninep_fid *fid)
{
	struct ninep_node *node;

	banos_spin_lock(&session->lock);
	node = ninep_node_find(session, path);
	for (uint32_t way = 0; way < 2 && node; way++)
		if (ways >> way & 1 && !node->open[way])
			node->open[way] = fid_use(fid);
	banos_spin_unlock(&session->lock);
}

void ninep_node_opened(struct ninep_session *session, uint64_t path, struct ninep_fid *fid)
{
	node_set_open(session, path, 1u << OPEN_READ | 1u << OPEN_WRITE, fid);
}

static int64_t fid_open(struct ninep_session *session, const struct ninep_fid *fid, uint32_t flags)
{
	struct ninep_call call;
	int64_t error = ninep_call_begin(&call, session, NINEP_LOPEN, 0);

	if (error)
		return error;
	ninep_put(&call.out, fid->number, 4);
	ninep_put(&call.out, flags | O_LARGEFILE | O_NOFOLLOW, 4);
	error = ninep_call_send(&call, 0);
	ninep_call_end(&call);
	return error;
}

/* @return the node's fid that is open that way, or the one to walk from (*@p is_open 0), counted; NULL: none */
static struct ninep_fid *node_look(struct ninep_session *session, uint64_t path, uint32_t way,
				   uint32_t *is_open, uint32_t *mode)
{
	struct ninep_fid *fid = NULL;
	struct ninep_node *node;

	*is_open = 0;
	banos_spin_lock(&session->lock);
	node = ninep_node_find(session, path);
	if (node) {
		*mode = node->mode & TYPE_MASK;
		*is_open = node->open[way] != NULL;
		if (way == OPEN_WRITE)
			node->is_written = 1;
		fid = fid_use(*is_open ? node->open[way] : node->walked);
	}
	banos_spin_unlock(&session->lock);
	return fid;
}

/* Open @p walked anew. @param flags  O_... @return 0 */
static int64_t open_anew(struct ninep_session *session, const struct ninep_fid *walked,
			 uint32_t flags, struct ninep_fid **to)
{
	int64_t error = ninep_walk(session, walked, NULL, 0, to);

	if (error)
		return error;
	error = fid_open(session, *to, flags);
	if (error)
		ninep_fid_put(session, *to, 1);
	return error;
}

int64_t ninep_node_open(struct ninep_session *session, uint64_t path, uint32_t way,
			struct ninep_fid **to)
{
	uint32_t is_open, mode = 0, flags = way == OPEN_WRITE ? O_WRONLY : O_RDONLY;
	struct ninep_fid *fid = node_look(session, path, way, &is_open, &mode);
	int64_t error = 0;

	if (!fid)
		return -ESTALE;
	*to = fid;
	if (is_open)
		return 0;
	if (mode == TYPE_FOLDER)
		flags |= O_DIRECTORY;
	else if (mode != TYPE_FILE) /* opening a pipe could wait for ever */
		error = -EINVAL;
	if (!error)
		error = open_anew(session, fid, flags, to);
	ninep_fid_put(session, fid, 1);
	if (!error)
		node_set_open(session, path, 1u << way, *to);
	return error;
}

void ninep_node_keep(struct ninep_session *session, uint64_t path)
{
	uint32_t is_open, mode = 0, ways = 1u << OPEN_READ | 1u << OPEN_WRITE;
	struct ninep_fid *fid = node_look(session, path, OPEN_READ, &is_open, &mode), *opened;
	int64_t error = -EINVAL;

	if (!is_open && mode == TYPE_FILE)
		error = open_anew(session, fid, O_RDWR, &opened);
	if (error == -EACCES || error == -ETXTBSY || error == -EPERM) {
		ways = 1u << OPEN_READ;
		error = open_anew(session, fid, O_RDONLY, &opened);
	}
	ninep_fid_put(session, fid, 1);
	if (error)
		return;
	node_set_open(session, path, ways, opened);
	ninep_fid_put(session, opened, 1);
}

/* ---- sync ---- */

/* The next file of a chain that was written, counted. */
static struct ninep_fid *written_next(struct ninep_session *session, uint32_t chain)
{
	struct ninep_fid *fid = NULL;
	struct ninep_node *node;

	banos_spin_lock(&session->lock);
	for (node = session->nodes[chain]; node && !fid; node = node->next)
		if (node->is_written) {
			node->is_written = 0;
			fid = fid_use(node->open[OPEN_WRITE]);
		}
	banos_spin_unlock(&session->lock);
	return fid;
}

int64_t ninep_sync(void *fs)
{
	struct ninep_session *session = fs;
	int64_t error = 0, failed;

	for (uint32_t i = 0; i < NINEP_NODES; i++) {
		struct ninep_fid *fid;

		while ((fid = written_next(session, i))) {
			failed = ninep_simple(session, NINEP_FSYNC, fid);
			ninep_fid_put(session, fid, 1);
			if (!error)
				error = failed;
		}
	}
	return error;
}
