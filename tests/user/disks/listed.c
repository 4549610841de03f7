/* SPDX-License-Identifier: MIT */
/*
 * listed: make files with names of 1 to 255 characters in the present folder, and list it by buffers of several sizes; then a name
 * behind the place is removed and one is added between the calls. Says how many names were not listed just once.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LONGEST 255

static int seen[LONGEST + 1], wrong;

/* The name of that length. */
static const char *name_of(int length)
{
	static char name[LONGEST + 1];

	for (int i = 0; i < length; i++)
		name[i] = (char)('a' + (i * 7 + length) % 26);
	name[length] = 0;
	return name;
}

static void look_at(const uint8_t *record)
{
	const char *name = (const char *)record + 19;
	size_t length = strlen(name), used = (20 + length + 7) / 8 * 8;
	uint16_t bytes;

	memcpy(&bytes, record + 16, sizeof(bytes));
	if (!strcmp(name, ".") || !strcmp(name, "..")) {
		seen[0]++;
		return;
	}
	if (length > LONGEST || strcmp(name, name_of((int)length)) || bytes != used ||
	    record[18] != 8)
		wrong++;
	else
		seen[length]++;
	for (size_t i = 19 + length; i < bytes; i++)
		wrong += record[i] != 0;
}

static void make(int length)
{
	int file = open(name_of(length), O_CREAT | O_WRONLY, 0600);

	if (file < 0)
		exit(2);
	close(file);
}

/* @changes: while the folder is listed, the longest name ends, if it is not listed yet, and begins */
static void list(unsigned int size, int changes)
{
	static uint8_t buffer[40000];
	int folder = open(".", O_RDONLY | O_DIRECTORY);
	long got;

	memset(seen, 0, sizeof(seen));
	memset(buffer, 0xff, sizeof(buffer));
	while ((got = syscall(SYS_getdents64, folder, buffer, size)) > 0) {
		uint16_t bytes;

		for (long at = 0; at < got; at += bytes) {
			memcpy(&bytes, buffer + at + 16, sizeof(bytes));
			if (!bytes)
				exit(3);
			look_at(buffer + at);
		}
		if (changes) {
			unlink(name_of(LONGEST));
			make(LONGEST);
		}
	}
	if (got)
		exit(4);
	close(folder);
	wrong += seen[0] != 2;
	for (int i = 1; i < LONGEST + !changes; i++)
		wrong += seen[i] != 1;
}

int main(void)
{
	static const unsigned int sizes[] = { 32768, 40000, 2048, 1000, 600, 511, 300, 280 };

	for (int i = 1; i <= LONGEST; i++)
		make(i);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (int changes = 0; changes < 2; changes++)
			list(sizes[i], changes);
	printf("%d wrong\n", wrong);
	return wrong != 0;
}
