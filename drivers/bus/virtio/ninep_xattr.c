// SPDX-License-Identifier: MIT
/*
 * Extended attributes of files of the other side.
 *
 * XATTRWALK makes a fid whose data are an attribute's value, or all names; XATTRCREATE makes a copy of a file's fid one that
 * takes a value, which is set when that fid ends: so the end is waited for. Without bytes it removes the attribute, so an
 * empty value cannot be said, and is refused.
 */
#include "ninep.h"

#define XATTR_MAX   65536u
#define READ_HEAD   11u
#define WRITE_HEAD  23u
#define XATTR_THERE BANOS_XATTR_REPLACE

/* Copy @p length bytes of a fid's data. @return 0 */
static int64_t xattr_read(struct ninep_session *session, const struct ninep_fid *fid, uint8_t *to,
			  uint32_t length)
{
	for (uint32_t done = 0, got; done < length; done += got) {
		uint32_t most = session->msize - READ_HEAD;
		struct ninep_call call;
		int64_t error = ninep_call_begin(&call, session, NINEP_READ, CALL_RECEIVES_DATA);

		if (error)
			return error;
		if (length - done < most)
			most = length - done;
		ninep_put(&call.out, fid->number, 4);
		ninep_put(&call.out, done, 8);
		ninep_put(&call.out, most, 4);
		error = ninep_call_send(&call, 0);
		got = error ? 0 : (uint32_t)ninep_get(&call.in, 4);
		if (!error && (call.in.is_bad || !got || got > most || got > call.in.left))
			error = -EIO;
		if (!error)
			memcpy(to + done, call.in.at, got);
		ninep_call_end(&call);
		if (error)
			return error;
	}
	return 0;
}

/* @return a fid, counted, that leads to a value or, with the name "", to the names; *@p bytes: of them */
static int64_t xattr_walk(struct ninep_session *session, const struct ninep_fid *file,
			  const char *name, struct ninep_fid **to, uint64_t *bytes)
{
	struct ninep_fid *fid = ninep_fid_new(session);
	struct ninep_call call;
	int64_t error;

	if (!fid)
		return -ENOMEM;
	error = ninep_call_begin(&call, session, NINEP_XATTRWALK, 0);
	if (!error) {
		ninep_put(&call.out, file->number, 4);
		ninep_put(&call.out, fid->number, 4);
		ninep_put_text(&call.out, name, (uint32_t)strlen(name));
		error = ninep_call_send(&call, 0);
		if (!error) {
			*bytes = ninep_get(&call.in, 8);
			if (call.in.is_bad)
				error = -EIO;
		}
		ninep_call_end(&call);
	}
	if (error) {
		ninep_fid_put(session, fid, 0);
		return error;
	}
	*to = fid;
	return 0;
}

static int64_t node_xattr_get(struct ninep_session *session, uint64_t node, const char *name,
			      uint8_t *to, uint32_t length)
{
	struct ninep_fid *file = ninep_node_any(session, node), *fid;
	uint64_t bytes = 0;
	int64_t error;

	if (!file)
		return -ESTALE;
	error = xattr_walk(session, file, name, &fid, &bytes);
	ninep_fid_put(session, file, 1);
	if (error)
		return error;
	if (bytes > XATTR_MAX)
		error = -EIO;
	else if (length && bytes > length)
		error = -ERANGE;
	else if (length)
		error = xattr_read(session, fid, to, (uint32_t)bytes);
	ninep_fid_put(session, fid, 1);
	if (error)
		return error;
	return (int64_t)bytes;
}

int64_t ninep_getxattr(void *fs, uint64_t node, const char *name, uint8_t *to, uint32_t length)
{
	return node_xattr_get(fs, node, name, to, length);
}

int64_t ninep_listxattr(void *fs, uint64_t node, char *to, uint32_t length)
{
	return node_xattr_get(fs, node, "", (uint8_t *)to, length);
}

static int64_t xattr_write(struct ninep_session *session, const struct ninep_fid *fid,
			   const uint8_t *from, uint32_t length)
{
	for (uint32_t done = 0, took; done < length; done += took) {
		uint32_t most = session->msize - WRITE_HEAD;
		struct ninep_call call;
		int64_t error = ninep_call_begin(&call, session, NINEP_WRITE, CALL_SENDS_DATA);

		if (error)
			return error;
		if (length - done < most)
			most = length - done;
		memcpy(call.out.at + WRITE_HEAD, from + done, most);
		ninep_put(&call.out, fid->number, 4);
		ninep_put(&call.out, done, 8);
		ninep_put(&call.out, most, 4);
		error = ninep_call_send(&call, most);
		took = error ? 0 : (uint32_t)ninep_get(&call.in, 4);
		if (!error && (call.in.is_bad || !took || took > most))
			error = -EIO;
		ninep_call_end(&call);
		if (error)
			return error;
	}
	return 0;
}

static int64_t xattr_create(struct ninep_session *session, const struct ninep_fid *fid,
			    const char *name, uint32_t length, uint32_t flags)
{
	struct ninep_call call;
	int64_t error = ninep_call_begin(&call, session, NINEP_XATTRCREATE, 0);

	if (error)
		return error;
	ninep_put(&call.out, fid->number, 4);
	ninep_put_text(&call.out, name, (uint32_t)strlen(name));
	ninep_put(&call.out, length, 8);
	ninep_put(&call.out, flags, 4);
	error = ninep_call_send(&call, 0);
	ninep_call_end(&call);
	return error;
}

static int64_t node_xattr_set(struct ninep_session *session, uint64_t node, const char *name,
			      const uint8_t *from, uint32_t length, uint32_t flags)
{
	struct ninep_fid *file = ninep_node_walked(session, node), *fid;
	int64_t error, ended;

	if (!file)
		return -ESTALE;
	error = ninep_walk(session, file, NULL, 0, &fid);
	ninep_fid_put(session, file, 1);
	if (error)
		return error;
	error = xattr_create(session, fid, name, length, flags);
	if (!error && length)
		error = xattr_write(session, fid, from, length);
	ended = ninep_simple(session, NINEP_CLUNK, fid);
	ninep_fid_put(session, fid, 0);
	if (error)
		return error;
	return ended;
}

int64_t ninep_setxattr(void *fs, uint64_t node, const char *name, const void *from, uint32_t length,
		       uint32_t flags)
{
	if (!length)
		return -EOPNOTSUPP;
	return node_xattr_set(fs, node, name, from, length, flags);
}

int64_t ninep_removexattr(void *fs, uint64_t node, const char *name)
{
	return node_xattr_set(fs, node, name, NULL, 0, XATTR_THERE);
}
