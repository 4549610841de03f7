/* SPDX-License-Identifier: MIT */
/*
 * Writes to the storage of its locks and wait objects what must not be there: random
 * bytes, what other locks hold, what the same one held before it was destroyed; and
 * uses them meanwhile, in one order or another. Each answer must be one that the headers
 * have, and afterwards all works.
 *
 * Left out is what would be a deadlock of its own: a copy of a state that says that
 * another thread holds the mutex.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include <banos/time.h>
#include <banos/wait.h>

#define SLOTS  6
#define ROUNDS 4000

static uint64_t seed;
BANOS_PARAM_U64(seed, 0, UINT64_MAX, "of the random numbers; 0: the clock");

/* Of each kind some, alive or not, and what they held at some time. */
static struct {
	struct banos_mutex mutex[SLOTS];
	struct banos_spinlock spin[SLOTS];
	struct banos_wait wait[SLOTS];
} live, saved;
static banos_owner owner;
static uint64_t answers[4];

static uint32_t below(uint32_t count)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 11) % count);
}

/* One of these, and counted: by itself none of them says that the other ways are walked. */
static int64_t known(int64_t answer)
{
	switch (answer) {
	case 0: answers[0]++; return 0;
	case -EINVAL: answers[1]++; return 0;
	case -EPERM:
	case -EBUSY:
	case -EDEADLK: answers[2]++; return 0;
	case -ETIMEDOUT: answers[3]++; return 0;
	default: return answer;
	}
}

/* ---- what is written ---- */

/* A random word, bit, or byte of the storage of any. */
static void scribble(void)
{
	uint64_t *words = (uint64_t *)&live;
	uint32_t index = below(sizeof(live) / 8);

	switch (below(3)) {
	case 0: words[index] = seed; break;
	case 1: words[index] ^= 1ull << below(64); break;
	default: words[index] = 0; break;
	}
}

static void save_one(uint32_t i)
{
	saved.mutex[i] = live.mutex[i];
	saved.spin[i] = live.spin[i];
	saved.wait[i] = live.wait[i];
}

static void restore(uint32_t i, uint32_t from)
{
	switch (below(4)) {
	case 0: live.mutex[i] = saved.mutex[from]; break;
	case 1: live.spin[i] = saved.spin[from]; break;
	case 2: live.wait[i] = saved.wait[from]; break;
	default: memcpy(&live.wait[i], &saved.mutex[from], sizeof(live.wait[i])); break;
	}
}

/* ---- what is called ---- */

static int64_t use_mutex(struct banos_mutex *mutex)
{
	switch (below(5)) {
	case 0: return banos_mutex_init(owner, mutex);
	case 1: return banos_mutex_destroy(mutex);
	case 2: return banos_mutex_unlock(mutex);
	default: break;
	}
	if (banos_mutex_trylock(mutex) == 0) {
		if (!below(4))
			scribble();
		return banos_mutex_unlock(mutex);
	}
	return banos_mutex_lock(mutex);
}

static int64_t use_spin(struct banos_spinlock *spin)
{
	struct banos_spinlock held;
	int64_t error;

	switch (below(4)) {
	case 0: return banos_spin_init(spin);
	case 1: return banos_spin_unlock(spin);
	default: break;
	}
	error = below(2) ? banos_spin_lock(spin) : banos_spin_trylock(spin);
	if (error)
		return error;
	/* It has to be released: the call would go on as one that must not sleep. */
	held = *spin;
	if (!below(8))
		scribble();
	*spin = held;
	return banos_spin_unlock(spin);
}

static int64_t use_wait(struct banos_wait *wait)
{
	uint64_t soon = banos_time_ns() + 20 * BANOS_US;
	uint64_t ticket = below(8) ? banos_wait_ticket(wait) : seed;

	switch (below(5)) {
	case 0: return banos_wait_init(owner, wait);
	case 1: return banos_wait_destroy(wait);
	case 2: return banos_wait_wake(wait);
	case 3: return banos_wait_sleep(wait, ticket, soon, BANOS_UNINTERRUPTIBLE);
	default: return banos_wait_sleep(wait, ticket, soon, 0);
	}
}

static int64_t use_one(uint32_t i)
{
	switch (below(3)) {
	case 0: return use_mutex(&live.mutex[i]);
	case 1: return use_spin(&live.spin[i]);
	default: return use_wait(&live.wait[i]);
	}
}

/* ---- afterwards ---- */

static int64_t all_works(void)
{
	struct banos_mutex mutex;
	struct banos_spinlock spin;
	struct banos_wait wait;
	int64_t error = banos_mutex_init(owner, &mutex);

	if (!error)
		error = banos_spin_init(&spin);
	if (!error)
		error = banos_wait_init(owner, &wait);
	if (!error)
		error = banos_mutex_lock(&mutex);
	if (!error)
		error = banos_spin_lock(&spin);
	if (!error)
		error = banos_spin_unlock(&spin);
	if (!error)
		error = banos_mutex_unlock(&mutex);
	if (!error)
		error = banos_wait_wake(&wait);
	if (!error)
		error = banos_mutex_destroy(&mutex);
	if (!error)
		error = banos_wait_destroy(&wait);
	return error;
}

static int64_t locks_init(banos_owner self)
{
	uint64_t first;

	owner = self;
	if (!seed)
		seed = banos_time_ns() | 1;
	first = seed;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t i = below(SLOTS);
		int64_t error = known(use_one(i));

		if (error) {
			banos_error(self, "seed %llu, round %u: error %lld",
				    (unsigned long long)first, round, (long long)error);
			return error;
		}
		if (!below(10))
			save_one(below(SLOTS));
		if (!below(30))
			restore(below(SLOTS), below(SLOTS));
		if (!below(60))
			scribble();
	}
	banos_print(self, "seed %llu: %llu succeeded, %llu were not valid, %llu in use, %llu slept",
		    (unsigned long long)first, (unsigned long long)answers[0],
		    (unsigned long long)answers[1], (unsigned long long)answers[2],
		    (unsigned long long)answers[3]);
	/* Of each enough, so that this tests something. */
	if (answers[0] < 100 || answers[1] < 100 || answers[2] < 10 || answers[3] < 5)
		return -EIO;
	return all_works();
}

BANOS_DRIVER(locks, "1.0", "MIT", "Writes to its locks", locks_init, NULL);
