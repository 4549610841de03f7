// SPDX-License-Identifier: MIT
/*
 * Fuzzing the loader of drivers, with libFuzzer.
 *
 * An input is a frame of four bytes (which allocation fails, level of the API,
 * whether other drivers are there, length of the parameters), the parameters,
 * and the driver file. The mutator knows what that is made of (mutate.c).
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
#include "mutate.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAME	  4
#define PAGES_MAX 64 /* more memory costs time and finds nothing */

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
	u64 start = l->image.addr + l->image.part_offset[part];

	return addr >= start && addr < start + l->image.part_size[part];
}

static void check_success(const struct loader *l)
{
	require(!l->report->count && !l->report->text, "no reasons where it worked");
	require(l->image.mem && l->image.npages && l->image.npages <= PAGES_MAX, "there is memory");
	require(l->driver && name_valid(l->driver->name, BANOS_NAME_SIZE), "the driver has a name");
	require(inside(l, l->image.init, PART_TEXT), "init is code");
	require(!l->image.exit || inside(l, l->image.exit, PART_TEXT), "exit is code");
	for (u32 i = 0; i < l->image.ninit; i++)
		require(inside(l, l->image.init_calls[i], PART_TEXT), "constructors are code");
	for (u32 i = 0; i < l->image.nfini; i++)
		require(inside(l, l->image.fini_calls[i], PART_TEXT), "destructors are code");
	for (u32 i = 0; i < l->nexports; i++) {
		require(inside(l, l->exports[i].address, PART_TEXT), "exports are code");
		require(export_name_allowed(l->driver->name, l->exports[i].name),
			"exports bear the driver's name");
	}
	for (u32 i = 0; i < l->image.nfunctions; i++) {
		require(l->image.functions[i].offset < l->image.part_size[PART_TEXT],
			"functions are code");
		require(strlen(l->image.names + l->image.functions[i].name) < l->strings_size,
			"functions have names");
	}
	require(l->stubs_used <= l->nstubs, "there are stubs for all");
}

static void check_refusal(const struct loader *l, int err, int out_of_memory)
{
	const char *text = l->report->text;

	require(err == l->report->err && l->report->count && report_rank(err) < report_rank(-EINTR),
		"the error is one of the table, with a reason");
	require(!l->image.mem, "the memory is given back");
	if (out_of_memory)
		return;
	require(text && strlen(text) == l->report->used && text[l->report->used - 1] == '\n',
		"reasons are whole lines");
	require(l->report->used < REPORT_SIZE, "reasons have an end");
}

static void run(const uint8_t *frame, const char *params, const void *file, size_t size)
{
	struct host_world world = {
		.fail_alloc = frame[0],
		.max_pages = PAGES_MAX,
		.driver_exports = frame[2] & 1 ? exports : NULL,
		.drivers = frame[2] & 2 ? drivers : NULL,
	};
	struct loader loader;
	int err;

	host_loader(&loader, &world, frame[1] % 4 ?: 1, file, size, params);
	err = loader_run(&loader);
	if (err)
		check_refusal(&loader, err, frame[0]);
	else
		check_success(&loader);
	host_loader_free(&loader);
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

/* Parameters change in length: what follows moves. */
static size_t mutate_params(uint8_t *data, size_t size, size_t max)
{
	size_t old = data[3], rest = size - FRAME - old, count;
	uint8_t text[256];

	memcpy(text, data + FRAME, old);
	count = LLVMFuzzerMutate(text, old, MIN(sizeof(text) - 1, max - FRAME - rest));
	memmove(data + FRAME + count, data + FRAME + old, rest);
	memcpy(data + FRAME, text, count);
	data[3] = count;
	return FRAME + count + rest;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	u8 *file;

	rnd_seed(seed);
	if (size < FRAME || data[3] > size - FRAME)
		return LLVMFuzzerMutate(data, size, max);
	file = data + FRAME + data[3];
	switch (rnd(24)) {
	case 0: return LLVMFuzzerMutate(data, size, max);
	case 1: return mutate_params(data, size, max);
	case 2:
		if (rnd(3))
			data[0] = 0;
		else
			data[0] = rnd(24);
		data[1] = rnd(4);
		data[2] = rnd(4);
		return size;
	default:
		if (mutate_file(file, data + size - file, 1 + rnd(rnd(4) ? 2 : 6)))
			return size;
		return LLVMFuzzerMutate(data, size, max);
	}
}
