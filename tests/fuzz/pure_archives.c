// SPDX-License-Identifier: MIT
/* Targets: fs/initramfs/cpio.c, fs/initramfs/archive_kind.c, lib/inflate.c. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "../../fs/initramfs/cpio.h"
#include <kernel/inflate.h>
#include "pure.h"

#define OUTPUT_MAX (4u << 20) /* more is no news */

/* ---- cpio: whatever the pieces are, the caller is told the same ---- */

struct told {
	uint32_t hash, events;
	uint32_t stop_at; /* the caller's own error, at this event */
	int is_open;
	uint64_t content; /* bytes that the open file may still get */
};

static void mix(struct told *told, const void *data, size_t count)
{
	told->hash = crc32(told->hash, data, count);
}

static int event(struct told *told)
{
	if (!told->stop_at)
		return 0;
	told->events++;
	if (told->events == told->stop_at)
		return -12;
	return 0;
}

static int begin(void *ctx, const struct cpio_entry *entry)
{
	struct told *told = ctx;

	require(!told->is_open, "no entry begins in another's content");
	require(strlen(entry->name) < CPIO_PATH_MAX, "names have an end");
	require(!entry->target || strlen(entry->target) <= CPIO_PATH_MAX, "targets have an end");
	told->is_open = (entry->mode & 0170000) == 0100000;
	told->content = entry->size;
	mix(told, entry->name, strlen(entry->name) + 1);
	mix(told, &entry->size, sizeof(entry->size));
	mix(told, &entry->mode, sizeof(entry->mode));
	if (entry->target)
		mix(told, entry->target, strlen(entry->target) + 1);
	return event(told);
}

static int content(void *ctx, const u8 *data, size_t count)
{
	struct told *told = ctx;

	require(told->is_open && count && count <= told->content, "a file gets its own content");
	told->content -= count;
	mix(told, data, count);
	return event(told);
}

static void end(void *ctx)
{
	struct told *told = ctx;

	require(told->is_open, "only what began ends");
	told->is_open = 0;
	mix(told, "e", 1);
}

static void trailer(void *ctx)
{
	mix(ctx, "t", 1);
}
static void skipped(void *ctx, const char *name, const char *why)
{
	mix(ctx, why, strlen(why));
}

static const struct cpio_ops ops = { begin, content, end, trailer, skipped };

static enum cpio_result read_pieces(struct cpio_reader *reader, struct told *told,
				    const uint8_t *data, size_t size, size_t piece, size_t *at)
{
	enum cpio_result result = CPIO_MORE;

	memset(reader, 0, sizeof(*reader));
	reader->ops = &ops;
	reader->ctx = told;
	for (*at = 0; *at < size && result == CPIO_MORE;) {
		size_t count = MIN(piece, size - *at), used = 0;
		uint8_t *copy = exact_copy(data + *at, count);

		result = cpio_feed(reader, copy, count, &used);
		free(copy);
		require(used <= count && (result != CPIO_MORE || used == count),
			"all that is wanted is read");
		require((result == CPIO_BAD) == (reader->error != NULL), "damage has words");
		*at += used;
	}
	return result;
}

static void fuzz_cpio(const uint8_t *data, size_t size)
{
	static struct cpio_reader one, other;
	struct told a = { 0 }, told = { 0 };
	enum cpio_result first, second;
	size_t piece, offset, at2;

	if (!size)
		return;
	piece = data[0] % 128 + 1;
	data++;
	size--;
	first = read_pieces(&one, &a, data, size, size + 1, &offset);
	second = read_pieces(&other, &told, data, size, piece, &at2);
	require(first == second && offset == at2 && a.hash == told.hash &&
			a.is_open == told.is_open && one.state == other.state,
		"pieces make no difference");
	cpio_reset(&other);
	require(!told.is_open && cpio_between_entries(&other), "a reset ends all");
	told = (struct told){ .stop_at = piece % 8 + 1 };
	(void)read_pieces(&other, &told, data, size, size + 1, &offset);
	require(!told.events || told.events <= told.stop_at, "after an error nothing is told");
}

static void fuzz_kind(const uint8_t *data, size_t size)
{
	uint8_t *copy = exact_copy(data, size);
	bool compressed = false;

	(void)archive_kind(copy, size, &compressed);
	free(copy);
}

/* ---- inflate: what zlib takes, we take, with the same result ---- */

struct sink {
	uint64_t n;
	uint32_t crc;
};

static int take(void *ctx, const u8 *data, size_t count)
{
	struct sink *sink = ctx;

	sink->n += count;
	sink->crc = crc32(sink->crc, data, count);
	if (sink->n > OUTPUT_MAX)
		return -28;
	return 0;
}

/* @return 0: zlib takes it, too */
static int zlib_inflate(const uint8_t *data, size_t size, struct sink *sink, size_t *used)
{
	static uint8_t out[65536];
	z_stream stream = { .next_in = (uint8_t *)data, .avail_in = size };
	int status;

	*sink = (struct sink){ 0 };
	if (inflateInit2(&stream, 16 + 15) != Z_OK)
		abort();
	do {
		stream.next_out = out;
		stream.avail_out = sizeof(out);
		status = inflate(&stream, Z_NO_FLUSH);
		if (take(sink, out, sizeof(out) - stream.avail_out))
			status = Z_MEM_ERROR;
	} while (status == Z_OK);
	*used = stream.total_in;
	inflateEnd(&stream);
	return status != Z_STREAM_END;
}

static int our_inflate(struct inflate *state, const uint8_t *data, size_t size, struct sink *sink,
		       size_t *used)
{
	*sink = (struct sink){ 0 };
	state->in = data;
	state->in_len = size;
	state->out = take;
	state->ctx = sink;
	return gunzip(state, used);
}

static void compare(struct inflate *state, const uint8_t *data, size_t size)
{
	struct sink ours, zlibs;
	size_t used = 0, zused;
	int err = our_inflate(state, data, size, &ours, &used);

	require(err != -22 || state->error, "a refusal has words");
	require(err || used <= size, "no more is consumed than there is");
	require(err || ours.crc == state->crc, "the checksum is that of the content");
	if (!zlib_inflate(data, size, &zlibs, &zused)) {
		require(!err, "what zlib takes is taken");
		require(used == zused && ours.n == zlibs.n && ours.crc == zlibs.crc,
			"the content is the same");
	}
}

/* The input as it is; then as the body of a member whose checksum is right. */
static void fuzz_inflate(const uint8_t *data, size_t size)
{
	static const uint8_t header[10] = { 0x1f, 0x8b, 8 };
	static struct inflate state;
	struct sink sink;
	size_t used;
	uint8_t *copy = exact_copy(data, size);
	uint8_t *member;

	compare(&state, copy, size);
	free(copy);
	member = calloc(1, sizeof(header) + size + 8);
	memcpy(member, header, sizeof(header));
	memcpy(member + sizeof(header), data, size);
	if (our_inflate(&state, member, sizeof(header) + size + 8, &sink, &used) == -22 &&
	    !strcmp(state.error, "the checksum or the length does not match the data")) {
		size_t end = state.in_pos - state.nbits / 8;
		uint32_t trailer[2] = { state.crc, (uint32_t)state.total };

		memcpy(member + end - 8, trailer, 8);
		require(!our_inflate(&state, member, end, &sink, &used) && used == end,
			"the right checksum is taken");
	}
	compare(&state, member, sizeof(header) + size + 8);
	free(member);
}

const struct fuzz_target archive_targets[] = {
	{ "cpio", fuzz_cpio },
	{ "archive-kind", fuzz_kind },
	{ "inflate", fuzz_inflate },
	{ 0 },
};
