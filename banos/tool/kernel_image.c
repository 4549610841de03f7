// SPDX-License-Identifier: MIT
/*
 * A kernel, read from its image: the label (kernel/image_label.h) leads to the table
 * of exports and to the built-in drivers. The file may be anybody's: every address
 * is looked up in the program headers and has to be within the file.
 */
#include <stdlib.h>
#include <string.h>
#include <kernel/image_label.h>
#include <kernel/string.h>
#include "host.h"

#define LABEL_ALIGN 16u
#define ENTRIES_MAX (1u << 20)
#define BUILTIN_WORDS \
	5u /* of struct builtin_driver: path, records and their end, exports and theirs */

/* What is needed of a descriptor, which other kernels' headers may make longer. */
#define RECORD_BYTES (offsetof(struct banos_driver_record, name) + BANOS_NAME_SIZE)

struct image {
	const u8 *file;
	size_t size;
	const Elf64_Phdr *segments;
	u32 nsegments;
};

/* What is in the file of [addr, addr + size); NULL: not all of it. Words are aligned there as in memory. */
static const void *image_at(const struct image *image, u64 addr, u64 size)
{
	for (u32 i = 0; i < image->nsegments; i++) {
		const Elf64_Phdr *segment = &image->segments[i];
		u64 offset = addr - segment->p_vaddr;

		if (size > 1 && addr % 8)
			return NULL;
		if (segment->p_type == PT_LOAD && addr >= segment->p_vaddr &&
		    offset <= segment->p_filesz && size <= segment->p_filesz - offset)
			return image->file + segment->p_offset + offset;
	}
	return NULL;
}

static const char *image_text(const struct image *image, u64 addr)
{
	const char *text = image_at(image, addr, 1); /* at any address */
	u64 limit;

	if (!text)
		return NULL;
	limit = image->file + image->size - (const u8 *)text;
	if (strnlen(text, limit) == limit)
		return NULL;
	return text;
}

static const char *image_open(struct image *image)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)image->file;

	if (image->size < sizeof(*header) || memcmp(header->e_ident, ELFMAG, SELFMAG) ||
	    header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_type != ET_EXEC)
		return "it is no ELF image of a kernel";
	if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phoff > image->size ||
	    header->e_phnum > (image->size - header->e_phoff) / sizeof(Elf64_Phdr) ||
	    header->e_phoff % 8)
		return "its program headers lie outside of the file";
	image->segments = (const Elf64_Phdr *)(image->file + header->e_phoff);
	image->nsegments = header->e_phnum;
	for (u32 i = 0; i < image->nsegments; i++)
		if (image->segments[i].p_offset % 8 || image->segments[i].p_vaddr % 8 ||
		    image->segments[i].p_offset > image->size ||
		    image->segments[i].p_filesz > image->size - image->segments[i].p_offset)
			return "a segment lies outside of the file";
	return NULL;
}

static const struct image_label *label_find(const struct image *image)
{
	static const char magic[] = IMAGE_LABEL_MAGIC;

	for (u32 i = 0; i < image->nsegments; i++) {
		const Elf64_Phdr *segment = &image->segments[i];
		u64 pos = ALIGN_UP(segment->p_vaddr, LABEL_ALIGN) - segment->p_vaddr;

		for (; segment->p_type == PT_LOAD && pos < segment->p_filesz; pos += LABEL_ALIGN) {
			const struct image_label *label =
				image_at(image, segment->p_vaddr + pos, IMAGE_LABEL_SIZE_1);

			if (label && !memcmp(label->magic, magic, sizeof(label->magic)) &&
			    label->size >= IMAGE_LABEL_SIZE_1)
				return label;
		}
	}
	return NULL;
}

/* The entries of [start, end). */
static const char *read_exports(const struct image *image, const struct image_label *label,
				u64 start, u64 end, struct load_export **list, u32 *count)
{
	u64 nentries = (end - start) / MAX(label->export_size, 16u);

	if (end < start || nentries > ENTRIES_MAX)
		return "its table of exports has no sensible size";
	*list = calloc(nentries + 1, sizeof(**list));
	if (!*list)
		return "there is no memory for its exports";
	for (u64 nth = 0; nth < nentries; nth++) {
		const u64 *entry = image_at(image, start + nth * label->export_size, 16);
		const char *name = entry ? image_text(image, entry[0]) : NULL;

		if (!name)
			return "its table of exports lies outside of the file";
		(*list)[(*count)++] = (struct load_export){ name, entry[1], NULL };
	}
	return NULL;
}

static void *report_alloc(void *arg, size_t size)
{
	return malloc(size);
}

static void report_free(void *arg, void *memory)
{
	free(memory);
}

static const char *read_records(const struct image *image, const u64 *builtin,
				struct host_driver *driver)
{
	u64 size = builtin[2] - builtin[1];
	const u8 *records = image_at(image, builtin[1], size);
	const struct banos_driver_record *record = (const void *)records;
	struct report report;
	int err;

	if (!records || builtin[2] < builtin[1] || size < RECORD_BYTES ||
	    strnlen(record->name, BANOS_NAME_SIZE) == BANOS_NAME_SIZE)
		return "the record of a built-in driver lies outside of the file";
	driver->name = record->name;
	report_init(&report, report_alloc, report_free, NULL);
	err = exports_take_letters(&report, records, size, driver->exports, driver->nexports);
	report_destroy(&report);
	if (err)
		return "the signatures of a built-in driver are malformed";
	return NULL;
}

static const char *read_builtin(const struct image *image, const struct image_label *label,
				const u64 *builtin, struct host_kernel *kernel)
{
	struct host_driver *grown = realloc(kernel->drivers,
					    (kernel->ndrivers + 1) * sizeof(*grown)),
			   *driver;
	const char *why;

	if (!grown)
		return "there is no memory for its drivers";
	kernel->drivers = grown;
	driver = &grown[kernel->ndrivers++];
	*driver = (struct host_driver){ 0 };
	why = read_exports(image, label, builtin[3], builtin[4], &driver->exports,
			   &driver->nexports);
	if (!why)
		why = read_records(image, builtin, driver);
	return why;
}

static const char *read_builtins(const struct image *image, const struct image_label *label,
				 struct host_kernel *kernel)
{
	const char *why = NULL;

	if (label->builtin_size < BUILTIN_WORDS * 8 || label->builtins_end < label->builtins ||
	    (label->builtins_end - label->builtins) / label->builtin_size > ENTRIES_MAX)
		return "its table of built-in drivers has no sensible size";
	for (u64 addr = label->builtins; addr < label->builtins_end && !why;
	     addr += label->builtin_size) {
		const u64 *builtin = image_at(image, addr, BUILTIN_WORDS * 8);

		why = "its table of built-in drivers lies outside of the file";
		if (builtin)
			why = read_builtin(image, label, builtin, kernel);
	}
	return why;
}

static bool is_drivers(const struct host_kernel *kernel, const char *name)
{
	for (u32 nth = 0; nth < kernel->ndrivers; nth++)
		for (u32 i = 0; i < kernel->drivers[nth].nexports; i++)
			if (kernel->drivers[nth].exports[i].name == name)
				return true;
	return false;
}

/* The table of exports holds those of built-in drivers as well. */
static void drop_driver_functions(struct host_kernel *kernel)
{
	u32 kept = 0;

	for (u32 i = 0; i < kernel->nfunctions; i++)
		if (!is_drivers(kernel, kernel->functions[i].name))
			kernel->functions[kept++] = kernel->functions[i];
	kernel->nfunctions = kept;
}

static const char *read_drafts(const struct image *image, const struct image_label *label,
			       struct host_kernel *kernel)
{
	u32 count = 0;

	for (;;) {
		const u64 *entry = image_at(image, label->drafts + count * 16, 16);
		struct draft *grown = realloc(kernel->drafts, (count + 1) * sizeof(*grown));

		if (!grown)
			return "there is no memory for its drafts";
		kernel->drafts = grown;
		grown[count] = (struct draft){ NULL, NULL };
		if (!entry || count == ENTRIES_MAX)
			return "its table of drafts lies outside of the file";
		if (!entry[0])
			return NULL;
		grown[count].header = image_text(image, entry[0]);
		grown[count].fingerprint = image_text(image, entry[1]);
		if (!grown[count].header || !grown[count].fingerprint)
			return "a draft lies outside of the file";
		count++;
	}
}

const char *host_kernel_read(struct host_kernel *kernel, const u8 *file, size_t size)
{
	struct image image = { .file = file, .size = size };
	const struct image_label *label;
	const char *why = image_open(&image);

	memset(kernel, 0, sizeof(*kernel));
	if (why)
		return why;
	label = label_find(&image);
	if (!label)
		return "it has no label of a Banos kernel (0.2.0 or later)";
	if (!label->level ||
	    strnlen(label->release, sizeof(label->release)) == sizeof(label->release))
		return "its label makes no sense";
	kernel->release = label->release;
	kernel->level = label->level;
	kernel->flags = label->flags;
	kernel->file_max = label->file_max;
	kernel->memory_max = label->memory_max;
	kernel->driver_base = label->driver_base + PAGE_SIZE;
	why = read_exports(&image, label, label->exports, label->exports_end, &kernel->functions,
			   &kernel->nfunctions);
	if (!why)
		why = read_builtins(&image, label, kernel);
	if (!why)
		why = read_drafts(&image, label, kernel);
	if (!why)
		drop_driver_functions(kernel);
	return why;
}

void host_kernel_free(struct host_kernel *kernel)
{
	for (u32 i = 0; i < kernel->ndrivers; i++)
		free(kernel->drivers[i].exports);
	free(kernel->drivers);
	free(kernel->drafts);
	free(kernel->functions);
}
