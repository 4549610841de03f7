/* SPDX-License-Identifier: MIT */
/**
 * @file elf_builder.h  Driver files made in memory, for tests of the loader.
 *
 * Sections, symbols and relocations are added one by one; build() puts them into
 * a file. Numbers of symbols are those that adding gave; locals come first.
 */
#pragma once
#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define B_MAX 32

struct builder {
	struct {
		const char *name;
		Elf64_Shdr h;
		uint8_t data[4096];
	} sections[B_MAX];
	Elf64_Sym symbols[B_MAX];
	Elf64_Rela relas[B_MAX];
	int rela_section[B_MAX];
	int nsections, nsymbols, nrelas, nlocals;
	char strings[2048];
	size_t strings_size;
	uint8_t *file;
	size_t size;
};

static inline size_t b_string(struct builder *b, const char *s)
{
	size_t at = b->strings_size;

	strcpy(b->strings + at, s);
	b->strings_size += strlen(s) + 1;
	return at;
}

static inline void b_init(struct builder *b)
{
	memset(b, 0, sizeof(*b));
	b->nsections = b->nsymbols = b->nlocals = 1;
	b->strings_size = 1;
}

/* A section filled with 0x11, so that what was not written is seen. */
static inline int b_section(struct builder *b, const char *name, uint32_t type, uint64_t flags,
			    size_t size, uint64_t align)
{
	int i = b->nsections++;

	b->sections[i].name = name;
	b->sections[i].h = (Elf64_Shdr){
		.sh_type = type, .sh_flags = flags, .sh_size = size, .sh_addralign = align
	};
	memset(b->sections[i].data, 0x11, sizeof(b->sections[i].data));
	return i;
}

static inline int b_symbol(struct builder *b, const char *name, int bind, int type,
			   uint16_t section, uint64_t value)
{
	int i = b->nsymbols++;

	if (bind == STB_LOCAL)
		b->nlocals = b->nsymbols;
	b->symbols[i] = (Elf64_Sym){
		.st_name = b_string(b, name),
		.st_info = ELF64_ST_INFO(bind, type),
		.st_shndx = section,
		.st_value = value,
	};
	return i;
}

static inline void b_rela(struct builder *b, int section, uint64_t offset, uint32_t type,
			  uint32_t symbol, int64_t addend)
{
	b->rela_section[b->nrelas] = section;
	b->relas[b->nrelas++] = (Elf64_Rela){ offset, ELF64_R_INFO(symbol, type), addend };
}

static inline uint64_t b_append(struct builder *b, const void *data, size_t size)
{
	uint64_t at = (b->size + 7) & ~7ul;

	b->file = realloc(b->file, at + size);
	memset(b->file + b->size, 0, at - b->size);
	if (size)
		memcpy(b->file + at, data, size);
	b->size = at + size;
	return at;
}

/* Relocations of each section, then the tables of symbols and strings. */
static inline int b_tables(struct builder *b)
{
	int n = b->nsections, symtab;

	for (int s = 1; s < n; s++) {
		Elf64_Rela list[B_MAX];
		int count = 0;

		for (int k = 0; k < b->nrelas; k++)
			if (b->rela_section[k] == s)
				list[count++] = b->relas[k];
		if (!count)
			continue;
		int i = b_section(b, ".rela", SHT_RELA, 0, count * sizeof(*list), 8);

		b->sections[i].h.sh_info = s;
		b->sections[i].h.sh_entsize = sizeof(*list);
		memcpy(b->sections[i].data, list, count * sizeof(*list));
	}
	symtab = b_section(b, ".symtab", SHT_SYMTAB, 0, b->nsymbols * sizeof(Elf64_Sym), 8);
	memcpy(b->sections[symtab].data, b->symbols, b->nsymbols * sizeof(Elf64_Sym));
	b->sections[symtab].h.sh_entsize = sizeof(Elf64_Sym);
	b->sections[symtab].h.sh_info = b->nlocals;
	b->sections[symtab].h.sh_link = symtab + 1;
	for (int i = n; i < symtab; i++)
		b->sections[i].h.sh_link = symtab;
	return b_section(b, ".strtab", SHT_STRTAB, 0, 0, 1);
}

static inline void b_build(struct builder *b)
{
	Elf64_Ehdr e = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_REL,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(e),
		.e_shentsize = sizeof(Elf64_Shdr),
	};
	int strtab = b_tables(b);
	Elf64_Shdr headers[B_MAX] = { 0 };

	for (int i = 1; i < b->nsections; i++)
		b->sections[i].h.sh_name = b_string(b, b->sections[i].name);
	memcpy(b->sections[strtab].data, b->strings, b->strings_size);
	b->sections[strtab].h.sh_size = b->strings_size;
	b_append(b, &e, sizeof(e));
	for (int i = 1; i < b->nsections; i++) {
		Elf64_Shdr *h = &b->sections[i].h;

		h->sh_offset =
			b_append(b, b->sections[i].data, h->sh_type == SHT_NOBITS ? 0 : h->sh_size);
		headers[i] = *h;
	}
	e.e_shoff = b_append(b, headers, b->nsections * sizeof(*headers));
	e.e_shnum = b->nsections;
	e.e_shstrndx = strtab;
	memcpy(b->file, &e, sizeof(e));
}
