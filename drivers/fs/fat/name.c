// SPDX-License-Identifier: MIT
/* Names: name.h. */
#include "bytes.h"
#include "name.h"
#include "page.h"

#define SLOT_LAST  0x40u /* of the first byte: the name's last part, which stands first */
#define SLOT_ORDER 0x3fu
#define REPLACED   0xfffdu

/* Where an entry of a long name has its units. */
static const uint8_t slot_places[FAT_SLOT_UNITS] = {
	1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30
};

/* ---- letters ---- */

/* Pairs that lie side by side: the small letter is odd, or even. */
static uint16_t fold_latin(uint16_t unit)
{
	bool small_is_even = (unit >= 0x139 && unit <= 0x148) || (unit >= 0x179 && unit <= 0x17e);

	if (unit == 0x131 || unit == 0x138 || unit == 0x149 || unit == 0x130 || unit == 0x17f)
		return unit;
	if (unit == 0x178 || unit == 0xff)
		return 0x178;
	if (small_is_even)
		return unit & 1 ? unit : unit - 1;
	return unit & ~1u;
}

static uint16_t fold_greek(uint16_t unit)
{
	if (unit >= 0x3b1 && unit <= 0x3cb && unit != 0x3c2)
		return unit - 0x20;
	if (unit >= 0x3ad && unit <= 0x3af)
		return unit - 37;
	if (unit == 0x3ac)
		return 0x386;
	return unit;
}

uint16_t fat_fold(uint16_t unit)
{
	if (unit < 0x80)
		return unit >= 'a' && unit <= 'z' ? unit - 0x20 : unit;
	if (unit >= 0xe0 && unit <= 0xfe && unit != 0xf7)
		return unit - 0x20;
	if (unit >= 0x100 && unit <= 0x17f)
		return fold_latin(unit);
	if (unit == 0xff)
		return 0x178;
	if (unit >= 0x3ac && unit <= 0x3cb)
		return fold_greek(unit);
	if (unit >= 0x430 && unit <= 0x44f)
		return unit - 0x20;
	if (unit >= 0x450 && unit <= 0x45f)
		return unit - 0x50;
	if (unit >= 0x460 && unit <= 0x481)
		return unit & ~1u;
	if (unit >= 0x561 && unit <= 0x586)
		return unit - 0x30;
	if (unit >= 0xff41 && unit <= 0xff5a)
		return unit - 0x20;
	return unit;
}

bool fat_units_equal(const uint16_t *folded, uint32_t folded_count, const uint16_t *units,
		     uint32_t count)
{
	if (folded_count != count)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (folded[i] != fat_fold(units[i]))
			return false;
	return true;
}

/* ---- UTF-8 ---- */

/* One character. @return bytes that it takes; 0: it is none */
static uint32_t utf8_take(const uint8_t *text, uint32_t left, uint32_t *code)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t bytes = 1;

	*code = text[0];
	if (*code < 0x80)
		return 1;
	if (*code < 0xc2 || *code > 0xf4)
		return 0;
	bytes = 2 + (*code >= 0xe0) + (*code >= 0xf0);
	*code &= 0x7fu >> bytes;
	if (left < bytes)
		return 0;
	for (uint32_t i = 1; i < bytes; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (text[i] & 63u);
	}
	if (*code < least[bytes] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return bytes;
}

int32_t fat_units_from_utf8(const char *text, uint32_t length, uint16_t units[FAT_NAME_UNITS])
{
	uint32_t count = 0, at = 0;

	while (at < length) {
		uint32_t code, bytes = utf8_take((const uint8_t *)text + at, length - at, &code);

		if (!bytes || count + 1 + (code > 0xffff) > FAT_NAME_UNITS)
			return -1;
		at += bytes;
		if (code > 0xffff) {
			code -= 0x10000;
			units[count++] = (uint16_t)(0xd800 | code >> 10);
			code = 0xdc00 | (code & 0x3ff);
		}
		units[count++] = (uint16_t)code;
	}
	return (int32_t)count;
}

static uint32_t utf8_put(uint32_t code, char *to, uint32_t room)
{
	uint32_t bytes = 1 + (code >= 0x80) + (code >= 0x800) + (code >= 0x10000);
	static const uint8_t heads[5] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	if (bytes > room)
		return 0;
	for (uint32_t i = bytes - 1; i; i--, code >>= 6)
		to[i] = (char)(0x80 | (code & 63));
	to[0] = (char)(heads[bytes] | code);
	return bytes;
}

uint32_t fat_units_to_utf8(const uint16_t *units, uint32_t count, char *to, uint32_t room)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t code = units[i], bytes;

		if (code >= 0xd800 && code <= 0xdbff && i + 1 < count && units[i + 1] >= 0xdc00 &&
		    units[i + 1] <= 0xdfff)
			code = 0x10000 + ((code - 0xd800) << 10) + (units[++i] - 0xdc00u);
		else if (code >= 0xd800 && code <= 0xdfff)
			code = REPLACED;
		bytes = utf8_put(code, to + used, room - used);
		if (!bytes)
			return 0;
		used += bytes;
	}
	return used;
}

static bool unit_is_allowed(uint16_t unit)
{
	static const char forbidden[] = "*?<>|\":/\\";

	for (uint32_t i = 0; i < sizeof(forbidden) - 1; i++)
		if (unit == (uint8_t)forbidden[i])
			return false;
	return unit >= ' ';
}

int32_t fat_name_check(const uint16_t *units, uint32_t count)
{
	while (count && units[count - 1] == '.')
		count--;
	if (!count || units[count - 1] == ' ')
		return -1;
	for (uint32_t i = 0; i < count; i++)
		if (!unit_is_allowed(units[i]))
			return -1;
	return (int32_t)count;
}

uint32_t fat_name_cut(uint16_t *units, uint32_t count)
{
	uint32_t used = 0, room = 8;
	bool has_point = false;

	for (uint32_t i = 0; i < count; i++) {
		if (units[i] == '.' && has_point)
			break;
		if (units[i] == '.') {
			has_point = true;
			room = 4; /* with it */
		}
		if (room) {
			units[used++] = units[i];
			room--;
		}
	}
	while (used && units[used - 1] == '.')
		used--;
	return used;
}

/* ---- short names ---- */

static uint16_t short_unit(uint8_t byte, bool lower, const struct fat_name_style *style)
{
	if (byte >= 0x80 && style->page_850)
		return fat_page_850[byte - 0x80];
	if (byte >= 0x80)
		return fat_page_437[byte - 0x80];
	if (lower && byte >= 'A' && byte <= 'Z')
		return byte + 0x20;
	/* Nothing that a name cannot have reaches the kernel. */
	if (byte < ' ' || byte == '/' || byte == 0x7f)
		return '_';
	return byte;
}

static uint32_t short_part(const uint8_t *bytes, uint32_t length, bool lower,
			   const struct fat_name_style *style, uint16_t *units)
{
	while (length && bytes[length - 1] == ' ')
		length--;
	for (uint32_t i = 0; i < length; i++)
		units[i] = short_unit(bytes[i], lower, style);
	return length;
}

uint32_t fat_short_show(const uint8_t *entry, const struct fat_name_style *style,
			uint16_t units[FAT_SHORT_UNITS])
{
	uint8_t bits = style->show_flags ? entry[FAT_AT_CASE] : 0, name[FAT_SHORT_BYTES];
	uint32_t count, extension;

	for (uint32_t i = 0; i < FAT_SHORT_BYTES; i++)
		name[i] = entry[i];
	if (name[0] == 5)
		name[0] = FAT_DELETED;
	count = short_part(name, 8, style->lower || bits & FAT_CASE_BASE, style, units);
	extension = short_part(name + 8, 3, style->lower || bits & FAT_CASE_EXTENSION, style,
			       units + count + 1);
	if (!count)
		return 0;
	units[count] = '.';
	if (extension)
		count += 1 + extension;
	if (fat_long_valid(units, count))
		return count;
	return 0;
}

uint8_t fat_short_checksum(const uint8_t name[FAT_SHORT_BYTES])
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < FAT_SHORT_BYTES; i++)
		sum = (uint8_t)((sum << 7 | sum >> 1) + name[i]);
	return sum;
}

/* What a part of a short name consists of. */
struct short_letters {
	bool valid, upper, lower;
};

/* The byte for a unit; 0: none. */
static uint8_t short_byte(uint16_t unit, struct short_letters *letters)
{
	static const char replaced[] = "[];,+=";

	if (unit == '.' || unit == ' ') {
		letters->valid = false;
		return 0;
	}
	for (uint32_t i = 0; i < sizeof(replaced) - 1; i++)
		if (unit == (uint8_t)replaced[i])
			unit = 0x80;
	if (unit >= 0x7f) {
		letters->valid = false;
		return '_';
	}
	if (unit >= 'a' && unit <= 'z') {
		letters->upper = false;
		return (uint8_t)(unit - 0x20);
	}
	if (unit >= 'A' && unit <= 'Z')
		letters->lower = false;
	return (uint8_t)unit;
}

/* Fill @p room bytes. @return are all of the units in them? */
static bool short_fill(const uint16_t *units, uint32_t count, struct short_letters *letters,
		       uint8_t *to, uint32_t room, uint32_t *used)
{
	*used = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint8_t byte = short_byte(units[i], letters);

		if (!byte)
			continue;
		to[(*used)++] = byte;
		if (*used == room)
			return i + 1 == count;
	}
	return true;
}

/* Where the extension begins; @p count: there is none. A name that begins with points only is no extension. */
static uint32_t short_extension(const uint16_t *units, uint32_t count)
{
	uint32_t point = count, front = 0;

	for (uint32_t i = 0; i < count; i++)
		if (units[i] == '.')
			point = i;
	while (front < point && (units[front] == '.' || units[front] == ' '))
		front++;
	if (front == point || point + 1 == count)
		return count;
	return point;
}

enum fat_short_kind fat_short_make(const uint16_t *units, uint32_t count,
				   const struct fat_name_style *style, struct fat_short *name)
{
	struct short_letters base = { true, true, true }, extension = { true, true, true };
	uint32_t point = short_extension(units, count), used;
	bool whole;

	for (uint32_t i = 0; i < FAT_SHORT_BYTES; i++)
		name->name[i] = ' ';
	name->case_bits = 0;
	whole = short_fill(units, point, &base, name->name, 8, &name->base_bytes);
	if (!name->base_bytes)
		return FAT_SHORT_NONE;
	if (point < count)
		whole &= short_fill(units + point + 1, count - point - 1, &extension,
				    name->name + 8, 3, &used);
	if (!whole || !base.valid || !extension.valid)
		return FAT_SHORT_NUMBER;
	if (base.upper && extension.upper)
		return FAT_SHORT_WHOLE;
	if (!style->store_flags || !(base.upper || base.lower) ||
	    !(extension.upper || extension.lower))
		return FAT_SHORT_ALIAS;
	if (!base.upper)
		name->case_bits |= FAT_CASE_BASE;
	if (!extension.upper)
		name->case_bits |= FAT_CASE_EXTENSION;
	return FAT_SHORT_WHOLE;
}

static void short_copy(const struct fat_short *name, uint8_t to[FAT_SHORT_BYTES])
{
	for (uint32_t i = 0; i < FAT_SHORT_BYTES; i++)
		to[i] = name->name[i];
}

void fat_short_number(const struct fat_short *name, uint32_t number, uint8_t to[FAT_SHORT_BYTES])
{
	uint32_t at = fat_min(name->base_bytes, 6);

	short_copy(name, to);
	to[at] = '~';
	to[at + 1] = (uint8_t)('0' + number);
}

void fat_short_digits(const struct fat_short *name, uint32_t digits, uint8_t to[FAT_SHORT_BYTES])
{
	static const char hex[] = "0123456789ABCDEF";
	uint32_t at = fat_min(name->base_bytes, 2);

	short_copy(name, to);
	for (uint32_t i = at; i < 8; i++)
		to[i] = ' ';
	for (uint32_t i = 0; i < 4; i++)
		to[at + i] = (uint8_t)hex[digits >> (12 - 4 * i) & 15];
	to[at + 4] = '~';
	to[at + 5] = (uint8_t)('1' + (digits >> 16 & 7));
}

/* ---- long names ---- */

void fat_slot_make(const uint16_t *units, uint32_t count, uint32_t part, uint8_t checksum,
		   uint8_t slot[FAT_SLOT_BYTES])
{
	uint32_t first = (part - 1) * FAT_SLOT_UNITS;

	for (uint32_t i = 0; i < FAT_SLOT_BYTES; i++)
		slot[i] = 0;
	slot[0] = (uint8_t)part;
	if (part == fat_slots_of(count))
		slot[0] |= SLOT_LAST;
	slot[FAT_AT_ATTR] = FAT_ATTR_LONG;
	slot[13] = checksum;
	for (uint32_t i = 0; i < FAT_SLOT_UNITS; i++) {
		uint32_t unit = 0xffff;

		if (first + i < count)
			unit = units[first + i];
		else if (first + i == count)
			unit = 0;
		fat_put16(slot + slot_places[i], unit);
	}
}

void fat_long_take(struct fat_long *name, const uint8_t slot[FAT_SLOT_BYTES])
{
	uint32_t part = slot[0] & SLOT_ORDER;

	if (slot[0] & SLOT_LAST) {
		name->parts = name->expected = part;
		name->checksum = slot[13];
	}
	if (!name->parts || part != name->expected || !part || part > FAT_SLOTS_MAX ||
	    slot[13] != name->checksum) {
		name->parts = 0;
		return;
	}
	for (uint32_t i = 0; i < FAT_SLOT_UNITS; i++)
		name->units[(part - 1) * FAT_SLOT_UNITS + i] =
			(uint16_t)fat_get16(slot + slot_places[i]);
	name->expected--;
}

bool fat_long_valid(const uint16_t *units, uint32_t count)
{
	if (!count || (units[0] == '.' && (count == 1 || (count == 2 && units[1] == '.'))))
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (units[i] < ' ' || units[i] == '/')
			return false;
	return true;
}

uint32_t fat_long_end(struct fat_long *name, const uint8_t *entry)
{
	uint32_t count = 0, room = name->parts * FAT_SLOT_UNITS;
	bool complete = name->parts && !name->expected &&
			name->checksum == fat_short_checksum(entry);

	name->parts = 0;
	if (!complete)
		return 0;
	while (count < room && name->units[count])
		count++;
	if (count > FAT_NAME_UNITS || !fat_long_valid(name->units, count))
		return 0;
	return count;
}
