/* SPDX-License-Identifier: MIT */
/*
 * Forks of processes that have much memory: whatever parent, children and their
 * children do to it afterwards, each sees its own. The area is larger than what
 * one table of the machine maps (2 MiB), so that whole tables may be shared, or a part of that.
 */
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#define PAGE 4096ul
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define NPAGES	(3 * 512u + 100)
#define SMALL	300u
#define RW	(PROT_READ | PROT_WRITE)
#define ANON	(MAP_PRIVATE | MAP_ANONYMOUS)
#define STEPS	60
#define MAX_RUN 600u

static char *area;
static unsigned int npages = NPAGES; /* of the area */
static uint32_t expected[NPAGES];    /* the first word of each page, as this process left it */

static volatile uint32_t *word_of(unsigned int page)
{
	return (volatile uint32_t *)(area + page * PAGE);
}

static void area_create(unsigned int count)
{
	npages = count;
	area = mmap(NULL, npages * PAGE, RW, ANON, -1, 0);
	CHECK(area != MAP_FAILED);
	for (unsigned int i = 0; i < npages; i++)
		*word_of(i) = expected[i] = i + 1;
}

static void area_check(void)
{
	for (unsigned int i = 0; i < npages; i++)
		CHECK_EQ(*word_of(i), expected[i]);
}

/* ---- anything that changes pages ---- */

static void expect_zero(unsigned int first, unsigned int count)
{
	for (unsigned int i = first; i < first + count; i++)
		expected[i] = 0;
}

static void write_some(unsigned int first, unsigned int count)
{
	for (unsigned int i = first; i < first + count; i += 1 + (unsigned int)rand() % 100)
		*word_of(i) = expected[i] = (uint32_t)rand() | 1;
}

static void map_again(unsigned int first, unsigned int count)
{
	char *start = area + first * PAGE;

	if (rand() % 2)
		CHECK_EQ(munmap(start, count * PAGE), 0);
	CHECK(mmap(start, count * PAGE, RW, ANON | MAP_FIXED, -1, 0) == start);
	expect_zero(first, count);
}

static void protect_some(unsigned int first, unsigned int count)
{
	char *start = area + first * PAGE;

	CHECK_EQ(mprotect(start, count * PAGE, rand() % 2 ? PROT_READ : PROT_NONE), 0);
	CHECK_EQ(mprotect(start, count * PAGE, RW), 0);
	write_some(first, count);
}

static void move_away_and_back(unsigned int first, unsigned int count)
{
	char *start = area + first * PAGE, *moved;

	moved = mremap(start, count * PAGE, (count + 1) * PAGE, MREMAP_MAYMOVE);
	if (moved == MAP_FAILED && errno == EFAULT) /* it is no longer one mapping */
		return;
	CHECK(moved != MAP_FAILED);
	*(uint32_t *)moved = expected[first] = (uint32_t)rand();
	CHECK(mremap(moved, count * PAGE, count * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, start) ==
	      start);
	CHECK_EQ(munmap(moved + count * PAGE, PAGE), 0);
}

static void change_something(void)
{
	unsigned int first = (unsigned int)rand() % npages;
	unsigned int count = 1 + (unsigned int)rand() % MAX_RUN;

	if (count > npages - first)
		count = npages - first;
	switch (rand() % 8) {
	case 0: map_again(first, count); break;
	case 1: protect_some(first, count); break;
	case 2:
		if (first + count < npages) /* growing in place would take what lies behind */
			move_away_and_back(first, count);
		break;
	case 3:
		CHECK_EQ(madvise(area + first * PAGE, count * PAGE, MADV_DONTNEED), 0);
		expect_zero(first, count);
		break;
	case 4: CHECK_EQ(madvise(area + first * PAGE, count * PAGE, MADV_POPULATE_WRITE), 0); break;
	default: write_some(first, count);
	}
}

/* ---- families ---- */

static int live(unsigned int seed, int generations)
{
	pid_t children[3];
	int nr_children = 0;

	srand(seed);
	for (int step = 0; step < STEPS; step++) {
		if (generations && step % 20 == 10) {
			pid_t pid = fork();

			CHECK(pid >= 0);
			if (!pid)
				_exit(live(seed * 7 + (unsigned int)step, generations - 1));
			children[nr_children++] = pid;
		}
		change_something();
		if (step % 10 == 0)
			area_check();
	}
	area_check();
	while (nr_children)
		CHECK_EQ(wait_status(children[--nr_children]), 0);
	area_check();
	return 0;
}

TEST(families_do_not_see_each_others_changes)
{
	area_create(NPAGES);
	for (unsigned int seed = 1; seed <= 3; seed++)
		live(seed, 2);
}

/* All in one table, or two, beside other mappings. */
TEST(small_families_do_not_see_each_others_changes)
{
	area_create(SMALL);
	for (unsigned int seed = 11; seed <= 22; seed++)
		live(seed, 2);
}

/* Nothing that is known about the memory of a child tells that it was not copied yet. */
static int has_all_pages(void)
{
	unsigned char present[SMALL];
	unsigned long size, resident;
	FILE *statm = fopen("/proc/self/statm", "r");

	CHECK(statm && fscanf(statm, "%lu %lu", &size, &resident) == 2);
	CHECK(resident >= SMALL);
	CHECK_EQ(mincore(area, SMALL * PAGE, present), 0);
	for (unsigned int i = 0; i < SMALL; i++)
		CHECK_EQ(present[i], 1);
	area_check();
	return 0;
}

TEST(a_child_has_all_pages_from_the_start)
{
	area_create(SMALL);
	CHECK_EQ(wait_status(CHILD(has_all_pages())), 0);
}

/* A parent that ends first leaves its child what this did not copy yet, and no page is lost. */
TEST(orphans_keep_what_they_did_not_touch)
{
	int pipes[2];
	char byte;

	CHECK_EQ(pipe(pipes), 0);
	area_create(SMALL);
	for (int round = 0; round < 20; round++) {
		CHECK_EQ(wait_status(CHILD(({
				 write_some(0, SMALL);
				 if (!fork()) {
					 while (getppid() != 1)
						 sched_yield();
					 area_check();
					 write_some(0, SMALL);
					 area_check();
					 CHECK_EQ(write(pipes[1], "x", 1), 1);
				 }
				 0;
			 }))),
			 0);
		CHECK_EQ(read(pipes[0], &byte, 1), 1);
	}
	area_check();
}

TEST(a_fork_again_and_again_costs_no_page)
{
	area_create(NPAGES);
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(wait_status(CHILD(({
				 unsigned int page = (unsigned int)i * 7 % npages;
				 bool same = *word_of(page) == expected[page];

				 if (i % 2)
					 *word_of(page) = 0;
				 !same;
			 }))),
			 0);
	}
	area_check();
}

/* The last process that has the pages is a grandchild, whose forebears have ended. */
TEST(the_last_one_keeps_the_pages)
{
	int pipes[2];
	char byte;

	CHECK_EQ(pipe(pipes), 0);
	area_create(NPAGES);
	CHECK_EQ(wait_status(CHILD(({
			 if (!fork()) {
				 while (getppid() != 1)
					 sched_yield();
				 area_check();
				 write_some(0, npages);
				 area_check();
				 CHECK_EQ(write(pipes[1], "x", 1), 1);
			 }
			 0;
		 }))),
		 0);
	map_again(0, npages);
	close(pipes[1]);
	CHECK_EQ(read(pipes[0], &byte, 1), 1);
	area_check();
}

/* ---- threads ---- */

#define NTHREADS 4
static atomic_bool stop;
static atomic_uint writes;

/* Each thread counts in pages of its own, and none may lose a step. */
static void *count_in_pages(void *arg)
{
	unsigned int mine = (unsigned int)(uintptr_t)arg, page = mine;

	while (!atomic_load(&stop)) {
		CHECK_EQ(*word_of(page), expected[page]);
		*word_of(page) = ++expected[page];
		page += NTHREADS;
		if (page >= NPAGES)
			page = mine;
		atomic_fetch_add(&writes, 1);
	}
	return NULL;
}

/* In a child: what the threads of the parent go on writing does not arrive here. */
static int snapshot_is_still(void)
{
	static uint32_t first[NPAGES];

	for (unsigned int i = 0; i < NPAGES; i++)
		first[i] = *word_of(i);
	for (unsigned int i = 0; i < NPAGES; i += 5) {
		*word_of(i) = first[i] = 0;
		if (i % 200 == 0)
			sched_yield();
	}
	for (unsigned int i = 0; i < NPAGES; i++)
		if (*word_of(i) != first[i])
			return 1;
	return 0;
}

TEST(threads_write_while_another_one_forks)
{
	pthread_t threads[NTHREADS];

	area_create(NPAGES);
	for (uintptr_t i = 0; i < NTHREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, count_in_pages, (void *)i), 0);
	for (int round = 0; round < 15; round++) {
		unsigned int before = atomic_load(&writes);
		pid_t pid = CHILD(snapshot_is_still());

		CHECK(pid > 0);
		while (atomic_load(&writes) < before + 100)
			sched_yield();
		CHECK_EQ(wait_status(pid), 0);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < NTHREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	area_check();
}

int main(void)
{
	RUN(families_do_not_see_each_others_changes);
	RUN(small_families_do_not_see_each_others_changes);
	RUN(a_child_has_all_pages_from_the_start);
	RUN(orphans_keep_what_they_did_not_touch);
	RUN(a_fork_again_and_again_costs_no_page);
	RUN(the_last_one_keeps_the_pages);
	RUN(threads_write_while_another_one_forks);
	return check_done();
}
