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

static inline size_t b_string(struct builder *builder, const char *text)
{
	size_t offset = builder->strings_size;

	strcpy(builder->strings + offset, text);
	builder->strings_size += strlen(text) + 1;
	return offset;
}

static inline void b_init(struct builder *builder)
{
	memset(builder, 0, sizeof(*builder));
	builder->nsections = builder->nsymbols = builder->nlocals = 1;
	builder->strings_size = 1;
}

/* A section filled with 0x11, so that what was not written is seen. */
static inline int b_section(struct builder *builder, const char *name, uint32_t type,
			    uint64_t flags, size_t size, uint64_t align)
{
	int i = builder->nsections++;

	builder->sections[i].name = name;
	builder->sections[i].h = (Elf64_Shdr){
		.sh_type = type, .sh_flags = flags, .sh_size = size, .sh_addralign = align
	};
	memset(builder->sections[i].data, 0x11, sizeof(builder->sections[i].data));
	return i;
}

static inline int b_symbol(struct builder *builder, const char *name, int bind, int type,
			   uint16_t section, uint64_t value)
{
	int i = builder->nsymbols++;

	if (bind == STB_LOCAL)
		builder->nlocals = builder->nsymbols;
	builder->symbols[i] = (Elf64_Sym){
		.st_name = b_string(builder, name),
		.st_info = ELF64_ST_INFO(bind, type),
		.st_shndx = section,
		.st_value = value,
	};
	return i;
}

static inline void b_rela(struct builder *builder, int section, uint64_t offset, uint32_t type,
			  uint32_t symbol, int64_t addend)
{
	builder->rela_section[builder->nrelas] = section;
	builder->relas[builder->nrelas++] =
		(Elf64_Rela){ offset, ELF64_R_INFO(symbol, type), addend };
}

static inline uint64_t b_append(struct builder *builder, const void *data, size_t size)
{
	uint64_t offset = (builder->size + 7) & ~7ul;

	builder->file = realloc(builder->file, offset + size);
	memset(builder->file + builder->size, 0, offset - builder->size);
	if (size)
		memcpy(builder->file + offset, data, size);
	builder->size = offset + size;
	return offset;
}

/* Relocations of each section, then the tables of symbols and strings. */
static inline int b_tables(struct builder *builder)
{
	int n = builder->nsections, symtab;

	for (int s = 1; s < n; s++) {
		Elf64_Rela list[B_MAX];
		int count = 0;

		for (int round = 0; round < builder->nrelas; round++)
			if (builder->rela_section[round] == s)
				list[count++] = builder->relas[round];
		if (!count)
			continue;
		int i = b_section(builder, ".rela", SHT_RELA, 0, count * sizeof(*list), 8);

		builder->sections[i].h.sh_info = s;
		builder->sections[i].h.sh_entsize = sizeof(*list);
		memcpy(builder->sections[i].data, list, count * sizeof(*list));
	}
	symtab = b_section(builder, ".symtab", SHT_SYMTAB, 0, builder->nsymbols * sizeof(Elf64_Sym),
			   8);
	memcpy(builder->sections[symtab].data, builder->symbols,
	       builder->nsymbols * sizeof(Elf64_Sym));
	builder->sections[symtab].h.sh_entsize = sizeof(Elf64_Sym);
	builder->sections[symtab].h.sh_info = builder->nlocals;
	builder->sections[symtab].h.sh_link = symtab + 1;
	for (int i = n; i < symtab; i++)
		builder->sections[i].h.sh_link = symtab;
	return b_section(builder, ".strtab", SHT_STRTAB, 0, 0, 1);
}

static inline void b_build(struct builder *builder)
{
	Elf64_Ehdr elf = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_REL,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(elf),
		.e_shentsize = sizeof(Elf64_Shdr),
	};
	int strtab = b_tables(builder);
	Elf64_Shdr headers[B_MAX] = { 0 };

	for (int i = 1; i < builder->nsections; i++)
		builder->sections[i].h.sh_name = b_string(builder, builder->sections[i].name);
	memcpy(builder->sections[strtab].data, builder->strings, builder->strings_size);
	builder->sections[strtab].h.sh_size = builder->strings_size;
	b_append(builder, &elf, sizeof(elf));
	for (int i = 1; i < builder->nsections; i++) {
		Elf64_Shdr *header = &builder->sections[i].h;

		header->sh_offset = b_append(builder, builder->sections[i].data,
					     header->sh_type == SHT_NOBITS ? 0 : header->sh_size);
		headers[i] = *header;
	}
	elf.e_shoff = b_append(builder, headers, builder->nsections * sizeof(*headers));
	elf.e_shnum = builder->nsections;
	elf.e_shstrndx = strtab;
	memcpy(builder->file, &elf, sizeof(elf));
}
