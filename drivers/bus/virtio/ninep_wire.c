// SPDX-License-Identifier: MIT
/* Messages of 9P2000.L: see the header. Numbers are little-endian; a text is its length in two bytes, then its bytes. */
#include <banos/errno.h>
#include "ninep_wire.h"

#define ERROR_MAX     4095u
#define NAME_MAX      255u
#define TIME_MAX_S    9000000000ull /* year 2255: in nanoseconds it is less than 2^63 */
#define NS_PER_SECOND 1000000000ull

/* ---- writing ---- */

void ninep_put(struct ninep_out *out, uint64_t value, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++, value >>= 8) {
		if (out->length < out->room)
			out->at[out->length] = (uint8_t)value;
		if (out->length <= out->room)
			out->length++;
	}
}

void ninep_put_text(struct ninep_out *out, const char *text, uint32_t length)
{
	if (length > UINT16_MAX) {
		out->length = out->room + 1;
		return;
	}
	ninep_put(out, length, 2);
	for (uint32_t i = 0; i < length; i++)
		ninep_put(out, (uint8_t)text[i], 1);
}

void ninep_begin(struct ninep_out *out, void *at, uint32_t room, uint8_t type, uint16_t tag)
{
	*out = (struct ninep_out){ .at = at, .room = room };
	ninep_put(out, 0, 4);
	ninep_put(out, type, 1);
	ninep_put(out, tag, 2);
}

uint32_t ninep_finish(struct ninep_out *out, uint32_t data)
{
	uint32_t length = out->length;

	if (length > out->room || data > out->room - length)
		return 0;
	out->length = 0;
	ninep_put(out, length + data, 4);
	return length + data;
}

/* ---- reading ---- */

static uint8_t byte_at(const uint8_t *at)
{
	return *(const volatile uint8_t *)at;
}

uint64_t ninep_get(struct ninep_in *in, uint32_t bytes)
{
	uint64_t value = 0;

	if (in->left < bytes) {
		in->is_bad = 1;
		in->left = 0;
		return 0;
	}
	for (uint32_t i = 0; i < bytes; i++)
		value |= (uint64_t)byte_at(in->at + i) << 8 * i;
	in->at += bytes;
	in->left -= bytes;
	return value;
}

const char *ninep_get_text(struct ninep_in *in, uint32_t *length)
{
	const char *text;

	*length = (uint32_t)ninep_get(in, 2);
	if (*length > in->left)
		in->is_bad = 1;
	if (in->is_bad) {
		*length = 0;
		return 0;
	}
	text = (const char *)in->at;
	in->at += *length;
	in->left -= *length;
	return text;
}

/* Errors that the kernel would take for its own business, to call again, are the other side's failure. */
static int64_t error_of(uint64_t number)
{
	if (!number || number > ERROR_MAX || number == EAGAIN || number == ERESTART)
		return -EIO;
	return -(int64_t)number;
}

int64_t ninep_reply(struct ninep_in *in, const void *at, uint32_t length, uint8_t type,
		    uint16_t tag)
{
	uint64_t size, got_type, got_tag;

	*in = (struct ninep_in){ .at = at, .left = length };
	size = ninep_get(in, 4);
	got_type = ninep_get(in, 1);
	got_tag = ninep_get(in, 2);
	if (in->is_bad || size < NINEP_HEAD_BYTES || size > length || got_tag != tag)
		return -EIO;
	in->left = (uint32_t)size - NINEP_HEAD_BYTES;
	if (got_type == NINEP_ERROR_REPLY)
		return error_of(ninep_get(in, 4));
	if (got_type != type + 1u)
		return -EIO;
	return 0;
}

void ninep_get_qid(struct ninep_in *in, struct ninep_qid *qid)
{
	qid->type = (uint8_t)ninep_get(in, 1);
	qid->version = (uint32_t)ninep_get(in, 4);
	qid->path = ninep_get(in, 8);
}

/* A time that cannot be is the nearest one that can. */
static int64_t get_time(struct ninep_in *in)
{
	uint64_t seconds = ninep_get(in, 8), ns = ninep_get(in, 8);

	if (seconds >> 63)
		return 0;
	if (seconds > TIME_MAX_S)
		seconds = TIME_MAX_S;
	if (ns >= NS_PER_SECOND)
		ns = 0;
	return (int64_t)(seconds * NS_PER_SECOND + ns);
}

static int64_t is_whole(const struct ninep_in *in)
{
	if (in->is_bad)
		return -EIO;
	return 0;
}

int64_t ninep_get_attr(struct ninep_in *in, struct ninep_attr *attr)
{
	attr->valid = ninep_get(in, 8);
	ninep_get_qid(in, &attr->qid);
	attr->mode = (uint32_t)ninep_get(in, 4);
	attr->uid = (uint32_t)ninep_get(in, 4);
	attr->gid = (uint32_t)ninep_get(in, 4);
	attr->nlink = ninep_get(in, 8);
	attr->rdev = ninep_get(in, 8);
	attr->bytes = ninep_get(in, 8);
	ninep_get(in, 8); /* the best size of a transfer */
	attr->blocks = ninep_get(in, 8);
	attr->atime_ns = get_time(in);
	attr->mtime_ns = get_time(in);
	attr->ctime_ns = get_time(in);
	if ((attr->valid & NINEP_GET_BASIC) != NINEP_GET_BASIC || attr->bytes > INT64_MAX)
		return -EIO;
	return is_whole(in);
}

int64_t ninep_get_statfs(struct ninep_in *in, struct ninep_statfs *statfs)
{
	statfs->type = (uint32_t)ninep_get(in, 4);
	statfs->block_bytes = (uint32_t)ninep_get(in, 4);
	statfs->blocks = ninep_get(in, 8);
	statfs->free = ninep_get(in, 8);
	statfs->available = ninep_get(in, 8);
	statfs->files = ninep_get(in, 8);
	statfs->files_free = ninep_get(in, 8);
	ninep_get(in, 8); /* a number of the file system */
	statfs->name_max = (uint32_t)ninep_get(in, 4);
	return is_whole(in);
}

int64_t ninep_get_entry(struct ninep_in *in, struct ninep_entry *entry)
{
	if (!in->left && !in->is_bad)
		return 0;
	ninep_get_qid(in, &entry->qid);
	entry->cookie = ninep_get(in, 8);
	entry->type = (uint8_t)ninep_get(in, 1);
	entry->name = ninep_get_text(in, &entry->name_bytes);
	if (in->is_bad || !entry->name_bytes || entry->name_bytes > NAME_MAX)
		return -EIO;
	for (uint32_t i = 0; i < entry->name_bytes; i++)
		if (!entry->name[i] || entry->name[i] == '/')
			return -EIO;
	return 1;
}
