// SPDX-License-Identifier: MIT
/* Names of files of the other side: looked up, created, removed, moved, listed. */
#include "ninep.h"

#define TYPE_MASK   0170000u
#define TYPE_FILE   0100000u
#define TYPE_FOLDER 0040000u
#define TYPE_LINK   0120000u
#define RIGHTS_MASK 07777u

#define O_CREAT	    0100u
#define O_EXCL	    0200u
#define O_RDWR	    2u
#define O_LARGEFILE 0100000u

#define COOKIE_END   \
	(INT64_MAX - \
	 7) /* stands for those behind it, which the kernel has no room for: a host's last one */
#define ROUNDS_MAX 64u /* replies without a name */

static int64_t fid_of(struct ninep_session *session, uint64_t node, struct ninep_fid **to)
{
	*to = ninep_node_walked(session, node);
	if (!*to)
		return -ESTALE;
	return 0;
}

/* Walk from @p dir to a name, and tell the kernel of what is there. @p what: as it was created; NULL: it was not */
static int64_t find_and_give(struct ninep_session *session, const struct ninep_fid *dir,
			     const char *name, uint32_t length, const struct banos_create *what,
			     struct ninep_attr *attr)
{
	struct ninep_fid *fid;
	int64_t error = ninep_walk(session, dir, name, length, &fid);

	if (error)
		return error;
	error = ninep_getattr(session, fid, attr);
	if (!error && what) {
		struct banos_attr wanted = { .mode = what->mode,
					     .uid = what->uid,
					     .gid = what->gid };
		uint32_t valid = 0;

		/* The other side has a umask, and may not know who asks; that it refuses is no reason to fail. */
		if (attr->uid != what->uid)
			valid |= NINEP_SET_UID;
		if (attr->gid != what->gid)
			valid |= NINEP_SET_GID;
		if ((attr->mode ^ what->mode) & RIGHTS_MASK &&
		    (what->mode & TYPE_MASK) != TYPE_LINK)
			valid |= NINEP_SET_MODE;
		if (valid && !ninep_set(session, fid, valid, &wanted))
			error = ninep_getattr(session, fid, attr);
	}
	if (error) {
		ninep_fid_put(session, fid, 1);
		return error;
	}
	return ninep_node_give(session, attr, fid);
}

int64_t ninep_lookup(void *fs, uint64_t dir, const char *name, uint32_t length,
		     struct banos_attr *to)
{
	struct ninep_session *session = fs;
	struct ninep_attr attr;
	struct ninep_fid *fid;
	int64_t error = fid_of(session, dir, &fid);

	if (error)
		return error;
	error = find_and_give(session, fid, name, length, NULL, &attr);
	ninep_fid_put(session, fid, 1);
	if (!error)
		ninep_fill_attr(&attr, to);
	return error;
}

/* ---- something new ---- */

/* A file: *@p opened is open for reading and writing, counted. */
static int64_t create_file(struct ninep_session *session, const struct ninep_fid *dir,
			   const char *name, uint32_t length, const struct banos_create *what,
			   struct ninep_fid **opened)
{
	struct ninep_call call;
	int64_t error = ninep_walk(session, dir, NULL, 0, opened);

	if (error)
		return error;
	error = ninep_call_begin(&call, session, NINEP_LCREATE, 0);
	if (!error) {
		ninep_put(&call.out, (*opened)->number, 4);
		ninep_put_text(&call.out, name, length);
		ninep_put(&call.out, O_RDWR | O_CREAT | O_EXCL | O_LARGEFILE, 4);
		ninep_put(&call.out, what->mode & RIGHTS_MASK, 4);
		ninep_put(&call.out, what->gid, 4);
		error = ninep_call_send(&call, 0);
		ninep_call_end(&call);
	}
	if (error) {
		ninep_fid_put(session, *opened, 1);
		*opened = NULL;
	}
	return error;
}

static int64_t create_other(struct ninep_session *session, const struct ninep_fid *dir,
			    const char *name, uint32_t length, const struct banos_create *what)
{
	uint32_t type = what->mode & TYPE_MASK, message = NINEP_MKNOD;
	struct ninep_call call;
	int64_t error;

	if (type == TYPE_FOLDER)
		message = NINEP_MKDIR;
	if (type == TYPE_LINK)
		message = NINEP_SYMLINK;
	error = ninep_call_begin(&call, session, (uint8_t)message, 0);
	if (error)
		return error;
	ninep_put(&call.out, dir->number, 4);
	ninep_put_text(&call.out, name, length);
	if (message == NINEP_SYMLINK)
		ninep_put_text(&call.out, what->target, (uint32_t)strlen(what->target));
	else
		ninep_put(&call.out, what->mode, 4);
	if (message == NINEP_MKNOD) {
		ninep_put(&call.out, what->rdev_major, 4);
		ninep_put(&call.out, what->rdev_minor, 4);
	}
	ninep_put(&call.out, what->gid, 4);
	error = ninep_call_send(&call, 0);
	ninep_call_end(&call);
	return error;
}

int64_t ninep_create(void *fs, uint64_t dir, const char *name, uint32_t length,
		     const struct banos_create *what, struct banos_attr *to)
{
	struct ninep_session *session = fs;
	struct ninep_fid *fid, *opened = NULL;
	struct ninep_attr attr;
	int64_t error = fid_of(session, dir, &fid);

	if (error)
		return error;
	if ((what->mode & TYPE_MASK) == TYPE_FILE)
		error = create_file(session, fid, name, length, what, &opened);
	else
		error = create_other(session, fid, name, length, what);
	if (!error)
		error = find_and_give(session, fid, name, length, what, &attr);
	if (!error) {
		if (opened)
			ninep_node_opened(session, attr.qid.path, opened);
		ninep_fill_attr(&attr, to);
	}
	ninep_fid_put(session, opened, 1);
	ninep_fid_put(session, fid, 1);
	return error;
}

int64_t ninep_link(void *fs, uint64_t node, uint64_t dir, const char *name, uint32_t length,
		   struct banos_attr *to)
{
	struct ninep_session *session = fs;
	struct ninep_fid *folder, *fid;
	struct ninep_attr attr;
	struct ninep_call call;
	int64_t error = fid_of(session, dir, &folder);

	if (error)
		return error;
	error = fid_of(session, node, &fid);
	if (!error)
		error = ninep_call_begin(&call, session, NINEP_LINK, 0);
	if (!error) {
		ninep_put(&call.out, folder->number, 4);
		ninep_put(&call.out, fid->number, 4);
		ninep_put_text(&call.out, name, length);
		error = ninep_call_send(&call, 0);
		ninep_call_end(&call);
	}
	if (!error)
		error = ninep_getattr(session, fid, &attr);
	if (!error)
		ninep_fill_attr(&attr, to);
	ninep_fid_put(session, fid, 1);
	ninep_fid_put(session, folder, 1);
	return error;
}

/* ---- names that end, and move ---- */

static int64_t name_remove(struct ninep_session *session, uint64_t dir, const char *name,
			   uint32_t length, uint32_t flags)
{
	struct ninep_call call;
	struct ninep_fid *fid;
	int64_t error = fid_of(session, dir, &fid);

	if (error)
		return error;
	error = ninep_call_begin(&call, session, NINEP_UNLINKAT, 0);
	if (!error) {
		ninep_put(&call.out, fid->number, 4);
		ninep_put_text(&call.out, name, length);
		ninep_put(&call.out, flags, 4);
		error = ninep_call_send(&call, 0);
		ninep_call_end(&call);
	}
	ninep_fid_put(session, fid, 1);
	return error;
}

int64_t ninep_unlink(void *fs, uint64_t dir, const char *name, uint32_t length, uint64_t node)
{
	ninep_node_keep(fs, node);
	return name_remove(fs, dir, name, length, 0);
}

int64_t ninep_rmdir(void *fs, uint64_t dir, const char *name, uint32_t length, uint64_t node)
{
	return name_remove(fs, dir, name, length, NINEP_REMOVE_FOLDER);
}

int64_t ninep_rename(void *fs, const struct banos_rename *what)
{
	struct ninep_session *session = fs;
	struct ninep_fid *from, *to;
	struct ninep_call call;
	int64_t error;

	if (what->flags & ~BANOS_RENAME_REPLACE)
		return -EINVAL;
	error = fid_of(session, what->old_dir, &from);
	if (error)
		return error;
	if (what->flags & BANOS_RENAME_REPLACE)
		ninep_node_keep(session, what->new_node);
	error = fid_of(session, what->new_dir, &to);
	if (!error)
		error = ninep_call_begin(&call, session, NINEP_RENAMEAT, 0);
	if (!error) {
		ninep_put(&call.out, from->number, 4);
		ninep_put_text(&call.out, what->old_name, (uint32_t)strlen(what->old_name));
		ninep_put(&call.out, to->number, 4);
		ninep_put_text(&call.out, what->new_name, (uint32_t)strlen(what->new_name));
		error = ninep_call_send(&call, 0);
		ninep_call_end(&call);
	}
	ninep_fid_put(session, to, 1);
	ninep_fid_put(session, from, 1);
	return error;
}

/* ---- listing ---- */

static uint32_t entry_is_dots(const struct ninep_entry *entry)
{
	return entry->name[0] == '.' &&
	       (entry->name_bytes == 1 || (entry->name_bytes == 2 && entry->name[1] == '.'));
}

static uint64_t cookie_of(uint64_t host)
{
	return host < COOKIE_END ? host : COOKIE_END;
}

/* Pass entries of a reply on, as many as fit. @return bytes written; 0: none but dots; *@p cookie: of the last one */
static int64_t entries_pass(struct ninep_in *in, uint8_t *to, uint32_t length, uint64_t *cookie)
{
	struct ninep_entry entry;
	uint32_t written = 0;
	int64_t more;

	while ((more = ninep_get_entry(in, &entry)) == 1) {
		struct banos_directory_entry *next = (void *)(to + written);
		uint32_t bytes = (BANOS_DIRECTORY_NAME + entry.name_bytes + 7) & ~7u;

		if (bytes < sizeof(*next))
			bytes = sizeof(*next);
		*cookie = cookie_of(entry.cookie);
		if (entry_is_dots(&entry))
			continue;
		if (bytes > length - written)
			return written;
		next->node = entry.qid.path;
		next->cookie = *cookie;
		next->record_bytes = (uint16_t)bytes;
		next->type = entry.type & 15;
		next->name_bytes = (uint8_t)entry.name_bytes;
		memcpy(to + written + BANOS_DIRECTORY_NAME, entry.name, entry.name_bytes);
		written += bytes;
	}
	return more < 0 && !written ? more : written;
}

/* One READDIR. @return as entries_pass(); *@p is_end: there is nothing behind */
static int64_t ninep_list_some(struct ninep_session *session, const struct ninep_fid *fid,
			       uint64_t *cookie, uint8_t *to, uint32_t length, uint32_t *is_end)
{
	uint32_t most = session->msize - NINEP_HEAD_BYTES - 4, got;
	struct ninep_call call;
	int64_t result = ninep_call_begin(&call, session, NINEP_READDIR, CALL_RECEIVES_DATA);

	if (result)
		return result;
	/* Too little for one name would look like the end. */
	if (length > NINEP_MSIZE_LEAST / 2 && length < most)
		most = length;
	ninep_put(&call.out, fid->number, 4);
	ninep_put(&call.out, *cookie, 8);
	ninep_put(&call.out, most, 4);
	result = ninep_call_send(&call, 0);
	if (!result) {
		got = (uint32_t)ninep_get(&call.in, 4);
		*is_end = !got;
		if (call.in.is_bad || got > call.in.left)
			result = -EIO;
		call.in.left = got;
	}
	if (!result)
		result = entries_pass(&call.in, to, length, cookie);
	ninep_call_end(&call);
	return result;
}

int64_t ninep_readdir(void *fs, uint64_t dir, uint64_t cookie, uint8_t *to, uint32_t length)
{
	struct ninep_session *session = fs;
	uint32_t is_end = cookie == COOKIE_END;
	struct ninep_fid *fid;
	int64_t result = ninep_node_open(session, dir, OPEN_READ, &fid);

	if (result)
		return result;
	for (uint32_t rounds = 0; !result && !is_end; rounds++) {
		uint64_t before = cookie;

		if (rounds == ROUNDS_MAX) {
			result = -EIO;
			break;
		}
		result = ninep_list_some(session, fid, &cookie, to, length, &is_end);
		if (cookie == COOKIE_END || cookie == before)
			is_end = 1;
	}
	ninep_fid_put(session, fid, 1);
	return result;
}
