// SPDX-License-Identifier: MIT
/* Targets: kernel/process/script_line.c, kernel/process/elf_image.c. */
#include <stdlib.h>
#include <string.h>
#include "../../kernel/process/elf_image.h"
#include "../../kernel/process/script_line.h"
#include "pure.h"

static const struct elf_limits limits = { 0x10000, 0x7ffffffff000 };

static void fuzz_script(const uint8_t *data, size_t size)
{
	char *buf = malloc(SCRIPT_LINE_MAX), *interp = NULL, *arg = NULL;
	size_t count = MIN(size, (size_t)SCRIPT_LINE_MAX - 1);

	memset(buf, 0x55, SCRIPT_LINE_MAX);
	memcpy(buf, data, count);
	if (!script_parse(buf, count, SCRIPT_LINE_MAX, &interp, &arg)) {
		require(interp > buf && *interp &&
				memchr(interp, 0, buf + SCRIPT_LINE_MAX - interp) != NULL,
			"the interpreter's name has an end");
		require(!arg || (arg > interp &&
				 memchr(arg, 0, buf + SCRIPT_LINE_MAX - arg) != NULL),
			"the argument has an end");
	}
	free(buf);
}

static void check_segment(const Elf64_Phdr *segment, const struct elf_image *image)
{
	struct elf_mapping mapping;
	uint64_t end;

	elf_segment_mapping(segment, &mapping);
	if (mapping.anon_len)
		end = mapping.anon_start + mapping.anon_len;
	else
		end = mapping.start + mapping.file_len;
	require(!((mapping.start | mapping.file_len | mapping.file_offset | mapping.anon_start |
		   mapping.anon_len) &
		  (ELF_PAGE - 1)),
		"segments are whole pages");
	require(image->is_movable || !(mapping.file_len + mapping.anon_len) ||
			(mapping.start >= limits.user_base && end <= limits.user_end),
		"what is mapped lies in user space");
	require(mapping.prot < 8 && mapping.anon_prot < 8, "there are three rights");
	require(!mapping.file_len || (mapping.start >= image->low &&
				      mapping.start + mapping.file_len <= image->high),
		"files lie in the image");
	require(!mapping.anon_len || (mapping.anon_start >= image->low && end <= image->high),
		"memory lies in the image");
	require(!mapping.zero_len ||
			(mapping.zero_len < ELF_PAGE && mapping.zero_start >= mapping.start &&
			 mapping.zero_start + mapping.zero_len <= mapping.start + mapping.file_len),
		"what is cleared is the file's last page");
}

static void check_image(const Elf64_Ehdr *head, const Elf64_Phdr *phdrs, uint32_t nr)
{
	struct elf_image image;

	if (elf_image_check(head, phdrs, nr, &limits, &image))
		return;
	for (uint32_t i = 0; i < nr; i++)
		if (phdrs[i].p_type == PT_LOAD)
			check_segment(&phdrs[i], &image);
	require(image.low <= image.high && image.high - image.low <= limits.user_end,
		"the image fits user space");
	require(!(image.align & (image.align - 1)) && image.align >= ELF_PAGE,
		"the alignment is a power of two");
}

static void fuzz_elf(const uint8_t *data, size_t size)
{
	void *head = exact_copy(data, size);
	const char *words = elf_describe(head, size);
	Elf64_Phdr *phdrs;
	uint64_t off;
	uint32_t nr;

	require(!words || *words, "a description has words");
	if (!elf_header_check(head, size, &off, &nr)) {
		require(nr <= ELF_PHDRS_MAX, "there are not too many headers");
		if (off <= size && nr * sizeof(*phdrs) <= size - off) {
			phdrs = exact_copy(data + off, nr * sizeof(*phdrs));
			check_image(head, phdrs, nr);
			free(phdrs);
		}
	}
	free(head);
}

const struct fuzz_target program_targets[] = {
	{ "script", fuzz_script },
	{ "elf", fuzz_elf },
	{ 0 },
};
