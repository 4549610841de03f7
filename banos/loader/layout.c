// SPDX-License-Identifier: MIT
/*
 * Which section goes where in memory.
 *
 *	text	executable sections; stubs for what is imported from drivers
 *	rodata	read-only ones; what only relocation writes to; the GOT
 *	data	writable ones, with and without bytes in the file
 *
 * The number of stubs and GOT slots is taken from above, one for each undefined
 * symbol and one for each global symbol, so that the relocations need not be
 * counted first. A GOT slot of a local symbol, which compilers don't ask for,
 * makes relocate.c come back for a larger GOT.
 */
#include <asm/stub.h>
#include <kernel/err.h>
#include <kernel/loader.h>
#include <kernel/string.h>

static bool section_dropped(const struct loader *l, u32 index)
{
	u32 type = l->sections[index].sh_type;

	return l->where[index].role == ROLE_DROPPED || type == SHT_NOTE ||
	       type == SHT_X86_64_UNWIND || type == SHT_GNU_SFRAME;
}

/* Writable for relocation alone: read-only from then on. */
static bool section_relro(const struct loader *l, u32 index)
{
	u32 type = l->sections[index].sh_type, name = l->where[index].role;

	return type == SHT_INIT_ARRAY || type == SHT_FINI_ARRAY ||
	       (name >= ROLE_DRIVER && name <= ROLE_RELRO);
}

bool section_kept(const struct loader *l, u32 index)
{
	return l->sections[index].sh_flags & SHF_ALLOC && !section_dropped(l, index);
}

static enum load_part part_of(const struct loader *l, u32 index)
{
	u64 flags = l->sections[index].sh_flags;

	if (l->where[index].excluded || !section_kept(l, index))
		return PART_NONE;
	if (flags & SHF_EXECINSTR)
		return PART_TEXT;
	if (flags & SHF_WRITE && !section_relro(l, index))
		return PART_DATA;
	return PART_RODATA;
}

/* Sizes are checked to be at most memory_max each, so sums over the sections don't wrap. */
static u64 add_to_part(struct loader *l, enum load_part part, u64 size, u64 align)
{
	u64 pos = ALIGN_UP(l->image.part_size[part], MAX(align, 1ul));

	l->image.part_size[part] = pos + size;
	return pos;
}

/* Assemblers align what they do not know to 1; the kernel reads these as words. */
static u64 alignment_of(const struct loader *l, u32 index)
{
	u64 align = l->sections[index].sh_addralign;

	if (align < 8 && section_is_table(l, index))
		return 8;
	return align;
}

static void place_sections(struct loader *l)
{
	memset(l->image.part_size, 0, sizeof(l->image.part_size));
	for (u32 i = 1; i < l->nsections; i++) {
		const file_shdr *section = &l->sections[i];
		struct load_section *placed = &l->where[i];

		placed->part = part_of(l, i);
		if (placed->part != PART_NONE)
			placed->offset =
				add_to_part(l, placed->part, section->sh_size, alignment_of(l, i));
	}
	l->code_size = l->image.part_size[PART_TEXT];
	l->stubs = add_to_part(l, PART_TEXT, l->nstubs * STUB_SIZE, STUB_SIZE);
	l->got = add_to_part(l, PART_RODATA, (l->nsymbols - l->got_first) * 8ul, 8);
}

int lay_out(struct loader *l)
{
	u64 pos = 0;

	if (!l->got_first)
		l->got_first = l->first_global;
	l->stubs_used = 0;
	place_sections(l);
	for (u32 part = 0; part < PARTS; part++) {
		l->image.part_offset[part] = pos;
		pos += PAGE_ALIGN(l->image.part_size[part]);
	}
	l->got += l->image.part_offset[PART_RODATA];
	l->image.npages = pos / PAGE_SIZE;
	if (pos > l->env->memory_max)
		return report_add(l->report, -EFBIG, "it needs %lu KiB of memory, more than %lu",
				  (unsigned long)pos / 1024,
				  (unsigned long)l->env->memory_max / 1024);
	return 0;
}

static void zero_between(struct loader *l, u64 from, u64 to)
{
	memset(l->image.mem + from, 0, to - from);
}

/* Each byte of the memory is written once: from the file, or with 0. */
int copy_sections(struct loader *l)
{
	u64 written[PARTS]; /* up to where */

	l->image.mem = l->env->alloc_memory(l, l->image.npages, &l->image.addr);
	if (!l->image.mem)
		return report_add(l->report, -ENOMEM, "no memory for its %lu KiB",
				  (unsigned long)l->image.npages * 4);
	memcpy(written, l->image.part_offset, sizeof(written));
	for (u32 i = 1; i < l->nsections; i++) {
		const file_shdr *section = &l->sections[i];
		struct load_section *placed = &l->where[i];
		u64 pos;

		if (placed->part == PART_NONE)
			continue;
		pos = l->image.part_offset[placed->part] + placed->offset;
		placed->addr = l->image.addr + pos;
		placed->mem = l->image.mem + pos;
		if (section->sh_type == SHT_NOBITS)
			continue;
		zero_between(l, written[placed->part], pos);
		memcpy(placed->mem, l->file + section->sh_offset, section->sh_size);
		written[placed->part] = pos + section->sh_size;
	}
	for (u32 part = 0; part + 1 < PARTS; part++)
		zero_between(l, written[part], l->image.part_offset[part + 1]);
	zero_between(l, written[PARTS - 1], l->image.npages * PAGE_SIZE);
	return 0;
}

bool in_part(const struct loader *l, enum load_part part, u64 addr, u64 size)
{
	u64 start = l->image.addr + l->image.part_offset[part];

	return addr >= start && addr - start <= l->image.part_size[part] &&
	       size <= l->image.part_size[part] - (addr - start);
}
