// SPDX-License-Identifier: MIT
/* Data and attributes of files of the other side. */
#include "ninep.h"

#define WRITE_HEAD 23u /* of WRITE, in front of the data */
#define READ_HEAD  11u /* of the reply to READ */

#define NS_PER_S 1000000000ll

/* ---- data ---- */

/* @return bytes read: fewer than @p length at the end of the file */
static int64_t ninep_read_some(struct ninep_session *session, const struct ninep_fid *fid,
			       banos_buffer to, uint64_t length, uint64_t offset,
			       uint32_t *is_short)
{
	uint32_t most = session->msize - READ_HEAD, got;
	struct ninep_call call;
	int64_t result = ninep_call_begin(&call, session, NINEP_READ, CALL_RECEIVES_DATA);

	if (result)
		return result;
	if (length < most)
		most = (uint32_t)length;
	ninep_put(&call.out, fid->number, 4);
	ninep_put(&call.out, offset, 8);
	ninep_put(&call.out, most, 4);
	result = ninep_call_send(&call, 0);
	if (!result) {
		got = (uint32_t)ninep_get(&call.in, 4);
		*is_short = got < most;
		if (call.in.is_bad || got > most || got > call.in.left)
			result = -EIO;
		else if (got)
			result = banos_buffer_write(to, call.in.at, got);
	}
	ninep_call_end(&call);
	return result;
}

int64_t ninep_read(void *fs, uint64_t node, banos_buffer to, uint64_t length, uint64_t offset)
{
	struct ninep_session *session = fs;
	uint64_t done = 0;
	uint32_t is_short = 0;
	struct ninep_fid *fid;
	int64_t result = ninep_node_open(session, node, OPEN_READ, &fid);

	if (result)
		return result;
	while (done < length && !is_short && result >= 0) {
		result = ninep_read_some(session, fid, to, length - done, offset + done, &is_short);
		if (result > 0)
			done += (uint64_t)result;
	}
	ninep_fid_put(session, fid, 1);
	return done ? (int64_t)done : result;
}

static int64_t ninep_write_some(struct ninep_session *session, const struct ninep_fid *fid,
				banos_buffer from, uint64_t length, uint64_t offset,
				uint32_t *asked)
{
	uint32_t most = session->msize - WRITE_HEAD;
	struct ninep_call call;
	int64_t result = ninep_call_begin(&call, session, NINEP_WRITE, CALL_SENDS_DATA);

	if (result)
		return result;
	if (length < most)
		most = (uint32_t)length;
	result = banos_buffer_read(from, call.out.at + WRITE_HEAD, most);
	if (result > 0) {
		*asked = (uint32_t)result;
		ninep_put(&call.out, fid->number, 4);
		ninep_put(&call.out, offset, 8);
		ninep_put(&call.out, *asked, 4);
		result = ninep_call_send(&call, *asked);
		if (!result)
			result = (int64_t)ninep_get(&call.in, 4);
		if (call.in.is_bad || result > *asked)
			result = -EIO;
	}
	ninep_call_end(&call);
	return result;
}

int64_t ninep_write(void *fs, uint64_t node, banos_buffer from, uint64_t length, uint64_t offset)
{
	struct ninep_session *session = fs;
	uint64_t done = 0;
	uint32_t asked = 0;
	struct ninep_fid *fid;
	int64_t result = ninep_node_open(session, node, OPEN_WRITE, &fid);

	if (result)
		return result;
	while (done < length && result == asked) {
		result = ninep_write_some(session, fid, from, length - done, offset + done, &asked);
		if (result > 0)
			done += (uint64_t)result;
		if (!result)
			break;
	}
	ninep_fid_put(session, fid, 1);
	return done ? (int64_t)done : result;
}

int64_t ninep_readlink(void *fs, uint64_t node, char *to, uint32_t length)
{
	struct ninep_session *session = fs;
	struct ninep_fid *fid = ninep_node_walked(session, node);
	struct ninep_call call;
	const char *text;
	uint32_t bytes;
	int64_t error;

	if (!fid)
		return -ESTALE;
	error = ninep_call_begin(&call, session, NINEP_READLINK, 0);
	if (!error) {
		ninep_put(&call.out, fid->number, 4);
		error = ninep_call_send(&call, 0);
		if (!error) {
			text = ninep_get_text(&call.in, &bytes);
			if (!text || bytes >= length)
				error = -EIO;
			else
				memcpy(to, text, bytes);
		}
		ninep_call_end(&call);
	}
	ninep_fid_put(session, fid, 1);
	return error ? error : bytes;
}

/* ---- attributes ---- */

/* Device numbers are in one word as Linux's stat() has them. */
void ninep_fill_attr(const struct ninep_attr *from, struct banos_attr *to)
{
	to->mode = from->mode;
	to->node = from->qid.path;
	to->uid = from->uid;
	to->gid = from->gid;
	to->nlink = (uint32_t)from->nlink;
	to->rdev_major = (uint32_t)(from->rdev >> 8 & 0xfff);
	to->rdev_minor = (uint32_t)((from->rdev & 0xff) | (from->rdev >> 12 & 0xfff00));
	to->bytes = from->bytes;
	to->blocks = from->blocks;
	to->atime_ns = from->atime_ns;
	to->mtime_ns = from->mtime_ns;
	to->ctime_ns = from->ctime_ns;
}

int64_t ninep_getattr_method(void *fs, uint64_t node, struct banos_attr *to)
{
	struct ninep_session *session = fs;
	struct ninep_fid *fid = ninep_node_any(session, node);
	struct ninep_attr attr;
	int64_t error;

	if (!fid)
		return -ESTALE;
	error = ninep_getattr(session, fid, &attr);
	ninep_fid_put(session, fid, 1);
	if (!error && attr.qid.path != node)
		error = -ESTALE;
	if (!error)
		ninep_fill_attr(&attr, to);
	return error;
}

int64_t ninep_set(struct ninep_session *session, const struct ninep_fid *fid, uint32_t valid,
		  const struct banos_attr *attr)
{
	struct ninep_call call;
	int64_t error = ninep_call_begin(&call, session, NINEP_SETATTR, 0);

	if (error)
		return error;
	ninep_put(&call.out, fid->number, 4);
	ninep_put(&call.out, valid, 4);
	ninep_put(&call.out, attr->mode, 4);
	ninep_put(&call.out, attr->uid, 4);
	ninep_put(&call.out, attr->gid, 4);
	ninep_put(&call.out, attr->bytes, 8);
	ninep_put(&call.out, (uint64_t)(attr->atime_ns / NS_PER_S), 8);
	ninep_put(&call.out, (uint64_t)(attr->atime_ns % NS_PER_S), 8);
	ninep_put(&call.out, (uint64_t)(attr->mtime_ns / NS_PER_S), 8);
	ninep_put(&call.out, (uint64_t)(attr->mtime_ns % NS_PER_S), 8);
	error = ninep_call_send(&call, 0);
	ninep_call_end(&call);
	return error;
}

int64_t ninep_setattr(void *fs, uint64_t node, uint32_t which, const struct banos_attr *attr)
{
	static const struct {
		uint32_t ours, theirs;
	} bits[] = {
		{ BANOS_SET_MODE, NINEP_SET_MODE },
		{ BANOS_SET_UID, NINEP_SET_UID },
		{ BANOS_SET_GID, NINEP_SET_GID },
		{ BANOS_SET_SIZE, NINEP_SET_SIZE },
		{ BANOS_SET_ATIME, NINEP_SET_ATIME | NINEP_SET_ATIME_SET },
		{ BANOS_SET_MTIME, NINEP_SET_MTIME | NINEP_SET_MTIME_SET },
	};
	struct ninep_session *session = fs;
	struct ninep_fid *fid = ninep_node_walked(session, node);
	uint32_t valid = 0;
	int64_t error = 0;

	if (!fid)
		return -ESTALE;
	for (uint32_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (which & bits[i].ours)
			valid |= bits[i].theirs;
	if (valid)
		error = ninep_set(session, fid, valid, attr);
	ninep_fid_put(session, fid, 1);
	return error;
}

/* ---- how full it is ---- */

/* In blocks of 4096 bytes, whatever theirs are. */
static uint64_t statfs_scale(uint64_t blocks, uint32_t block_bytes)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(blocks, (uint64_t)block_bytes, &bytes))
		bytes = UINT64_MAX;
	return bytes >> 12;
}

int64_t ninep_statfs(void *fs, struct banos_statfs *to)
{
	struct ninep_session *session = fs;
	struct ninep_fid *fid = ninep_node_walked(session, session->root);
	struct ninep_statfs got;
	struct ninep_call call;
	int64_t error;

	if (!fid)
		return -ESTALE;
	error = ninep_call_begin(&call, session, NINEP_STATFS, 0);
	if (!error) {
		ninep_put(&call.out, fid->number, 4);
		error = ninep_call_send(&call, 0);
		if (!error)
			error = ninep_get_statfs(&call.in, &got);
		ninep_call_end(&call);
	}
	ninep_fid_put(session, fid, 1);
	if (error)
		return error;
	to->blocks = statfs_scale(got.blocks, got.block_bytes);
	to->free = statfs_scale(got.free, got.block_bytes);
	to->available = statfs_scale(got.available, got.block_bytes);
	to->files = got.files;
	to->files_free = got.files_free;
	return 0;
}
