// SPDX-License-Identifier: MIT
/* Targets: what the machine that runs this one says by 9P, and options: drivers/bus/virtio/ninep_wire.c, ninep_options.c. */
#include <stdlib.h>
#include <string.h>
#include "../../drivers/bus/virtio/ninep_options.h"
#include "../../drivers/bus/virtio/ninep_wire.h"
#include "pure.h"

static void entries_read(struct ninep_in *in)
{
	struct ninep_entry entry;
	uint32_t left = in->left;

	while (ninep_get_entry(in, &entry) == 1) {
		require(in->left < left, "a list ends");
		left = in->left;
		require(entry.name_bytes && entry.name_bytes <= 255 &&
				!memchr(entry.name, '/', entry.name_bytes) &&
				!memchr(entry.name, 0, entry.name_bytes),
			"names are names");
	}
}

static void attr_read(struct ninep_in *in)
{
	struct ninep_attr attr;

	if (!ninep_get_attr(in, &attr))
		require(attr.bytes <= INT64_MAX && attr.atime_ns >= 0 && attr.mtime_ns >= 0 &&
				attr.ctime_ns >= 0,
			"attributes are possible");
}

/* The first byte is the type of the request; behind it is the reply. */
static void fuzz_ninep(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	uint8_t type = (uint8_t)take_bytes(&bytes, 1);
	uint8_t *reply = exact_copy(bytes.at, bytes.left);
	struct ninep_statfs statfs;
	struct ninep_qid qid;
	struct ninep_in in;
	const char *text;
	uint32_t length;
	int64_t error = ninep_reply(&in, reply, (uint32_t)bytes.left, type, 1);

	require(error <= 0 && error >= -4095, "errors are errors");
	switch (error ? 0 : type) {
	case NINEP_GETATTR: attr_read(&in); break;
	case NINEP_STATFS: (void)ninep_get_statfs(&in, &statfs); break;
	case NINEP_READDIR: entries_read(&in); break;
	case NINEP_LOPEN: ninep_get_qid(&in, &qid); break;
	default:
		text = ninep_get_text(&in, &length);
		require(!length || (text >= (char *)reply &&
				    text + length <= (char *)reply + bytes.left),
			"a text lies in the reply");
	}
	free(reply);
}

static void fuzz_ninep_options(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct ninep_options options;

	memcpy(text, data, size);
	text[size] = 0;
	if (!ninep_options_parse(text, &options))
		require(options.msize >= NINEP_MSIZE_LEAST && options.msize <= NINEP_MSIZE_MOST &&
				memchr(options.aname, 0, sizeof(options.aname)) &&
				memchr(options.uname, 0, sizeof(options.uname)),
			"options are possible");
	free(text);
}

const struct fuzz_target ninep_targets[] = {
	{ "ninep", fuzz_ninep },
	{ "ninep_options", fuzz_ninep_options },
	{ 0 },
};
