// SPDX-License-Identifier: MIT
/* Names of disks, and the device numbers that belong to them. Pure. */
#include <kernel/block_driver.h>
#include <kernel/string.h>
#include "names.h"

#define LETTERS	     26u
#define LETTERS_MAX  8u
#define INDEX_MAX    (1u << 20)
#define MINORS_OF_16 16u
#define MAJOR_RAM    1u
#define MAJOR_LOOP   7u
#define MAJOR_SCSI   8u
#define MAJOR_CDROM  11u
#define MAJOR_VIRTIO 253u

static bool char_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static bool char_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "a", ... "z", "aa", ... @return its length */
static u32 letters_write(char *to, u32 index)
{
	char reversed[LETTERS_MAX];
	u32 length = 0;

	for (index++; index; index = (index - 1) / LETTERS)
		reversed[length++] = 'a' + (index - 1) % LETTERS;
	for (u32 i = 0; i < length; i++)
		to[i] = reversed[length - 1 - i];
	to[length] = 0;
	return length;
}

size_t disk_pattern_place(const char *pattern)
{
	size_t place = 0;

	while (pattern[place] && pattern[place] != '*' && pattern[place] != '#')
		place++;
	return place;
}

bool disk_name_make(char *name, u32 size, const char *pattern, u32 index)
{
	char middle[LETTERS_MAX * 2] = "";
	size_t before = disk_pattern_place(pattern), length;

	if (index >= INDEX_MAX || (!pattern[before] && index))
		return false;
	if (pattern[before] == '*')
		letters_write(middle, index);
	else if (pattern[before])
		snprintf(middle, sizeof(middle), "%u", index);
	length = strlen(pattern) + strlen(middle) - (pattern[before] != 0);
	if (length >= size)
		return false;
	memcpy(name, pattern, before);
	snprintf(name + before, size - before, "%s%s", middle,
		 pattern + before + (pattern[before] != 0));
	return true;
}

bool disk_name_partition(char *name, u32 size, const char *whole, u32 number)
{
	size_t length = strlen(whole);
	const char *between = "";
	char digits[12];

	if (length && char_is_digit(whole[length - 1]))
		between = "p";

	snprintf(digits, sizeof(digits), "%s%u", between, number);
	if (length + strlen(digits) >= size)
		return false;
	snprintf(name, size, "%s%s", whole, digits);
	return true;
}

bool disk_pattern_is_valid(const char *pattern, u32 size)
{
	size_t length = strnlen(pattern, size);
	u32 places = 0;

	if (!length || length == size || !char_is_letter(pattern[0]))
		return false;
	for (size_t i = 0; i < length; i++) {
		bool place = pattern[i] == '*' || pattern[i] == '#';

		places += place;
		if (!place && !char_is_letter(pattern[i]) && !char_is_digit(pattern[i]))
			return false;
	}
	return places <= 1;
}

static bool index_of_letters(const char *text, u32 *index)
{
	u64 value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < 'a' || *text > 'z' || value > INDEX_MAX)
			return false;
		value = value * LETTERS + (*text - 'a' + 1);
	}
	*index = value - 1;
	return value <= INDEX_MAX;
}

static bool index_of_digits(const char *text, u32 *index)
{
	u64 value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (!char_is_digit(*text) || value > INDEX_MAX)
			return false;
		value = value * 10 + (*text - '0');
	}
	*index = value;
	return value < INDEX_MAX;
}

bool disk_name_numbers(const char *name, struct disk_numbers *numbers)
{
	static const struct {
		char prefix[5];
		u8 major, minors;
		bool letters;
	} known[] = {
		{ "sd", MAJOR_SCSI, MINORS_OF_16, true },
		{ "vd", MAJOR_VIRTIO, MINORS_OF_16, true },
		{ "sr", MAJOR_CDROM, 1, false },
		{ "ram", MAJOR_RAM, 1, false },
		{ "loop", MAJOR_LOOP, 1, false },
	};

	for (u32 i = 0; i < ARRAY_SIZE(known); i++) {
		size_t length = strlen(known[i].prefix);
		bool found = !strncmp(name, known[i].prefix, length);

		if (found && known[i].letters)
			found = index_of_letters(name + length, &numbers->index);
		else if (found)
			found = index_of_digits(name + length, &numbers->index);
		if (!found)
			continue;
		numbers->major = known[i].major;
		numbers->minors = known[i].minors;
		return true;
	}
	return false;
}
