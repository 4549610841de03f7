// SPDX-License-Identifier: MIT
/* fs/open/lock_set.c: random changes give what a model says that has each byte for itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <kernel/string.h>
#include "../../fs/open/lock_set.h"

#define BYTES  48u
#define OWNERS 4u
#define STEPS  200000u
#define FREE   F_UNLCK

static u8 model[OWNERS][BYTES];
static struct lock_set set;
static struct lock_owner *owners[OWNERS];
static s64 live; /* locks in memory */

static struct range_lock *lock_alloc(void)
{
	live++;
	return malloc(sizeof(struct range_lock));
}

static void free_list(struct range_lock_list *list)
{
	struct range_lock *lock;

	while ((lock = range_lock_pop(list))) {
		live--;
		free(lock);
	}
}

static u32 below(u32 limit)
{
	return (u32)rand() % limit;
}

/* The owner, which need not have had a lock. */
static struct lock_owner *owner_get(u32 number)
{
	const void *key = &model[number / 2]; /* two of a key, of different kinds */

	assert_ptr_equal(lock_set_find_owner(&set, key, number % 2), owners[number]);
	if (!owners[number]) {
		owners[number] = malloc(sizeof(struct lock_owner));
		*owners[number] = (struct lock_owner){ .key = key, .kind = number % 2 };
		lock_set_add_owner(&set, owners[number]);
	}
	return owners[number];
}

static u64 reach_of(const struct rb_node *node, bool writers)
{
	const struct range_lock *lock = rb_entry(node, struct range_lock, all);
	u64 reach = 0;

	if (!node)
		return 0;
	reach = MAX(reach_of(node->left, writers), reach_of(node->right, writers));
	if (!writers || lock->type == F_WRLCK)
		reach = MAX(reach, lock->end + 1);
	assert_int_equal(writers ? lock->reach_write : lock->reach, reach);
	return reach;
}

/* Both trees say what the model says, and nothing else. */
static void compare_with_model(void)
{
	u32 nr_locks = 0, nr_all = 0;
	u64 last = 0;

	for (u32 number = 0; number < OWNERS; number++) {
		u8 found[BYTES];
		const struct range_lock *before = NULL;

		memset(found, FREE, sizeof(found));
		for (struct rb_node *node = owners[number] ? rb_first(&owners[number]->locks)
							   : NULL;
		     node; node = rb_next(node)) {
			const struct range_lock *lock = rb_entry(node, struct range_lock, own);

			assert_ptr_equal(lock->owner, owners[number]);
			assert_true(lock->start <= lock->end && lock->end < BYTES);
			if (before)
				assert_true(before->end + (before->type == lock->type) <
					    lock->start);
			memset(found + lock->start, lock->type, lock->end - lock->start + 1);
			before = lock;
			nr_locks++;
		}
		if (owners[number])
			assert_true(rb_check(&owners[number]->locks) >= 0);
		assert_memory_equal(found, model[number], BYTES);
	}
	for (struct rb_node *node = rb_first(&set.locks); node; node = rb_next(node)) {
		assert_true(rb_entry(node, struct range_lock, all)->start >= last);
		last = rb_entry(node, struct range_lock, all)->start;
		nr_all++;
	}
	assert_int_equal(nr_all, nr_locks);
	assert_int_equal(live, nr_locks);
	assert_true(rb_check(&set.locks) >= 0 && rb_check(&set.owners) >= 0);
	reach_of(set.locks.node, false);
	reach_of(set.locks.node, true);
}

static bool model_conflicts(u32 number, const struct lock_request *want, u64 byte)
{
	u8 type = model[number][byte];

	return want->type != F_UNLCK && type != FREE && (type == F_WRLCK || want->type == F_WRLCK);
}

/* Where the first lock begins that conflicts, by the model; BYTES: none does. */
static u64 model_first_conflict(u32 self, const struct lock_request *want)
{
	u64 first = BYTES;

	for (u32 number = 0; number < OWNERS; number++)
		for (u64 byte = want->start; number != self && byte <= want->end; byte++)
			if (model_conflicts(number, want, byte)) {
				u64 start = byte;

				while (start && model[number][start - 1] == model[number][byte])
					start--;
				first = MIN(first, start);
				break;
			}
	return first;
}

/* Where @want lets a waiter hope: a byte became free, or is written no longer. */
static bool model_becomes_less(u32 number, const struct lock_request *want)
{
	for (u64 byte = want->start; byte <= want->end; byte++) {
		u8 type = model[number][byte];

		if (type != FREE && type != want->type && want->type != F_WRLCK)
			return true;
	}
	return false;
}

static void change_at_random(void)
{
	static const u8 types[] = { F_RDLCK, F_RDLCK, F_WRLCK, F_UNLCK };
	u32 number = below(OWNERS), needs;
	struct lock_request want = { .start = below(BYTES), .type = types[below(4)], .pid = 7 };
	struct range_lock_list spare = { NULL };
	struct lock_owner *owner = owner_get(number);
	struct range_lock *conflict, *held;
	u64 first;

	want.end = want.start + below(MIN(BYTES - (u32)want.start, below(3) ? 6u : BYTES));
	first = model_first_conflict(number, &want);
	conflict = lock_set_conflict(&set, owner, &want);
	assert_int_equal(conflict != NULL, first != BYTES);
	if (conflict) {
		assert_ptr_not_equal(conflict->owner, owner);
		assert_int_equal(conflict->start, first);
		assert_true(conflict->start <= want.end && conflict->end >= want.start);
		return;
	}
	needs = lock_set_needs(owner, &want, &held);
	assert_true(needs <= 2);
	while (needs--)
		range_lock_push(&spare, lock_alloc());
	/* That a write lock was taken where one read is more, not less. */
	assert_int_equal(lock_set_apply(&set, owner, &want, held, &spare),
			 model_becomes_less(number, &want));
	free_list(&spare);
	memset(model[number] + want.start, want.type, want.end - want.start + 1);
}

static void drop_one_at_random(void)
{
	u32 number = below(OWNERS);
	struct range_lock_list freed = { NULL };

	lock_set_remove_owner(&set, owner_get(number), &freed);
	free(owners[number]);
	owners[number] = NULL;
	free_list(&freed);
	memset(model[number], FREE, BYTES);
}

static void random_changes_are_those_of_the_model(void **state)
{
	struct range_lock_list freed = { NULL };
	struct lock_owner *owner;

	srand(1);
	lock_set_init(&set);
	memset(model, FREE, sizeof(model));
	for (u32 step = 0; step < STEPS; step++) {
		if (below(500))
			change_at_random();
		else
			drop_one_at_random();
		if (!below(4))
			compare_with_model();
	}
	while ((owner = lock_set_any_owner(&set))) {
		lock_set_remove_owner(&set, owner, &freed);
		free(owner);
	}
	free_list(&freed);
	assert_int_equal(live, 0);
	assert_true(rb_empty(&set.locks));
}

static void a_lock_may_reach_to_the_last_byte_of_all(void **state)
{
	struct lock_request all = { 0, INT64_MAX, F_WRLCK, 1 },
			    last = { INT64_MAX, INT64_MAX, F_RDLCK, 2 };
	struct range_lock *held;
	struct lock_owner one = { .key = &one }, other = { .key = &other };
	struct range_lock_list spare = { NULL };

	lock_set_init(&set);
	lock_set_add_owner(&set, &one);
	lock_set_add_owner(&set, &other);
	range_lock_push(&spare, lock_alloc());
	assert_false(lock_set_apply(&set, &one, &all, NULL, &spare));
	assert_non_null(lock_set_conflict(&set, &other, &last));
	assert_null(lock_set_conflict(&set, &one, &last));
	assert_non_null(lock_set_conflict(&set, NULL, &last));
	assert_int_equal(lock_set_needs(&one, &last, &held),
			 1); /* its front stays: it is not cut in two */
	range_lock_push(&spare, lock_alloc());
	assert_true(lock_set_apply(&set, &one, &last, held, &spare));
	assert_null(lock_set_conflict(&set, &other, &last));
	lock_set_remove_owner(&set, &one, &spare);
	free_list(&spare);
	assert_int_equal(live, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_changes_are_those_of_the_model),
		cmocka_unit_test(a_lock_may_reach_to_the_last_byte_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
