// SPDX-License-Identifier: MIT
/*
 * loadtest mutants COUNT SEED FILE[:USER]...: damaged copies of good drivers.
 *
 * The loader is pure, so it is in this program, too: for each damaged copy, it
 * and the kernel have to come to the same error in the same words. Where it is
 * still good, and what was loaded is the same to the byte as of the undamaged
 * file, with the same entry points, the copy is really installed, used by the
 * driver USER, whose init() fails if that does not work, and removed; of the
 * others nobody knows what their code would do. In the end free memory and the
 * table of exports are as before.
 *
 * loadtest mutate COUNT SEED FOLDER FILE...: write such copies, FOLDER/mutant-N.ko; also on Linux.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../../banos/tool/host.h"
#include "../../fuzz/mutate.h"
#include "loadtest.h"

static int same_calls(const u64 *left, u32 na, const u64 *right, u32 nb)
{
	return na == nb && (!na || !memcmp(left, right, na * sizeof(*left)));
}

/* Is what was loaded the same in all that can matter to the machine? */
static int same_driver(const struct loader *left, const struct loader *right)
{
	if (left->image.npages != right->image.npages ||
	    memcmp(left->image.part_size, right->image.part_size, sizeof(left->image.part_size)) ||
	    memcmp(left->image.mem, right->image.mem, left->image.npages * PAGE_SIZE))
		return 0;
	if (left->image.init != right->image.init || left->image.exit != right->image.exit ||
	    left->nexports != right->nexports ||
	    !same_calls(left->image.init_calls, left->image.ninit, right->image.init_calls,
			right->image.ninit) ||
	    !same_calls(left->image.fini_calls, left->image.nfini, right->image.fini_calls,
			right->image.nfini))
		return 0;
	for (u32 i = 0; i < left->nexports; i++)
		if (strcmp(left->exports[i].name, right->exports[i].name) ||
		    left->exports[i].address != right->exports[i].address)
			return 0;
	return 1;
}

static void load(struct loader *l, const struct file *f)
{
	static struct host_world world;

	host_loader(l, &world, BANOS_LEVEL, f->data, f->size, NULL);
	require(loader_run(l) == l->report->err, "the loader returns what it did not report");
}

static struct {
	long refused, loaded, installed;
} count;

/* What the copy exports can be called. */
static void use(const struct file *user)
{
	static char log[LOG_SIZE];
	long id = install(user->data, user->size, NULL, 0, log);

	require(id >= 0, "what uses the copy fails with %ld: %s", id, log);
	require(!remove_driver(id), "what uses the copy cannot be removed");
}

static void try(const struct file *f, const struct loader *original, const struct file *user)
{
	static char log[LOG_SIZE];
	struct loader l;
	long result, id;

	load(&l, f);
	result = install(f->data, f->size, NULL, BANOS_INSTALL_DRY_RUN, log);
	require(result == l.report->err,
		"the kernel says %ld: %s\nthe same loader here says %d: %s", result, log,
		l.report->err, l.report->text ?: "");
	require(!strcmp(log, l.report->text ?: ""),
		"the kernel says: %s\nthe same loader here says: %s", log, l.report->text ?: "");
	if (result) {
		require(strlen(log) > 20, "refused without a reason");
		count.refused++;
	} else if (!same_driver(&l, original)) {
		count.loaded++;
	} else {
		id = install(f->data, f->size, NULL, 0, log);
		require(id >= 0, "a copy that loads as the original does fails with %ld: %s", id,
			log);
		if (user->size)
			use(user);
		require(!remove_driver(id), "it cannot be removed");
		count.installed++;
	}
	host_loader_free(&l);
}

static struct file originals[16], users[16], copy;
static struct loader loaded[16];

static void open_originals(int count, char **paths)
{
	require(count > 0 && count <= 16, "loadtest mutants COUNT SEED FILE[:USER]...");
	for (int i = 0; i < count; i++) {
		char *user = strchr(paths[i], ':');
		long id;

		if (user) {
			*user++ = 0;
			users[i] = file_read(user);
		}
		originals[i] = file_read(paths[i]);
		copy.size = MAX(copy.size, originals[i].size);
		load(&loaded[i], &originals[i]);
		require(!loaded[i].report->err, "%s: %s", paths[i], loaded[i].report->text);
		id = install(originals[i].data, originals[i].size, NULL, 0, NULL);
		require(id >= 0 && !remove_driver(id), "%s: %ld", paths[i], id);
	}
	copy.data = malloc(copy.size);
}

static void try_mutants(long rounds, int count)
{
	for (long round = 0; round < rounds; round++) {
		const struct file *f = &originals[round % count];

		copy.size = f->size;
		memcpy(copy.data, f->data, f->size);
		mutate_file(copy.data, copy.size, 1 + rnd(rnd(4) ? 2 : 6));
		try(&copy, &loaded[round % count], &users[round % count]);
	}
}

int test_mutants(int argc, char **argv)
{
	static char exports[EXPORTS_SIZE], after[EXPORTS_SIZE];
	long rounds, before, missing = 1;
	int n = argc - 2;

	open_originals(n, argv + 2);
	rounds = atol(argv[0]);
	rnd_seed(atol(argv[1]));
	exports_read(exports);
	try_mutants(20, n);
	memset(&count, 0, sizeof(count));
	/* Some memory is kept for the next time, a little more or less: what is lost is lost each time. */
	for (int i = 0; i < 12 && missing; i++) {
		before = memory_at_rest();
		try_mutants(i ? rounds / 2 : rounds, n);
		if (!i)
			printf("%ld refused, %ld loaded as something else, %ld installed\n",
			       count.refused, count.loaded, count.installed);
		missing = memory_missing(before);
	}
	require(!missing, "%ld bytes are left behind, again and again", missing);
	exports_read(after);
	require(!strcmp(exports, after), "the table of exports is another");
	return 0;
}

int test_mutate(int argc, char **argv)
{
	require(argc > 3, "loadtest mutate COUNT SEED FOLDER FILE...");
	rnd_seed(atol(argv[1]));
	for (long nth = 0; nth < atol(argv[0]); nth++) {
		struct file file = file_read(argv[3 + nth % (argc - 3)]);
		char path[512];
		FILE *out;

		mutate_file(file.data, file.size, 1 + rnd(rnd(4) ? 2 : 6));
		snprintf(path, sizeof(path), "%s/mutant-%ld.ko", argv[2], nth);
		out = fopen(path, "wb");
		require(out && fwrite(file.data, 1, file.size, out) == file.size && !fclose(out),
			"%s cannot be written", path);
		free(file.data);
	}
	return 0;
}
