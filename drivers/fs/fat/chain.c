// SPDX-License-Identifier: MIT
/*
 * Chains of clusters. What was found of a file's is remembered: a few runs, and its end.
 *
 * A loop is found by Brent's way: a walk remembers one cluster, that of its last step with a power of two, and comes to it again.
 */
#include <banos/errno.h>
#include <banos/memory.h>
#include "volume.h"

#define RUN_MAX 1024u /* clusters that are looked ahead */

static void runs_forget(struct fat_node *node)
{
	for (uint32_t i = 0; i < FAT_RUNS; i++)
		node->runs[i].count = 0;
	node->clusters = 0;
}

static void run_keep(struct fat_node *node, const struct fat_run *run)
{
	for (uint32_t i = 0; i < FAT_RUNS; i++)
		if (node->runs[i].count && node->runs[i].index == run->index) {
			node->runs[i] = *run;
			return;
		}
	node->runs[node->next_run++ % FAT_RUNS] = *run;
}

/* The nearest place in front of @index that is known. */
static void run_nearest(const struct fat_node *node, uint32_t index, struct fat_run *run)
{
	*run = (struct fat_run){ 0, node->first, 1 };
	for (uint32_t i = 0; i < FAT_RUNS; i++)
		if (node->runs[i].count && node->runs[i].index <= index &&
		    node->runs[i].index >= run->index)
			*run = node->runs[i];
	if (node->clusters && index >= node->clusters - 1 &&
	    run->index + run->count < node->clusters)
		*run = (struct fat_run){ node->clusters - 1, node->tail, 1 };
}

/* What follows on a cluster: another one, or FAT_END. */
static int64_t chain_next(struct fat_volume *volume, uint32_t cluster, uint32_t *next)
{
	int64_t error = fat_table_get(volume, cluster, next);

	if (error || *next == FAT_END || fat_is_cluster(&volume->layout, *next))
		return error;
	if (*next == FAT_FREE)
		return fat_damaged(volume, "a chain of clusters leads to one that is free");
	if (*next == FAT_BAD)
		return fat_damaged(volume, "a chain of clusters leads to a bad one");
	return fat_damaged(volume, "a chain of clusters leads out of the volume");
}

/* Go on from a run until it contains @index, and a little further. */
static int64_t run_walk(struct fat_volume *volume, struct fat_node *node, uint32_t index,
			struct fat_run *run)
{
	uint32_t next, mark = 0, steps = 0;

	for (;;) {
		uint32_t end = run->index + run->count, last = run->cluster + run->count - 1;
		int64_t error;

		if (index < end && end - index >= RUN_MAX)
			return 0;
		error = chain_next(volume, last, &next);
		if (!error && (next == mark || end > volume->layout.clusters))
			error = fat_damaged(volume, "a chain of clusters is a loop");
		if (error)
			return error;
		if (!(steps & (steps + 1)))
			mark = last;
		steps++;
		if (next == FAT_END) {
			node->tail = last;
			node->clusters = end;
		}
		if (next == last + 1) {
			run->count++;
			continue;
		}
		if (index < end)
			return 0;
		if (next == FAT_END) {
			*run = (struct fat_run){ end, last, 0 };
			return -ENODATA;
		}
		*run = (struct fat_run){ end, next, 1 };
	}
}

int64_t fat_chain_find(struct fat_volume *volume, struct fat_node *node, uint32_t index,
		       struct fat_run *run)
{
	int64_t error;

	if (!node->first) {
		*run = (struct fat_run){ 0, 0, 0 };
		return -ENODATA;
	}
	if (!fat_is_cluster(&volume->layout, node->first))
		return fat_damaged(volume, "a file begins outside of the volume");
	run_nearest(node, index, run);
	error = run_walk(volume, node, index, run);
	if (!error)
		run_keep(node, run);
	return error;
}

void fat_chain_forget_all(struct fat_volume *volume)
{
	runs_forget(&volume->root);
	for (uint32_t i = 0; i < FAT_BUCKETS; i++)
		for (struct fat_node *node = volume->by_number[i]; node; node = node->by_number)
			runs_forget(node);
}

/* ---- growing ---- */

/* The entries of new clusters are on the disk before @hook is; it is no harm if that cannot be. */
static void grow_order(struct fat_volume *volume, uint64_t hook, uint32_t first, uint32_t count)
{
	uint64_t from = fat_table_place(volume, first) / FAT_SECTOR_BYTES * FAT_SECTOR_BYTES;
	uint64_t to = fat_table_place(volume, first + count - 1) + 1;

	if (hook && to - from < 8 * FAT_SECTOR_BYTES)
		(void)banos_store_after(volume->mount, hook, from, to - from + 1);
}

int64_t fat_chain_attach(struct fat_volume *volume, struct fat_node *node,
			 const struct fat_run *end, uint32_t first, uint32_t count)
{
	int64_t error = fat_take(volume, first, count);

	if (error)
		return error;
	if (end->cluster) {
		error = fat_table_set(volume, end->cluster, first) ?: fat_table_write(volume);
	} else {
		fat_node_set_first(node, first);
		error = fat_node_write(volume, node);
	}
	if (error)
		return error;
	node->tail = first + count - 1;
	node->clusters = end->index + count;
	run_keep(node, &(struct fat_run){ end->index, first, count });
	return 0;
}

int64_t fat_chain_grow(struct fat_volume *volume, struct fat_node *node, uint32_t want)
{
	int64_t epoch = banos_store_epoch(volume->mount), error, count;
	struct fat_run end;
	uint32_t first;

	/* Behind all that a chain can have: its end. */
	error = fat_chain_find(volume, node, UINT32_MAX - 1, &end);
	if (error != -ENODATA)
		return error;
	count = fat_find_free(volume, end.cluster ? end.cluster + 1 : 0, want, 0, &first);
	if (count < 0)
		return count;
	if (node->grown != (uint64_t)epoch || !node->hook)
		node->hook = end.cluster ? fat_table_place(volume, end.cluster) : node->place;
	node->grown = (uint64_t)epoch;
	grow_order(volume, node->hook, first, (uint32_t)count);
	return fat_chain_attach(volume, node, &end, first, (uint32_t)count);
}

/* ---- cutting ---- */

int64_t fat_chain_cut(struct fat_volume *volume, struct fat_node *node, uint32_t keep,
		      struct fat_pending *pending)
{
	struct fat_run run;
	uint32_t next = 0;
	int64_t error = 0;

	if (!keep) {
		next = node->first;
	} else {
		error = fat_chain_find(volume, node, keep - 1, &run);
		if (!error)
			error = chain_next(volume, run.cluster + (keep - 1 - run.index), &next);
		/* A chain that is shorter, or is damaged behind there, is cut where it can be. */
		if (!error && next != FAT_END)
			error = fat_table_set(volume, run.cluster + (keep - 1 - run.index), FAT_END)
					?: fat_table_write(volume);
	}
	if (error == -ENODATA)
		error = 0;
	if (error || !fat_is_cluster(&volume->layout, next)) {
		banos_free(fat_owner, pending);
		if (!keep && !error)
			fat_node_set_first(node, 0);
		return error;
	}
	pending->clusters = 0;
	if (node->clusters > keep)
		pending->clusters = node->clusters - keep;
	runs_forget(node);
	if (!keep)
		fat_node_set_first(node, 0);
	pending->first = next;
	pending->place = node->place;
	pending->epoch = (uint64_t)banos_store_epoch(volume->mount);
	pending->next = volume->pending;
	volume->pending = pending;
	return 0;
}
