// SPDX-License-Identifier: MIT
/*
 * Rock Ridge (IEEE P1282), in the fields of the System Use Sharing Protocol (P1281).
 *
 * Behind the name of a record lie fields of four bytes, "XX", length, version, and what belongs to them; where they
 * do not fit, a field CE says where they go on. What is used here:
 *
 *	PX mode, links, owner		NM name, in parts
 *	TF times			SL text of a link, in parts of components
 *	PN number of a device		CL, RE: a folder that was moved, seen from both sides
 *
 * The number of a device: xorriso stores Linux's whole number in the lower half and 0 in the upper one; genisoimage
 * stores major and minor. genisoimage writes links whose SL has no room for its flags: it is passed over.
 */
#include "internal.h"

#define AREAS_MAX 64 /* continuations of one record */

#define NAME_GOES_ON 1u
#define NAME_SPECIAL 0x26u /* ".", "..", the host's name */

#define LINK_GOES_ON 1u
#define PART_GOES_ON 1u
#define PART_CURRENT 2u
#define PART_PARENT  4u
#define PART_ROOT    8u

#define TIMES_LONG 0x80u

/** What the fields so far have said. */
struct rock_state {
	struct iso_file *file;
	char *target; /* NULL: only its length counts */
	bool name_ended;
	bool name_seen;
	bool link_ended;
	bool part_open; /* the component before goes on */
	bool needs_slash;
	uint64_t next; /* where they go on; 0: nowhere */
	uint32_t next_bytes;
};

static bool field_is(const uint8_t *field, char first, char second)
{
	return field[0] == (uint8_t)first && field[1] == (uint8_t)second;
}

/* ---- names and links ---- */

static void rock_take_name(struct rock_state *state, const uint8_t *field, uint32_t length)
{
	struct iso_file *file = state->file;
	uint8_t flags;

	if (length < 5 || state->name_ended)
		return;
	flags = field[4];
	if (!state->name_seen)
		file->name_bytes = 0;
	state->name_seen = true;
	if (!(flags & NAME_SPECIAL))
		for (uint32_t i = 5; i < length && file->name_bytes < ISO_NAME_MAX; i++)
			file->name[file->name_bytes++] = field[i];
	if (!(flags & NAME_GOES_ON))
		state->name_ended = true;
}

static void rock_put_target(struct rock_state *state, char character)
{
	uint32_t *used = &state->file->target_bytes;

	if (*used + 1 >= ISO_TARGET_SIZE)
		return;
	if (state->target)
		state->target[*used] = character;
	(*used)++;
}

static void rock_take_component(struct rock_state *state, uint8_t flags, const uint8_t *text,
				uint32_t bytes)
{
	if (state->needs_slash && !state->part_open)
		rock_put_target(state, '/');
	state->needs_slash = true;
	state->part_open = flags & PART_GOES_ON;
	if (flags & PART_ROOT) {
		rock_put_target(state, '/');
		state->needs_slash = false;
	} else if (flags & PART_CURRENT) {
		rock_put_target(state, '.');
	} else if (flags & PART_PARENT) {
		rock_put_target(state, '.');
		rock_put_target(state, '.');
	} else {
		for (uint32_t i = 0; i < bytes; i++)
			rock_put_target(state, text[i]);
	}
}

static void rock_take_link(struct rock_state *state, const uint8_t *field, uint32_t length)
{
	uint32_t at = 5;

	if (length < 5 || state->link_ended)
		return;
	while (at + 2 <= length) {
		uint32_t bytes = field[at + 1];

		if (bytes > length - at - 2)
			bytes = length - at - 2;
		rock_take_component(state, field[at], field + at + 2, bytes);
		at += 2 + bytes;
	}
	if (!(field[4] & LINK_GOES_ON))
		state->link_ended = true;
}

/* ---- numbers ---- */

static void rock_take_modes(struct iso_file *file, const uint8_t *field, uint32_t length)
{
	if (length < 36)
		return;
	file->has_mode = true;
	file->mode = iso_get32(field + 4);
	file->nlink = iso_get32(field + 12);
	file->uid = iso_get32(field + 20);
	file->gid = iso_get32(field + 28);
}

static void rock_take_device(struct iso_file *file, const uint8_t *field, uint32_t length)
{
	uint32_t high, low;

	if (length < 20)
		return;
	high = iso_get32(field + 4);
	low = iso_get32(field + 12);
	file->major = high;
	file->minor = low;
	if (!high) {
		file->major = low >> 8 & 0xfff;
		file->minor = (low & 0xff) | (low >> 12 & 0xfff00);
	}
}

/* "2023013112000000" and the zone. */
static int64_t rock_long_date(const uint8_t *text)
{
	uint8_t date[7];
	int digits[14];

	for (int i = 0; i < 14; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		digits[i] = text[i] - '0';
	}
	date[0] = digits[0] * 1000 + digits[1] * 100 + digits[2] * 10 + digits[3] - 1900;
	for (int i = 1; i < 6; i++)
		date[i] = digits[2 + 2 * i] * 10 + digits[3 + 2 * i];
	date[6] = text[16];
	return iso_date(date);
}

static void rock_take_times(struct iso_file *file, const uint8_t *field, uint32_t length)
{
	uint32_t at = 5, step = 7;

	if (length < 5)
		return;
	if (field[4] & TIMES_LONG)
		step = 17;
	for (int bit = 0; bit < 7 && at + step <= length; bit++) {
		int64_t time;

		if (!(field[4] & 1 << bit))
			continue;
		time = step == 7 ? iso_date(field + at) : rock_long_date(field + at);
		if (bit == 1)
			file->mtime_s = time;
		if (bit == 2)
			file->atime_s = time;
		if (bit == 3)
			file->ctime_s = time;
		at += step;
	}
}

/* ---- fields ---- */

static void rock_take_field(const struct iso_volume *volume, struct rock_state *state,
			    const uint8_t *field, uint32_t length)
{
	struct iso_file *file = state->file;

	if (field_is(field, 'P', 'X')) {
		rock_take_modes(file, field, length);
	} else if (field_is(field, 'P', 'N')) {
		rock_take_device(file, field, length);
	} else if (field_is(field, 'T', 'F')) {
		rock_take_times(file, field, length);
	} else if (field_is(field, 'N', 'M')) {
		rock_take_name(state, field, length);
	} else if (field_is(field, 'S', 'L')) {
		rock_take_link(state, field, length);
	} else if (field_is(field, 'R', 'E')) {
		file->relocated = true;
	} else if (field_is(field, 'C', 'L') && length >= 12) {
		file->child = (uint64_t)iso_get32(field + 4) * volume->block_bytes;
	} else if (field_is(field, 'C', 'E') && length >= 28) {
		state->next = (uint64_t)iso_get32(field + 4) * volume->block_bytes +
			      iso_get32(field + 12);
		state->next_bytes = iso_get32(field + 20);
	}
}

static void rock_take_area(const struct iso_volume *volume, struct rock_state *state,
			   const uint8_t *area, uint32_t bytes)
{
	uint32_t at = 0;

	while (at + 4 <= bytes) {
		uint32_t length = area[at + 2];

		if (length < 4 || length > bytes - at || field_is(area + at, 'S', 'T'))
			return;
		rock_take_field(volume, state, area + at, length);
		at += length;
	}
}

int64_t iso_rock_parse(const struct iso_volume *volume, struct iso_work *work,
		       const struct iso_record *record, struct iso_file *file)
{
	struct rock_state state = { .file = file, .target = work->target };

	file->target_bytes = 0;
	if (record->extensions_bytes > volume->skip)
		rock_take_area(volume, &state, record->extensions + volume->skip,
			       record->extensions_bytes - volume->skip);
	for (int i = 0; i < AREAS_MAX && state.next; i++) {
		uint64_t place = state.next;
		uint32_t bytes = state.next_bytes;
		int64_t err;

		state.next = 0;
		if (bytes > sizeof(work->area))
			bytes = sizeof(work->area);
		if (place >= volume->bytes)
			break;
		if (bytes > volume->bytes - place)
			bytes = volume->bytes - place;
		err = volume->read(volume->arg, place, work->area, bytes);
		if (err)
			return err;
		rock_take_area(volume, &state, work->area, bytes);
	}
	if (state.target)
		state.target[file->target_bytes] = 0;
	return 0;
}

int iso_rock_announced(const struct iso_record *record)
{
	const uint8_t *field = record->extensions;

	/* CD-ROM XA has 14 bytes in front. */
	for (uint32_t skip = 0; skip <= 14; skip += 14)
		if (record->extensions_bytes >= skip + 7 && field_is(field + skip, 'S', 'P') &&
		    field[skip + 2] >= 7 && field[skip + 4] == 0xbe && field[skip + 5] == 0xef)
			return field[skip + 6];
	return -1;
}
