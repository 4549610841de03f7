// SPDX-License-Identifier: MIT
/*
 * A program that loads drivers and runs them: banos-run FILE... [-- NAME=VALUE...]
 *
 *	cc $(pkg-config --cflags banos-loader) example.c $(pkg-config --libs banos-loader)
 *
 * It stands in for a kernel: its table of functions below is all that drivers can call,
 * besides what the drivers before them export. Each is loaded, started, and at the end
 * stopped and unloaded, the last one first.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <banos-loader.h>

#define DRIVERS_MAX 16
#define PAGE	    4096u
#define TEXT_MAX    512u

static struct banos_loaded *drivers[DRIVERS_MAX];
static size_t ndrivers;
static size_t bytes_out, pages_out; /* that are still allocated */

/* ---- functions for drivers: as <banos/...> declares them ---- */

static int64_t api_level(void)
{
	return 1;
}

/* One conversion of a format, with the next of the values. @return what follows it */
static const char *print_value(const char *format, uint64_t value)
{
	char conversion[32];
	size_t length = strspn(format + 1, "-+ #0123456789.lhzjt") + 2;

	if (length >= sizeof(conversion))
		return format + 1;
	memcpy(conversion, format, length);
	conversion[length] = 0;
	switch (conversion[length - 1]) {
	case 's': printf(conversion, (const char *)value); break;
	case 'd':
	case 'i':
		if (strchr(conversion, 'l'))
			printf(conversion, (long)value);
		else
			printf(conversion, (int)value);
		break;
	default:
		if (strchr(conversion, 'l') || conversion[length - 1] == 'p')
			printf(conversion, (unsigned long)value);
		else
			printf(conversion, (unsigned int)value);
	}
	return format + length;
}

static int64_t print_args(void *owner, uint32_t level, const char *format, const uint64_t *values,
			  uint32_t count)
{
	uint32_t used = 0;

	printf("%s: ", (const char *)owner);
	while (*format) {
		if (format[0] == '%' && format[1] == '%') {
			putchar('%');
			format += 2;
		} else if (format[0] == '%' && used < count) {
			format = print_value(format, values[used++]);
		} else {
			putchar(*format++);
		}
	}
	putchar('\n');
	(void)level;
	return 0;
}

static void *alloc_for(void *owner, uint64_t size, uint32_t flags)
{
	(void)owner;
	(void)flags;
	return calloc(1, size);
}

static int64_t free_for(void *owner, void *memory)
{
	(void)owner;
	free(memory);
	return 0;
}

static const struct {
	const char *name;
	void *function;
} functions[] = {
	{ "banos_api_level", (void *)api_level },
	{ "banos_print_args", (void *)print_args },
	{ "banos_alloc", (void *)alloc_for },
	{ "banos_free", (void *)free_for },
	{ "memcpy", (void *)memcpy },
	{ "memmove", (void *)memmove },
	{ "memset", (void *)memset },
	{ "memcmp", (void *)memcmp },
	{ "bcmp", (void *)memcmp },
	{ "strlen", (void *)strlen },
};

/* ---- the loader's world ---- */

static void *world_allocate(void *context, size_t bytes)
{
	size_t *memory = malloc(bytes + 16);

	if (!memory)
		return NULL;
	memory[0] = bytes;
	bytes_out += bytes;
	(void)context;
	return (char *)memory + 16;
}

static void world_release(void *context, void *memory)
{
	size_t *block = memory ? (size_t *)((char *)memory - 16) : NULL;

	(void)context;
	if (!block)
		return;
	bytes_out -= block[0];
	free(block);
}

/* In the lowest 2 GiB, with nothing executable yet. */
static void *world_allocate_pages(void *context, size_t npages, uint64_t *address)
{
	void *memory = mmap(NULL, npages * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	(void)context;
	if (memory == MAP_FAILED)
		return NULL;
	pages_out += npages;
	*address = (uint64_t)memory;
	return memory;
}

static void world_release_pages(void *context, void *memory, size_t npages)
{
	(void)context;
	pages_out -= npages;
	munmap(memory, npages * PAGE);
}

static int world_protect(void *context, void *memory, size_t npages, uint32_t what)
{
	static const int rights[] = { PROT_READ | PROT_EXEC, PROT_READ, PROT_READ | PROT_WRITE };

	(void)context;
	return mprotect(memory, npages * PAGE, rights[what]);
}

static void *world_lookup(void *context, const char *name)
{
	(void)context;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (!strcmp(functions[i].name, name))
			return functions[i].function;
	for (size_t i = 0; i < ndrivers; i++) {
		void *function = banos_loader_export(drivers[i], name);

		if (function)
			return function;
	}
	return NULL;
}

static int world_has_driver(void *context, const char *name)
{
	(void)context;
	for (size_t i = 0; i < ndrivers; i++)
		if (!strcmp(banos_loader_name(drivers[i]), name))
			return 1;
	return 0;
}

static void world_log(void *context, const char *sentence)
{
	(void)context;
	printf("%s\n", sentence);
}

static const struct banos_loader_env world = {
	.size = sizeof(world),
	.level = 1,
	.allocate = world_allocate,
	.release = world_release,
	.allocate_pages = world_allocate_pages,
	.release_pages = world_release_pages,
	.protect = world_protect,
	.lookup = world_lookup,
	.has_driver = world_has_driver,
	.log = world_log,
};

/* ---- the program ---- */

static void *read_file(const char *path, size_t *size)
{
	FILE *stream = fopen(path, "rb");
	void *data;

	if (!stream || fseek(stream, 0, SEEK_END)) {
		perror(path);
		exit(2);
	}
	*size = ftell(stream);
	rewind(stream);
	data = malloc(*size + 1);
	if (!data || fread(data, 1, *size, stream) != *size) {
		perror(path);
		exit(2);
	}
	fclose(stream);
	return data;
}

static int64_t run_driver(const char *path, const char *params)
{
	struct banos_loaded *driver;
	size_t size;
	void *file = read_file(path, &size);
	int64_t err = banos_loader_load(&world, file, size, params, &driver);

	free(file);
	if (err)
		return err;
	err = banos_loader_start(driver, (void *)banos_loader_name(driver));
	if (!err) {
		drivers[ndrivers++] = driver;
		return 0;
	}
	banos_loader_unload(driver);
	return err;
}

int main(int argc, char **argv)
{
	const char *params = "";
	int64_t err = 0;
	int nfiles = 1;

	while (nfiles < argc && strcmp(argv[nfiles], "--"))
		nfiles++;
	if (nfiles + 1 < argc)
		params = argv[nfiles + 1];
	for (int i = 1; i < nfiles && ndrivers < DRIVERS_MAX; i++) {
		int64_t result = run_driver(argv[i], i == nfiles - 1 ? params : NULL);

		if (result)
			printf("%s: error %d\n", argv[i], (int)-result);
		if (result)
			err = result;
	}
	while (ndrivers) {
		struct banos_loaded *driver = drivers[--ndrivers];

		banos_loader_stop(driver, (void *)banos_loader_name(driver));
		banos_loader_unload(driver);
	}
	printf("%zu bytes and %zu pages are left\n", bytes_out, pages_out);
	return err || bytes_out || pages_out;
}
