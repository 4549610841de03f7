// SPDX-License-Identifier: MIT
/*
 * Fuzzing the loader of drivers, with libFuzzer.
 *
 * An input is a frame of four bytes (which allocation fails, level of the API,
 * whether other drivers are there, length of the parameters), the parameters,
 * and the driver file. Nearly all random changes of a file end in its first
 * check, so the mutator knows what a driver file is made of: it changes one
 * field of a header, section, symbol, relocation or record, and prefers values
 * that lie at a limit.
 *
 * Besides what the sanitizers find, each run holds what the loader promises:
 * see check_success() and check_refusal().
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <kernel/err.h>
#include "../../banos/tool/host.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAME		4
#define PAGES_MAX	64	/* more memory costs time and finds nothing */

static const char *const exports[] = { "exp_add", "exp_sub", "pair_add", NULL };
static const char *const drivers[] = { "exp", "pair", "pci", NULL };

/* ---- one run ---- */

static void require(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "the loader broke its promise: %s\n", what);
	abort();
}

static int inside(const struct loader *l, u64 addr, enum load_part part)
{
	u64 start = l->addr + l->part_offset[part];

	return addr >= start && addr < start + l->part_size[part];
}

static void check_success(const struct loader *l)
{
	require(!l->report.count && !l->report.text, "no reasons where it worked");
	require(l->mem && l->npages && l->npages <= PAGES_MAX, "there is memory");
	require(l->driver && name_valid(l->driver->name, BANOS_NAME_SIZE), "the driver has a name");
	require(inside(l, l->init, PART_TEXT), "init is code");
	require(!l->exit || inside(l, l->exit, PART_TEXT), "exit is code");
	for (u32 i = 0; i < l->ninit; i++)
		require(inside(l, l->init_calls[i], PART_TEXT), "constructors are code");
	for (u32 i = 0; i < l->nfini; i++)
		require(inside(l, l->fini_calls[i], PART_TEXT), "destructors are code");
	for (u32 i = 0; i < l->nexports; i++) {
		require(inside(l, l->exports[i].address, PART_TEXT), "exports are code");
		require(export_name_allowed(l->driver->name, l->exports[i].name), "exports bear the driver's name");
	}
	for (u32 i = 0; i < l->nfunctions; i++) {
		require(l->functions[i].offset < l->part_size[PART_TEXT], "functions are code");
		require(strlen(l->names + l->functions[i].name) < l->strings_size, "functions have names");
	}
	require(l->stubs_used <= l->nstubs, "there are stubs for all");
}

static void check_refusal(const struct loader *l, int err, int out_of_memory)
{
	const char *text = l->report.text;

	require(err == l->report.err && l->report.count && report_rank(err) < report_rank(-EINTR),
		"the error is one of the table, with a reason");
	require(!l->mem, "the memory is given back");
	if (out_of_memory)
		return;
	require(text && strlen(text) == l->report.used && text[l->report.used - 1] == '\n',
		"reasons are whole lines");
	require(l->report.used < REPORT_SIZE, "reasons have an end");
}

static void run(const uint8_t *frame, const char *params, const void *file, size_t size)
{
	struct host_world w = {
		.fail_alloc = frame[0], .max_pages = PAGES_MAX,
		.driver_exports = frame[2] & 1 ? exports : NULL, .drivers = frame[2] & 2 ? drivers : NULL,
	};
	struct loader l;
	int err;

	host_loader(&l, &w, frame[1] % 4 ?: 1, file, size, params);
	err = loader_run(&l);
	if (err)
		check_refusal(&l, err, frame[0]);
	else
		check_success(&l);
	host_loader_free(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t nparams;
	char params[256];
	void *file;

	if (size < FRAME || (nparams = data[3]) > size - FRAME)
		return 0;
	memcpy(params, data + FRAME, nparams);
	params[nparams] = 0;
	size -= FRAME + nparams;
	/* A copy of the very size: one byte too far is seen. */
	file = malloc(size ?: 1);
	memcpy(file, data + FRAME + nparams, size);
	run(data, params, file, size);
	free(file);
	return 0;
}

/* ---- mutating ---- */

static u64 rng_state;

static u64 rnd(u64 below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return below ? rng_state % below : 0;
}

struct image {
	uint8_t *file;			/* at any address */
	size_t size;
	u64 sections;			/* where their headers are */
	u32 n;
};

static int open_image(struct image *im, uint8_t *file, size_t size)
{
	Elf64_Ehdr e;

	if (size < sizeof(e))
		return -1;
	memcpy(&e, file, sizeof(e));
	if (memcmp(e.e_ident, ELFMAG, SELFMAG) || e.e_shoff > size)
		return -1;
	*im = (struct image){ .file = file, .size = size, .sections = e.e_shoff, .n = e.e_shnum };
	if (im->n > (size - e.e_shoff) / sizeof(Elf64_Shdr))
		im->n = (size - e.e_shoff) / sizeof(Elf64_Shdr);
	return im->n ? 0 : -1;
}

static Elf64_Shdr section(const struct image *im, u32 i)
{
	Elf64_Shdr s;

	memcpy(&s, im->file + im->sections + i * sizeof(s), sizeof(s));
	return s;
}

/* A number that somebody may have forgotten to check; @old is what stands there. */
static u64 odd_number(const struct image *im, u64 old)
{
	Elf64_Shdr s = section(im, rnd(im->n));

	switch (rnd(14)) {
	case 0: return 0;
	case 1: return ~0ull;
	case 2: return old + 1;
	case 3: return old - 1;
	case 4: return 1ull << rnd(64);
	case 5: return (1ull << rnd(64)) - 1;
	case 6: return -(1ull << rnd(64));
	case 7: return im->size - rnd(3);
	case 8: return im->n - 1 + rnd(3);
	case 9: return s.sh_size - 1 + rnd(3);
	case 10: return s.sh_offset;
	case 11: return old ^ 1ull << rnd(64);
	case 12: return old + 8 - rnd(17);
	default: return rnd(48);
	}
}

static void change_number(const struct image *im, size_t at, u32 width)
{
	u64 v = 0;

	if (at > im->size || width > im->size - at)
		return;
	memcpy(&v, im->file + at, width);
	v = odd_number(im, v);
	memcpy(im->file + at, &v, width);
}

struct field { u8 offset, width; };
#define FIELD(type, name) { offsetof(type, name), sizeof(((type *)0)->name) }

static const struct field header_fields[] = {
	FIELD(Elf64_Ehdr, e_type), FIELD(Elf64_Ehdr, e_machine), FIELD(Elf64_Ehdr, e_version),
	FIELD(Elf64_Ehdr, e_shoff), FIELD(Elf64_Ehdr, e_ehsize), FIELD(Elf64_Ehdr, e_shentsize),
	FIELD(Elf64_Ehdr, e_shnum), FIELD(Elf64_Ehdr, e_shstrndx), { 4, 1 }, { 5, 1 }, { 6, 1 }, { 7, 1 },
};
static const struct field section_fields[] = {
	FIELD(Elf64_Shdr, sh_name), FIELD(Elf64_Shdr, sh_type), FIELD(Elf64_Shdr, sh_flags),
	FIELD(Elf64_Shdr, sh_offset), FIELD(Elf64_Shdr, sh_size), FIELD(Elf64_Shdr, sh_link),
	FIELD(Elf64_Shdr, sh_info), FIELD(Elf64_Shdr, sh_addralign), FIELD(Elf64_Shdr, sh_entsize),
};
static const struct field symbol_fields[] = {
	FIELD(Elf64_Sym, st_name), FIELD(Elf64_Sym, st_info), FIELD(Elf64_Sym, st_other),
	FIELD(Elf64_Sym, st_shndx), FIELD(Elf64_Sym, st_value), FIELD(Elf64_Sym, st_size),
};
static const struct field rela_fields[] = {
	FIELD(Elf64_Rela, r_offset), { 8, 1 }, { 8, 4 }, { 12, 4 }, { 8, 1 }, FIELD(Elf64_Rela, r_addend),
};

/* One field of one entry of a table of @count entries. */
#define CHANGE_ENTRY(im, at, entry, count, fields) do { \
	const struct field *f_ = &(fields)[rnd(ARRAY_SIZE(fields))]; \
	change_number(im, (at) + rnd(count) * (entry) + f_->offset, f_->width); } while (0)

/* A section of a type, or any if there is none. */
static Elf64_Shdr pick(const struct image *im, u32 type)
{
	u32 start = rnd(im->n);

	for (u32 k = 0; k < im->n; k++) {
		Elf64_Shdr s = section(im, (start + k) % im->n);

		if (s.sh_type == type && s.sh_size)
			return s;
	}
	return section(im, start);
}

static void change_records(const struct image *im)
{
	static const u16 words[] = { 0, 4, 8, 12, 16, 24, 32, 256, 264, 272, 276, 280, 284, 288, 296, 304 };
	Elf64_Shdr s = pick(im, SHT_PROGBITS);

	if (rnd(2))
		change_number(im, s.sh_offset + words[rnd(ARRAY_SIZE(words))], rnd(2) ? 4 : 8);
	else
		change_number(im, s.sh_offset + rnd(s.sh_size ?: 1), 1);
}

static void swap_sections(const struct image *im)
{
	u32 a = rnd(im->n), b = rnd(im->n);
	Elf64_Shdr x = section(im, a), y = section(im, b);

	memcpy(im->file + im->sections + b * sizeof(x), &x, sizeof(x));
	if (rnd(2))
		memcpy(im->file + im->sections + a * sizeof(y), &y, sizeof(y));
}

static void mutate_image(const struct image *im)
{
	static const u32 types[] = { SHT_SYMTAB, SHT_RELA, SHT_STRTAB, SHT_PROGBITS, SHT_GROUP, SHT_SYMTAB_SHNDX };
	Elf64_Shdr s;

	switch (rnd(16)) {
	case 0:
		CHANGE_ENTRY(im, 0, 0, 1, header_fields);
		break;
	case 1 ... 5:
		CHANGE_ENTRY(im, im->sections, sizeof(s), im->n, section_fields);
		break;
	case 6 ... 8:
		s = pick(im, SHT_SYMTAB);
		CHANGE_ENTRY(im, s.sh_offset, 24, s.sh_size / 24, symbol_fields);
		break;
	case 9 ... 11:
		s = pick(im, SHT_RELA);
		CHANGE_ENTRY(im, s.sh_offset, 24, s.sh_size / 24, rela_fields);
		break;
	case 12: case 13:
		change_records(im);
		break;
	case 14:
		swap_sections(im);
		break;
	default:
		s = pick(im, types[rnd(ARRAY_SIZE(types))]);
		change_number(im, s.sh_offset + rnd(s.sh_size ?: 1), 1u << rnd(4));
		break;
	}
}

/* Parameters change in length: what follows moves. */
static size_t mutate_params(uint8_t *data, size_t size, size_t max)
{
	size_t old = data[3], rest = size - FRAME - old, n;
	uint8_t text[256];

	memcpy(text, data + FRAME, old);
	n = LLVMFuzzerMutate(text, old, MIN(sizeof(text) - 1, max - FRAME - rest));
	memmove(data + FRAME + n, data + FRAME + old, rest);
	memcpy(data + FRAME, text, n);
	data[3] = n;
	return FRAME + n + rest;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	struct image im;

	rng_state = (seed + 1) * 0x9e3779b97f4a7c15ull;
	if (size < FRAME || data[3] > size - FRAME || open_image(&im, data + FRAME + data[3], size - FRAME - data[3]))
		return LLVMFuzzerMutate(data, size, max);
	switch (rnd(24)) {
	case 0:
		return LLVMFuzzerMutate(data, size, max);
	case 1:
		return mutate_params(data, size, max);
	case 2:
		data[0] = rnd(3) ? 0 : rnd(24);
		data[1] = rnd(4);
		data[2] = rnd(4);
		return size;
	default:
		for (u32 n = 1 + rnd(rnd(4) ? 2 : 6); n; n--)
			if (!open_image(&im, data + FRAME + data[3], size - FRAME - data[3]))
				mutate_image(&im);
		return size;
	}
}
