/* SPDX-License-Identifier: MIT */
/*
 * Threads that change their space and fault in it, all at the same time.
 *
 * Each thread has some pages between those of the others: it maps, protects, moves and
 * unmaps them, and checks what is in them and that they cannot be written where they may not be. It also writes into the pages of the others wherever
 * something is mapped, at a place of each page where nobody checks: so that faults meet each
 * change. From time to time one forks, and the child checks what its thread had. A page that a fault
 * puts in place too late, takes away too late, or copies too early shows as a wrong word.
 * Shows most on several processors.
 */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/random.h>

#define PAGE	   4096l
#define NR_THREADS 4
#define NR_SLOTS   8 /* of a thread: few, so that they meet */
#define RUN_MS	   2500
#define FORK_EACH  60	/* rounds */
#define STRANGERS  2048 /* where in a page others write */
#define SPIN_MAX   100000
#define WORDS	   3 /* of a page that are checked: first, last, one between */

/* Where the kernel puts nothing by itself: there are holes. */
static char *const arena = (char *)0x200000000000;
static volatile int stop;
static volatile uint64_t rounds[NR_THREADS];

static void run_on_own_processor(int thread)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(thread % sysconf(_SC_NPROCESSORS_ONLN), &set);
	CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
}

struct owner {
	int number;
	uint64_t random, count;
	uint64_t word[NR_SLOTS]; /* what its pages hold; 0: fresh, ~0: not mapped */
	int readonly[NR_SLOTS];
};

static uint64_t next_random(struct owner *owner)
{
	owner->random ^= owner->random << 13;
	owner->random ^= owner->random >> 7;
	owner->random ^= owner->random << 17;
	return owner->random;
}

/* Slots of different threads alternate, so that they are neighbours and share regions and tables. */
static char *slot_page(int thread, int slot)
{
	return arena + (slot * NR_THREADS + thread) * PAGE;
}

static volatile uint64_t *checked_word(char *page, int i)
{
	static const int at[WORDS] = { 0, PAGE - 8, 1024 };

	return (volatile uint64_t *)(page + at[i]);
}

/* The kernel writes: where nothing is mapped, or not writable, that is an error and no signal. */
static int strangers_write(char *page)
{
	long got = getrandom(page + STRANGERS, 8, GRND_NONBLOCK);

	CHECK(got == 8 || errno == EFAULT);
	return got == 8;
}

static void slot_check(const struct owner *owner, int slot)
{
	char *page = slot_page(owner->number, slot);

	if (owner->word[slot] == ~0ull || owner->readonly[slot])
		CHECK(!strangers_write(page));
	for (int i = 0; owner->word[slot] != ~0ull && i < WORDS; i++)
		CHECK_EQ(*checked_word(page, i), owner->word[slot]);
}

static void slot_write(struct owner *owner, int slot)
{
	char *page = slot_page(owner->number, slot);

	if (owner->word[slot] == ~0ull || owner->readonly[slot])
		return;
	owner->word[slot] = (uint64_t)(owner->number + 1) << 56 | ++owner->count;
	for (int i = 0; i < WORDS; i++)
		*checked_word(page, i) = owner->word[slot];
}

static void slot_map(struct owner *owner, int slot)
{
	char *page = slot_page(owner->number, slot);

	CHECK(mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) == page);
	owner->word[slot] = owner->readonly[slot] = 0;
}

static void slot_unmap(struct owner *owner, int slot)
{
	CHECK_EQ(munmap(slot_page(owner->number, slot), PAGE), 0);
	owner->word[slot] = ~0ull;
}

static void slot_protect(struct owner *owner, int slot, int prot)
{
	if (owner->word[slot] == ~0ull)
		return;
	CHECK_EQ(mprotect(slot_page(owner->number, slot), PAGE, prot), 0);
	owner->readonly[slot] = !(prot & PROT_WRITE);
	if (prot == PROT_NONE) {
		CHECK_EQ(mprotect(slot_page(owner->number, slot), PAGE, PROT_READ), 0);
		slot_check(owner, slot);
	}
}

static void slot_drop(struct owner *owner, int slot)
{
	if (owner->word[slot] == ~0ull)
		return;
	CHECK_EQ(madvise(slot_page(owner->number, slot), PAGE, MADV_DONTNEED), 0);
	owner->word[slot] = 0;
}

static void slot_move(struct owner *owner, int from, int to)
{
	if (from == to || owner->word[from] == ~0ull)
		return;
	CHECK(mremap(slot_page(owner->number, from), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		     slot_page(owner->number, to)) == slot_page(owner->number, to));
	owner->word[to] = owner->word[from];
	owner->readonly[to] = owner->readonly[from];
	owner->word[from] = ~0ull;
}

static void fork_and_check(const struct owner *owner)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		for (int slot = 0; slot < NR_SLOTS; slot++) {
			slot_check(owner, slot);
			if (owner->word[slot] != ~0ull && !owner->readonly[slot])
				*checked_word(slot_page(owner->number, slot), 0) = 1;
		}
		_exit(0);
	}
	for (int slot = 0; slot < NR_SLOTS; slot++)
		slot_check(owner, slot);
	CHECK_EQ(wait_status(pid), 0);
}

static void disturb_another(struct owner *owner)
{
	strangers_write(slot_page(next_random(owner) % NR_THREADS, next_random(owner) % NR_SLOTS));
}

static void change_something(struct owner *owner)
{
	int slot = next_random(owner) % NR_SLOTS;

	switch (next_random(owner) % 10) {
	case 0: slot_map(owner, slot); break;
	case 1: slot_unmap(owner, slot); break;
	case 2: slot_protect(owner, slot, PROT_READ); break;
	case 3: slot_protect(owner, slot, PROT_NONE); break;
	case 4: slot_protect(owner, slot, PROT_READ | PROT_WRITE); break;
	case 5: slot_drop(owner, slot); break;
	case 6: slot_move(owner, slot, next_random(owner) % NR_SLOTS); break;
	default: slot_write(owner, slot); break;
	}
}

static void *owner_main(void *arg)
{
	struct owner owner = { .number = (long)arg, .random = 88172645463325252ull + (long)arg };

	run_on_own_processor(owner.number);
	memset(owner.word, 0xff, sizeof(owner.word));
	while (!stop) {
		for (int i = 0; i < 8; i++) {
			change_something(&owner);
			disturb_another(&owner);
			disturb_another(&owner);
			slot_check(&owner, next_random(&owner) % NR_SLOTS);
		}
		if (!(++rounds[owner.number] % FORK_EACH))
			fork_and_check(&owner);
	}
	for (int slot = 0; slot < NR_SLOTS; slot++)
		slot_check(&owner, slot);
	return NULL;
}

static long status_kib(const char *name)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[128];
	long kib = -1;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			kib = atol(line + strlen(name));
	if (file)
		fclose(file);
	return kib;
}

TEST(faults_meet_changes)
{
	pthread_t threads[NR_THREADS];
	const long bytes = NR_THREADS * NR_SLOTS * PAGE;
	long before, after;

	before = status_kib("RssAnon:");
	for (long i = 0; i < NR_THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, owner_main, (void *)i), 0);
	pause_ms(RUN_MS);
	stop = 1;
	for (int i = 0; i < NR_THREADS; i++) {
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
		CHECK(rounds[i] > 0);
	}
	CHECK_EQ(munmap(arena, bytes), 0);
	/* Pages were counted by several processors; stacks of threads and buffers stay. */
	after = status_kib("RssAnon:");
	CHECK(before > 0 && after >= before && after < before + 256);
}

/* One page, taken away again and again while others fault in it: a fault that began before does not bring it back. */
static void *stranger_main(void *arg)
{
	run_on_own_processor((long)arg);
	while (!stop)
		rounds[(long)arg] += strangers_write(arena);
	return NULL;
}

static void spin(int count)
{
	for (volatile int i = count; i > 0; i--)
		;
}

static void take_away(int round)
{
	CHECK(mmap(arena, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) == arena);
	spin(round * 701 % SPIN_MAX);
	if (round % 2)
		CHECK_EQ(mprotect(arena, PAGE, PROT_READ), 0);
	else
		CHECK_EQ(munmap(arena, PAGE), 0);
	for (int i = 0; i < 3; i++) {
		CHECK(!strangers_write(arena));
		spin(round * 503 % SPIN_MAX);
	}
	if (round % 2)
		CHECK_EQ(munmap(arena, PAGE), 0);
}

TEST(what_is_taken_away_stays_away)
{
	pthread_t threads[NR_THREADS];
	long end = now_ms() + RUN_MS / 2;

	/* With this the page keeps its table, which a fault would else make under the lock. */
	CHECK(mmap(arena + 16 * PAGE, PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
	CHECK(strangers_write(arena + 16 * PAGE));
	run_on_own_processor(0);
	for (long i = 1; i < NR_THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, stranger_main, (void *)i), 0);
	for (int round = 0; now_ms() < end; round++)
		take_away(round);
	stop = 1;
	for (int i = 1; i < NR_THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK(rounds[1] + rounds[2] + rounds[3] > 0);
}

/* Threads that write the same pages while one forks: what was written is never lost. */
static volatile uint64_t *shared_words;

static void *writer_main(void *arg)
{
	const long number = (long)arg;
	uint64_t count = 0;

	run_on_own_processor(number);
	while (!stop) {
		count++;
		for (int page = 0; page < 8; page++)
			shared_words[page * (PAGE / 8) + number] = count;
		for (int page = 0; page < 8; page++)
			CHECK_EQ(shared_words[page * (PAGE / 8) + number], count);
		rounds[number] = count;
	}
	return NULL;
}

TEST(nothing_written_beside_a_fork_is_lost)
{
	pthread_t threads[NR_THREADS];
	long end = now_ms() + RUN_MS / 2;
	int nr_forks = 0;

	shared_words =
		mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(shared_words != MAP_FAILED);
	for (long i = 1; i < NR_THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, writer_main, (void *)i), 0);
	for (; now_ms() < end; nr_forks++)
		CHECK_EQ(wait_status(CHILD(0)), 0);
	stop = 1;
	for (int i = 1; i < NR_THREADS; i++) {
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
		CHECK(rounds[i] > 0);
	}
	CHECK(nr_forks > 0);
}

int main(void)
{
	RUN(faults_meet_changes);
	RUN(what_is_taken_away_stays_away);
	RUN(nothing_written_beside_a_fork_is_lost);
	return check_done();
}
