// SPDX-License-Identifier: MIT
/*
 * Damaging driver files with an understanding of what they are made of.
 *
 * Nearly all random changes of a file end in its first check. Here one field of
 * a header, section, symbol, relocation or record is changed, and values at a
 * limit are preferred.
 */
#include <kernel/types.h>
#include <uapi/elf.h>
#include <stddef.h>
#include <string.h>
#include "mutate.h"

static u64 rng_state = 1;

void rnd_seed(u64 seed)
{
	rng_state = (seed + 1) * 0x9e3779b97f4a7c15ull ?: 1;
}

u64 rnd(u64 below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	if (below)
		return rng_state % below;
	return 0;
}

struct image {
	u8 *file; /* at any address */
	size_t size;
	u64 sections; /* where their headers are */
	u32 n;
};

static int open_image(struct image *image, u8 *file, size_t size)
{
	Elf64_Ehdr elf;

	if (size < sizeof(elf))
		return -1;
	memcpy(&elf, file, sizeof(elf));
	if (memcmp(elf.e_ident, ELFMAG, SELFMAG) || elf.e_shoff > size)
		return -1;
	*image = (struct image){
		.file = file, .size = size, .sections = elf.e_shoff, .n = elf.e_shnum
	};
	if (image->n > (size - elf.e_shoff) / sizeof(Elf64_Shdr))
		image->n = (size - elf.e_shoff) / sizeof(Elf64_Shdr);
	if (image->n)
		return 0;
	return -1;
}

static Elf64_Shdr section(const struct image *image, u32 i)
{
	Elf64_Shdr header;

	memcpy(&header, image->file + image->sections + i * sizeof(header), sizeof(header));
	return header;
}

/* A number that somebody may have forgotten to check; @old is what stands there. */
static u64 odd_number(const struct image *image, u64 old)
{
	Elf64_Shdr header = section(image, rnd(image->n));

	switch (rnd(14)) {
	case 0: return 0;
	case 1: return ~0ull;
	case 2: return old + 1;
	case 3: return old - 1;
	case 4: return 1ull << rnd(64);
	case 5: return (1ull << rnd(64)) - 1;
	case 6: return -(1ull << rnd(64));
	case 7: return image->size - rnd(3);
	case 8: return image->n - 1 + rnd(3);
	case 9: return header.sh_size - 1 + rnd(3);
	case 10: return header.sh_offset;
	case 11: return old ^ 1ull << rnd(64);
	case 12: return old + 8 - rnd(17);
	default: return rnd(48);
	}
}

static void change_number(const struct image *image, size_t offset, u32 width)
{
	u64 number = 0;

	if (offset > image->size || width > image->size - offset)
		return;
	memcpy(&number, image->file + offset, width);
	number = odd_number(image, number);
	memcpy(image->file + offset, &number, width);
}

struct field {
	u8 offset, width;
};
#define FIELD(type, name)                                       \
	{                                                       \
		offsetof(type, name), sizeof(((type *)0)->name) \
	}

/* clang-format off */
static const struct field header_fields[] = {
	FIELD(Elf64_Ehdr, e_type), FIELD(Elf64_Ehdr, e_machine), FIELD(Elf64_Ehdr, e_version),
	FIELD(Elf64_Ehdr, e_shoff), FIELD(Elf64_Ehdr, e_ehsize), FIELD(Elf64_Ehdr, e_shentsize),
	FIELD(Elf64_Ehdr, e_shnum), FIELD(Elf64_Ehdr, e_shstrndx), { 4, 1 }, { 5, 1 }, { 6, 1 }, { 7, 1 },
};
/* clang-format on */
static const struct field section_fields[] = {
	FIELD(Elf64_Shdr, sh_name),    FIELD(Elf64_Shdr, sh_type),
	FIELD(Elf64_Shdr, sh_flags),   FIELD(Elf64_Shdr, sh_offset),
	FIELD(Elf64_Shdr, sh_size),    FIELD(Elf64_Shdr, sh_link),
	FIELD(Elf64_Shdr, sh_info),    FIELD(Elf64_Shdr, sh_addralign),
	FIELD(Elf64_Shdr, sh_entsize),
};
static const struct field symbol_fields[] = {
	FIELD(Elf64_Sym, st_name),  FIELD(Elf64_Sym, st_info),	FIELD(Elf64_Sym, st_other),
	FIELD(Elf64_Sym, st_shndx), FIELD(Elf64_Sym, st_value), FIELD(Elf64_Sym, st_size),
};
static const struct field rela_fields[] = {
	FIELD(Elf64_Rela, r_offset), { 8, 1 }, { 8, 4 }, { 12, 4 }, { 8, 1 },
	FIELD(Elf64_Rela, r_addend),
};

/* One field of one entry of a table of @count entries. */
#define CHANGE_ENTRY(im, at, entry, count, fields)                                      \
	do {                                                                            \
		const struct field *f_ = &(fields)[rnd(ARRAY_SIZE(fields))];            \
		change_number(im, (at) + rnd(count) * (entry) + f_->offset, f_->width); \
	} while (0)

/* A section of a type, or any if there is none. */
static Elf64_Shdr pick(const struct image *image, u32 type)
{
	u32 start = rnd(image->n);

	for (u32 round = 0; round < image->n; round++) {
		Elf64_Shdr header = section(image, (start + round) % image->n);

		if (header.sh_type == type && header.sh_size)
			return header;
	}
	return section(image, start);
}

static void change_records(const struct image *image)
{
	static const u16 words[] = { 0,	  4,   8,   12,	 16,  24,  32,	360,
				     368, 376, 380, 384, 388, 392, 400, 408 };
	Elf64_Shdr header = pick(image, SHT_PROGBITS);

	if (rnd(2))
		change_number(image, header.sh_offset + words[rnd(ARRAY_SIZE(words))],
			      rnd(2) ? 4 : 8);
	else
		change_number(image, header.sh_offset + rnd(header.sh_size ?: 1), 1);
}

static void swap_sections(const struct image *image)
{
	u32 a = rnd(image->n), b = rnd(image->n);
	Elf64_Shdr x = section(image, a), y = section(image, b);

	memcpy(image->file + image->sections + b * sizeof(x), &x, sizeof(x));
	if (rnd(2))
		memcpy(image->file + image->sections + a * sizeof(y), &y, sizeof(y));
}

static void change_one(const struct image *image)
{
	static const u32 types[] = { SHT_SYMTAB,   SHT_RELA,  SHT_STRTAB,
				     SHT_PROGBITS, SHT_GROUP, SHT_SYMTAB_SHNDX };
	Elf64_Shdr header;

	switch (rnd(16)) {
	case 0: CHANGE_ENTRY(image, 0, 0, 1, header_fields); break;
	case 1 ... 5:
		CHANGE_ENTRY(image, image->sections, sizeof(header), image->n, section_fields);
		break;
	case 6 ... 8:
		header = pick(image, SHT_SYMTAB);
		CHANGE_ENTRY(image, header.sh_offset, 24, header.sh_size / 24, symbol_fields);
		break;
	case 9 ... 11:
		header = pick(image, SHT_RELA);
		CHANGE_ENTRY(image, header.sh_offset, 24, header.sh_size / 24, rela_fields);
		break;
	case 12:
	case 13: change_records(image); break;
	case 14: swap_sections(image); break;
	default:
		header = pick(image, types[rnd(ARRAY_SIZE(types))]);
		change_number(image, header.sh_offset + rnd(header.sh_size ?: 1), 1u << rnd(4));
		break;
	}
}

int mutate_file(u8 *file, size_t size, u32 changes)
{
	struct image image;
	int changed = 0;

	for (; changes; changes--)
		if (!open_image(&image, file, size)) {
			change_one(&image);
			changed = 1;
		}
	return changed;
}
