/* SPDX-License-Identifier: MIT */
/*
 * Random work on one file, in the manner of fsx: filework FILE SEED STEPS [BYTES]
 *
 * Each step changes the file, or reads it, in one of the ways that there are; a model in memory is changed likewise,
 * and what is read must be what the model has. The steps follow from the seed. Now and then, and at the
 * end, all of it is read with an empty cache. Exit status 0, or 1 with the last steps on the output.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE	  4096u
#define SECTOR	  512u
#define KEPT	  40 /* steps that are remembered */
#define MOST_STEP 70000u
#ifndef FALLOC_FL_ZERO_RANGE /* musl has it in no header */
#define FALLOC_FL_ZERO_RANGE 0x10
#endif

static const char *file_name;
static uint32_t most = 400000;
static uint8_t *model, *bytes;
static uint32_t size;
static int file, direct, copy;
static uint64_t seed;
static char steps[KEPT][80];
static unsigned steps_done;

static void work_fail(const char *what)
{
	int error = errno;

	for (unsigned i = 0; i < KEPT; i++)
		if (*steps[(steps_done + i) % KEPT])
			printf("%s\n", steps[(steps_done + i) % KEPT]);
	printf("not ok: step %u, size %u: %s (%s)\n", steps_done, size, what, strerror(error));
	exit(1);
}

#define NEED(condition)                        \
	do {                                   \
		if (!(condition))              \
			work_fail(#condition); \
	} while (0)

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(steps[steps_done % KEPT], sizeof(steps[0]), format, args);
	va_end(args);
}

static uint32_t below(uint32_t limit)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % limit);
}

static void compare(const char *how, uint32_t offset, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		if (bytes[i] != model[offset + i]) {
			printf("%s %u bytes at %u: byte %u is %#x, not %#x\n", how, length, offset,
			       offset + i, bytes[i], model[offset + i]);
			errno = 0;
			work_fail("what was read is not what was written");
		}
}

static void fill(uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)below(256);
}

static void model_size(uint32_t to)
{
	if (to < size)
		memset(model + to, 0, size - to);
	size = to;
}

/* What is in bytes[] is in the file now. */
static void model_write(uint32_t offset, uint32_t length)
{
	memcpy(model + offset, bytes, length);
	if (offset + length > size)
		size = offset + length;
}

static uint32_t readable(uint32_t offset, uint32_t length)
{
	if (offset >= size)
		return 0;
	if (length > size - offset)
		return size - offset;
	return length;
}

static uint32_t some_offset(void)
{
	if (size && below(3))
		return below(size);
	return below(most);
}

static uint32_t some_length(uint32_t offset)
{
	uint32_t length = 1 + below(below(4) ? 3000 : MOST_STEP);

	if (length > most - offset)
		return most - offset;
	return length;
}

/* ---- steps ---- */

static void step_read(void)
{
	uint32_t offset = some_offset(), length = some_length(offset);

	note("read %u at %u", length, offset);
	NEED(pread(file, bytes, length, offset) == readable(offset, length));
	compare("read", offset, readable(offset, length));
}

static void step_write(void)
{
	uint32_t offset = some_offset(), length = some_length(offset);

	note("write %u at %u", length, offset);
	fill(length);
	NEED(pwrite(file, bytes, length, offset) == length);
	model_write(offset, length);
}

static void step_write_pieces(void)
{
	uint32_t offset = some_offset(), length = some_length(offset), part = length / 3;
	struct iovec pieces[3] = { { bytes, part },
				   { bytes + part, part },
				   { bytes + 2 * part, length - 2 * part } };

	note("write %u in pieces at %u", length, offset);
	fill(length);
	NEED(pwritev(file, pieces, 3, offset) == length);
	model_write(offset, length);
}

static void step_append(void)
{
	uint32_t length = some_length(size), offset = size;
	int end = open(file_name, O_WRONLY | O_APPEND);

	note("append %u", length);
	fill(length);
	NEED(end >= 0);
	NEED(write(end, bytes, length) == length || !length);
	NEED(!close(end));
	model_write(offset, length);
}

static void step_truncate(void)
{
	uint32_t to = some_offset();

	note("truncate to %u", to);
	NEED(!ftruncate(file, to));
	model_size(to);
}

static void step_truncate_little(void)
{
	uint32_t to = size - below(size < 6000 ? size + 1 : 6000);

	note("truncate to %u, a little less", to);
	NEED(!truncate(file_name, to));
	model_size(to);
}

static void step_map_write(void)
{
	uint32_t offset = some_offset(), length = some_length(offset), before = offset % PAGE;
	uint8_t *map;

	note("write %u at %u, mapped", length, offset);
	fill(length);
	if (!length)
		return;
	if (offset + length > size) {
		NEED(!ftruncate(file, offset + length));
		model_size(offset + length);
	}
	map = mmap(NULL, length + before, PROT_READ | PROT_WRITE, MAP_SHARED, file,
		   offset - before);
	NEED(map != MAP_FAILED);
	memcpy(map + before, bytes, length);
	if (below(3) == 0)
		NEED(!msync(map, length + before, MS_SYNC));
	NEED(!munmap(map, length + before));
	model_write(offset, length);
}

/* Behind the end of the file the last page has zeros. */
static void step_map_read(void)
{
	uint32_t offset = some_offset() / PAGE * PAGE, length = readable(offset, MOST_STEP);
	uint8_t *map;

	note("read %u at %u, mapped", length, offset);
	if (!length)
		return;
	map = mmap(NULL, length, PROT_READ, MAP_SHARED, file, offset);
	NEED(map != MAP_FAILED);
	memcpy(bytes, map, length);
	compare("mapped", offset, length);
	for (uint32_t i = length; offset + length == size && i % PAGE; i++)
		NEED(map[i] == 0);
	NEED(!munmap(map, length));
}

static void step_direct_read(void)
{
	uint32_t offset = some_offset() / SECTOR * SECTOR,
		 length = (some_length(offset) + SECTOR - 1) / SECTOR * SECTOR;

	note("read %u at %u, direct", length, offset);
	NEED(pread(direct, bytes, length, offset) == readable(offset, length));
	compare("direct", offset, readable(offset, length));
}

static void step_direct_write(void)
{
	uint32_t offset = some_offset() / SECTOR * SECTOR,
		 length = some_length(offset) / SECTOR * SECTOR;

	note("write %u at %u, direct", length, offset);
	fill(length);
	NEED(pwrite(direct, bytes, length, offset) == length);
	if (length)
		model_write(offset, length);
}

static void step_send(void)
{
	uint32_t offset = some_offset(), length = some_length(offset), is = 0;
	off_t place = offset;
	ssize_t part;

	note("sendfile %u at %u", length, offset);
	NEED(!ftruncate(copy, 0) && lseek(copy, 0, SEEK_SET) == 0);
	while (is < readable(offset, length)) {
		part = sendfile(copy, file, &place, length - is);
		NEED(part > 0);
		is += (uint32_t)part;
	}
	NEED(pread(copy, bytes, MOST_STEP, 0) == is);
	compare("sent", offset, is);
}

static void step_allocate(void)
{
	static const int modes[] = { 0, FALLOC_FL_KEEP_SIZE,
				     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				     FALLOC_FL_ZERO_RANGE };
	uint32_t offset = some_offset(), length = some_length(offset), end;
	unsigned mode = below(4);

	note("fallocate mode %u, %u at %u", mode, length, offset);
	if (!length)
		return;
	if (fallocate(file, modes[mode], offset, length)) {
		NEED(errno == EOPNOTSUPP);
		return;
	}
	end = offset + length;
	if (mode >= 2 && offset < size) {
		memset(model + offset, 0, readable(offset, length));
	}
	if ((mode == 0 || mode == 3) && end > size)
		model_size(end);
}

static void step_sync(void)
{
	note("sync");
	if (below(2))
		NEED(!fsync(file));
	else
		NEED(!fdatasync(file));
}

static void step_drop(void)
{
	note("sync, drop the cache and read all");
	NEED(!fsync(file) && !posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED));
	NEED(pread(file, bytes, most, 0) == size);
	compare("all", 0, size);
}

static void files_open(void)
{
	file = open(file_name, O_RDWR | O_CREAT, 0644);
	NEED(file >= 0);
	direct = open(file_name, O_RDWR | O_DIRECT);
	NEED(direct >= 0);
}

static void step_reopen(void)
{
	struct stat st;

	note("close and open");
	NEED(!close(file) && !close(direct));
	files_open();
	NEED(!fstat(file, &st) && st.st_size == size);
}

static void (*const kinds[])(void) = {
	step_read,	  step_write,		step_read,	   step_write,	  step_append,
	step_truncate,	  step_truncate_little, step_map_write,	   step_map_read, step_map_write,
	step_direct_read, step_direct_write,	step_send,	   step_allocate, step_sync,
	step_drop,	  step_reopen,		step_write_pieces,
};

int main(int argc, char **argv)
{
	unsigned count;

	if (argc < 4)
		return 2;
	file_name = argv[1];
	seed = strtoull(argv[2], NULL, 0);
	count = (unsigned)strtoul(argv[3], NULL, 0);
	if (argc > 4)
		most = (uint32_t)strtoul(argv[4], NULL, 0);
	model = calloc(1, most + 2 * PAGE);
	bytes = aligned_alloc(PAGE, (most + MOST_STEP + PAGE) / PAGE * PAGE);
	copy = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	NEED(model && bytes && copy >= 0);
	unlink(file_name);
	files_open();
	for (; steps_done < count; steps_done++)
		kinds[below(sizeof(kinds) / sizeof(kinds[0]))]();
	step_drop();
	printf("ok: %u steps\n", steps_done);
	return 0;
}
