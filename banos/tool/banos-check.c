// SPDX-License-Identifier: MIT
/*
 * banos-check: would this driver file be installed?
 *
 * A dry run by the kernel's own loader, with the kernel's own words.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <kernel/signature.h>
#include <kernel/string.h>
#include "host.h"

static void print_usage(FILE *to)
{
	fputs("usage: banos-check [-q] [-e] [--level N] [--with FILE]... FILE [NAME=VALUE]...\n"
	      "  Say whether a kernel would install the driver FILE, and if not, why.\n"
	      "  --level N    a kernel with level N of the driver API (default: the newest known)\n"
	      "  --with FILE  the driver FILE is installed there; may be repeated\n"
	      "  -e, --errno  print the error number in front\n"
	      "  -q, --quiet  print reasons only\n",
	      to);
}

static void *read_whole_file(const char *path, size_t *size)
{
	FILE *stream = fopen(path, "rb");
	struct stat info = { .st_mode = S_IFREG };
	void *data = NULL;

	if (stream && !fstat(fileno(stream), &info) && S_ISREG(info.st_mode)) {
		*size = info.st_size;
		data = malloc(*size + 1);
		if (data && fread(data, 1, *size, stream) != *size) {
			free(data);
			data = NULL;
		}
	}
	if (!data) {
		const char *why = strerror(errno ?: EINVAL);

		if (stream && !S_ISREG(info.st_mode))
			why = "not a regular file";
		fprintf(stderr, "banos-check: cannot read %s: %s\n", path, why);
		exit(2);
	}
	fclose(stream);
	return data;
}

/* Lists of a world that grow. */
static void text_append(const char *const **list, const char *text)
{
	const char **new = (const char **)*list;
	size_t added = 0;

	while (new &&new[added])
		added++;
	new = realloc(new, (added + 2) * sizeof(*new));
	if (!new)
		exit(2);
	new[added] = text;
	new[added + 1] = NULL;
	*list = new;
}

/* "NAME", or "NAME SIGNATURE" */
static const char *export_text(const struct load_export *export)
{
	const char *letters = export->letters ?: "";
	size_t size = strlen(export->name) + strlen(letters) + 2;
	char *text = malloc(size);

	if (!text)
		exit(2);
	snprintf(text, size, export->letters ? "%s %s" : "%s", export->name, letters);
	return text;
}

/* A driver that is installed: what it exports can be imported. */
struct installed {
	struct installed *next;
	struct loader loader;
	void *file;
};
static struct installed *all_installed;

static void add_driver(struct host_world *world, u32 level, const char *path)
{
	struct installed *installed = calloc(1, sizeof(*installed));
	struct loader *l;
	size_t size;

	if (!installed)
		exit(2);
	l = &installed->loader;
	installed->file = read_whole_file(path, &size);
	host_loader(l, world, level, installed->file, size, NULL);
	if (loader_run(l)) {
		fprintf(stderr, "banos-check: %s itself would not be installed:\n%s", path,
			l->report->text ?: "");
		exit(2);
	}
	text_append(&world->drivers, l->driver->name);
	for (u32 index = 0; index < l->nexports; index++)
		text_append(&world->driver_exports, export_text(&l->exports[index]));
	installed->next = all_installed;
	all_installed = installed;
}

static void free_installed(struct host_world *world)
{
	for (struct installed *installed; (installed = all_installed); free(installed)) {
		all_installed = installed->next;
		host_loader_free(&installed->loader);
		free(installed->file);
	}
	for (const char *const *text = world->driver_exports; text && *text; text++)
		free((void *)*text);
	free((void *)world->drivers);
	free((void *)world->driver_exports);
}

/* As insmod does: a value with blanks gets quotes. */
static char *join_params(char **words, int length)
{
	size_t size = 1, used = 0;
	char *text;

	for (int i = 0; i < length; i++)
		size += strlen(words[i]) + 3;
	text = calloc(1, size);
	for (int i = 0; text && i < length; i++) {
		const char *value = strchr(words[i], '=');

		if (value && strpbrk(value, " \t") && value[1] != '"')
			used += sprintf(text + used, "%.*s\"%s\" ", (int)(value + 1 - words[i]),
					words[i], value + 1);
		else
			used += sprintf(text + used, "%s ", words[i]);
	}
	return text;
}

/* The signatures with which it calls other drivers, if it calls them. */
static void describe_calls(const struct loader *l)
{
	const struct record_header *header;
	struct signature_record record;
	u64 pos = 0;

	while ((header = record_next(l->records, l->sections[l->driver_section].sh_size, &pos)))
		if (header->kind == BANOS_RECORD_IMPORT_AS &&
		    !signature_record_read(header, &record))
			printf("  calls %.*s \"%s\"\n", (int)record.name_len, record.name,
			       record.letters);
}

static void describe_driver(const struct loader *l, const char *path, u32 level)
{
	static const char *const parts[PARTS] = { "text", "rodata", "data" };

	printf("%s: %s %s can be installed (API level %u, built for level %u)\n", path,
	       l->driver->name, l->driver->version, level, l->driver->level);
	printf("  memory: %lu pages:", (unsigned long)l->image.npages);
	for (u32 part = 0; part < PARTS; part++)
		printf(" %s %lu", parts[part], (unsigned long)l->image.part_size[part]);
	printf("\n");
	for (u32 i = 0; i < l->nexports; i++)
		if (l->exports[i].letters)
			printf("  exports %s \"%s\"\n", l->exports[i].name, l->exports[i].letters);
		else
			printf("  exports %s\n", l->exports[i].name);
	describe_calls(l);
}

/* 0: that is no level */
static u32 parse_level(const char *text)
{
	u64 level;

	if (parse_u64(text, 10, &level) || level > ~0u)
		return 0;
	return level;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "level", required_argument, NULL, 'l' }, { "with", required_argument, NULL, 'w' },
		{ "errno", no_argument, NULL, 'e' },	   { "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },	   { 0 },
	};
	struct host_world world = { 0 };
	u32 level = BANOS_LEVEL;
	int character, quiet = 0, number = 0, err;
	struct loader loader;
	size_t size;
	char *params;
	void *file;

	while ((character = getopt_long(argc, argv, "+eqh", options, NULL)) != -1)
		switch (character) {
		case 'l': level = parse_level(optarg); break;
		case 'w': add_driver(&world, level, optarg); break;
		case 'e': number = 1; break;
		case 'q': quiet = 1; break;
		case 'h': print_usage(stdout); return 0;
		default: print_usage(stderr); return 2;
		}
	if (optind >= argc || !level) {
		print_usage(stderr);
		return 2;
	}
	file = read_whole_file(argv[optind], &size);
	params = join_params(argv + optind + 1, argc - optind - 1);
	host_loader(&loader, &world, level, file, size, params);
	err = loader_run(&loader);
	if (number)
		printf("%d\n", -err);
	if (err)
		fputs(loader.report->text ?: "no memory\n", stdout);
	else if (!quiet)
		describe_driver(&loader, argv[optind], level);
	host_loader_free(&loader);
	free(params);
	free(file);
	free_installed(&world);
	if (err)
		return 1;
	return 0;
}
