// SPDX-License-Identifier: MIT
/*
 * banos-check: would this driver file be installed?
 *
 * A dry run by the kernel's own loader, with the kernel's own words: for a kernel of a
 * level of the driver API, for the one in an image file, or for the one that a
 * configuration would make.
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
	fputs("usage: banos-check [OPTION]... FILE [NAME=VALUE]...\n"
	      "  Say whether a kernel would install the driver FILE, and if not, why.\n"
	      "  --kernel IMAGE  the kernel in this file (banos.elf, stripped too)\n"
	      "  --config FILE   the newest kernel known, configured so: which drivers are built in\n"
	      "  --level N       a kernel with level N of the driver API (default: the newest known)\n"
	      "  --with FILE     the driver FILE is installed there; may be repeated\n"
	      "  -e, --errno     print the error number in front\n"
	      "  -q, --quiet     print reasons only\n",
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
	world->pages_before += l->image.npages + 1;
	installed->next = all_installed;
	all_installed = installed;
}

/* ---- which kernel ---- */

static struct {
	void *file;
	struct host_kernel kernel;
} image;

static void choose_image(struct host_world *world, const char *path)
{
	const char *why;
	size_t size;

	image.file = read_whole_file(path, &size);
	why = host_kernel_read(&image.kernel, image.file, size);
	if (why) {
		fprintf(stderr, "banos-check: %s: %s\n", path, why);
		exit(2);
	}
	world->kernel = &image.kernel;
	for (u32 nth = 0; nth < image.kernel.ndrivers; nth++) {
		const struct host_driver *driver = &image.kernel.drivers[nth];

		text_append(&world->drivers, driver->name);
		for (u32 i = 0; i < driver->nexports; i++)
			text_append(&world->driver_exports, export_text(&driver->exports[i]));
	}
}

/* What of the tree's drivers is a part of the kernel where its option is y. */
static const struct {
	const char *option, *driver;
	const char *exports[32]; /* "NAME", or "NAME SIGNATURE" */
} built_in[] = {
#include <generated/built-in.inc>
};

static void add_built_in(struct host_world *world, u32 index)
{
	text_append(&world->drivers, built_in[index].driver);
	for (const char *const *text = built_in[index].exports; *text; text++) {
		char *copy = strdup(*text);

		if (!copy)
			exit(2);
		text_append(&world->driver_exports, copy);
	}
}

static void choose_config(struct host_world *world, const char *path)
{
	size_t size;
	char *text = read_whole_file(path, &size);

	text[size] = 0;
	if (!strstr(text, "CONFIG_")) {
		fprintf(stderr, "banos-check: %s is no configuration of a kernel\n", path);
		exit(2);
	}
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		for (u32 i = 0; i < ARRAY_SIZE(built_in); i++) {
			size_t length = strlen(built_in[i].option);

			if (strncmp(line, built_in[i].option, length) ||
			    strcmp(line + length, "=y"))
				continue;
			add_built_in(world, i);
		}
	free(text);
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
	host_kernel_free(&image.kernel);
	free(image.file);
	memset(&image, 0, sizeof(image));
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

	while ((header = record_next(l->records, l->records_size, &pos)))
		if (header->kind == BANOS_RECORD_IMPORT_AS &&
		    !signature_record_read(header, &record))
			printf("  calls %.*s \"%s\"\n", (int)record.name_len, record.name,
			       record.letters);
}

static void describe_driver(const struct loader *l, const char *path, u32 level)
{
	static const char *const parts[PARTS] = { "text", "rodata", "data" };

	printf("%s: %s %s can be installed (", path, l->driver->name, l->driver->version);
	if (image.kernel.release)
		printf("%s, ", image.kernel.release);
	printf("API level %u, built for level %u)\n", level, l->driver->level);
	if (descriptor_takes_tree_name(l->driver))
		printf("  warning: " TREE_NAME_WORDS "\n");
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

struct options {
	const char *kernel, *config;
	u32 level;
	bool quiet, number, help, wrong;
	char **with;
	int nwith;
};

static void read_arguments(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {
		{ "kernel", required_argument, NULL, 'k' },
		{ "config", required_argument, NULL, 'c' },
		{ "level", required_argument, NULL, 'l' },
		{ "with", required_argument, NULL, 'w' },
		{ "errno", no_argument, NULL, 'e' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int character;

	options->with = calloc(argc, sizeof(*options->with));
	if (!options->with)
		exit(2);
	while ((character = getopt_long(argc, argv, "+eqh", names, NULL)) != -1)
		switch (character) {
		case 'k': options->kernel = optarg; break;
		case 'c': options->config = optarg; break;
		case 'l':
			options->level = parse_level(optarg);
			options->wrong |= !options->level;
			break;
		case 'w': options->with[options->nwith++] = optarg; break;
		case 'e': options->number = true; break;
		case 'q': options->quiet = true; break;
		case 'h': options->help = true; break;
		default: options->wrong = true;
		}
	/* One kernel at a time. */
	options->wrong |= optind >= argc ||
			  !!options->kernel + !!options->config + !!options->level > 1;
}

static u32 choose_kernel(struct host_world *world, const struct options *options)
{
	if (options->kernel) {
		choose_image(world, options->kernel);
		return world->kernel->level;
	}
	if (options->config)
		choose_config(world, options->config);
	if (options->level)
		return options->level;
	return BANOS_LEVEL;
}

static int check_driver_file(struct host_world *world, const struct options *options, u32 level,
			     char **words, int nwords)
{
	struct loader loader;
	size_t size;
	void *file = read_whole_file(words[0], &size);
	char *params = join_params(words + 1, nwords - 1);
	int err;

	host_loader(&loader, world, level, file, size, params);
	err = loader_run(&loader);
	if (options->number)
		printf("%d\n", -err);
	if (err)
		fputs(loader.report->text ?: "no memory\n", stdout);
	else if (!options->quiet)
		describe_driver(&loader, words[0], level);
	host_loader_free(&loader);
	free(params);
	free(file);
	return err;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct host_world world = { 0 };
	u32 level;
	int err;

	read_arguments(argc, argv, &options);
	if (options.help) {
		print_usage(stdout);
		free(options.with);
		return 0;
	}
	if (options.wrong) {
		print_usage(stderr);
		free(options.with);
		return 2;
	}
	level = choose_kernel(&world, &options);
	for (int i = 0; i < options.nwith; i++)
		add_driver(&world, level, options.with[i]);
	err = check_driver_file(&world, &options, level, argv + optind, argc - optind);
	free_installed(&world);
	free(options.with);
	if (err)
		return 1;
	return 0;
}
