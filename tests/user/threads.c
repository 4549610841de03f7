/* SPDX-License-Identifier: MIT */
/* Threads and futexes: as on Linux. */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#define FUTEX_WAIT	     0
#define FUTEX_WAKE	     1
#define FUTEX_CMP_REQUEUE    4
#define FUTEX_WAKE_OP	     5
#define FUTEX_WAIT_BITSET    9
#define FUTEX_WAKE_BITSET    10
#define PRIVATE		     128
#define FUTEX_CLOCK_REALTIME 256
/* Two numbers as FUTEX_WAKE_OP takes them: operation and comparison. */
enum { OP_SET, OP_ADD, OP_OR, OP_ANDN, OP_XOR, OP_SHIFT = 8 };
enum { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE };
#define OP(op, arg, cmp, cmparg) ((uint32_t)(op) << 28 | (cmp) << 24 | (arg) << 12 | (cmparg))

static long futex(volatile uint32_t *word, int operation, uint32_t number,
		  const struct timespec *timespec, volatile uint32_t *other_word, uint32_t value3)
{
	return syscall(SYS_futex, word, operation, number, timespec, other_word, value3);
}

static long ms_since(const struct timespec *timespec)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - timespec->tv_sec) * 1000 + (now.tv_nsec - timespec->tv_nsec) / 1000000;
}

static void *add_one(void *memory)
{
	++*(int *)memory;
	return memory;
}

TEST(threads_are_made_and_joined)
{
	int counted = 0;
	void *result;

	for (int i = 0; i < 200; i++) {
		pthread_t thread;

		CHECK_EQ(pthread_create(&thread, NULL, add_one, &counted), 0);
		CHECK_EQ(pthread_join(thread, &result), 0);
		CHECK(result == &counted && counted == i + 1);
	}
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int counter;
static void *count(void *arg)
{
	for (int i = 0; i < 5000; i++) {
		pthread_mutex_lock(&mutex);
		int c = counter;

		if (i % 64 == 0)
			sched_yield();
		counter = c + 1;
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

TEST(mutexes_exclude)
{
	pthread_t thread[8];

	for (int i = 0; i < 8; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, count, NULL), 0);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
	CHECK_EQ(counter, 40000);
}

static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn, rounds;
static void *take_turns(void *arg)
{
	int self = (int)(long)arg;

	pthread_mutex_lock(&mutex);
	while (rounds < 3000) {
		while (turn != self && rounds < 3000)
			pthread_cond_wait(&cond, &mutex);
		turn = (turn + 1) % 3;
		rounds++;
		pthread_cond_broadcast(&cond);
	}
	pthread_mutex_unlock(&mutex);
	return NULL;
}

TEST(conditions_wake)
{
	pthread_t thread[3];
	struct timespec until;

	for (long i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, take_turns, (void *)i), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 20000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&mutex);
	CHECK_EQ(pthread_cond_timedwait(&cond, &mutex, &until), ETIMEDOUT);
}

TEST(arguments_are_checked)
{
	uint32_t word = 1;
	struct timespec bad = { 0, 1000000000 }, neg = { -1, 0 };

	CHECK_ERR(futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0), EAGAIN);
	CHECK_ERR(futex((uint32_t *)((char *)&word + 1), FUTEX_WAIT, 0, NULL, NULL, 0), EINVAL);
	CHECK_ERR(futex((uint32_t *)8, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERR(futex((uint32_t *)8, FUTEX_WAIT | PRIVATE, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERR(futex(&word, FUTEX_WAIT_BITSET, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERR(futex(&word, FUTEX_WAIT, 1, &bad, NULL, 0), EINVAL);
	CHECK_ERR(futex(&word, FUTEX_WAIT, 1, &neg, NULL, 0), EINVAL);
	CHECK_ERR(futex(&word, 77, 1, NULL, NULL, 0), ENOSYS);
	CHECK_ERR(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &word, 0), EAGAIN);
	CHECK_EQ(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&word, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0), 0);
}

TEST(timeouts_are_kept)
{
	uint32_t word = 1;
	struct timespec time = { 0, 20000000 }, start, zero = { 0, 0 };

	clock_gettime(CLOCK_MONOTONIC, &start);
	CHECK_ERR(futex(&word, FUTEX_WAIT | PRIVATE, 1, &time, NULL, 0), ETIMEDOUT);
	CHECK(ms_since(&start) >= 20 && ms_since(&start) < 400);
	CHECK_ERR(futex(&word, FUTEX_WAIT, 1, &zero, NULL, 0), ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &time);
	CHECK_ERR(futex(&word, FUTEX_WAIT_BITSET, 1, &time, NULL, 1), ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &start);
	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_nsec += 20000000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_sec++;
		time.tv_nsec -= 1000000000;
	}
	CHECK_ERR(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 1, &time, NULL, 1),
		  ETIMEDOUT);
	CHECK(ms_since(&start) >= 19);
}

static volatile uint32_t word, word2, woken;
static void *wait_on_word(void *arg)
{
	futex(&word, FUTEX_WAIT_BITSET | PRIVATE, 0, NULL, NULL, (uint32_t)(long)arg);
	__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void until_woken(uint32_t count)
{
	for (int i = 0; i < 2000 && woken < count; i++)
		usleep(1000);
	CHECK_EQ(woken, count);
}

TEST(bitsets_select)
{
	pthread_t thread[3];

	for (long i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, wait_on_word, (void *)(1l << i));
	usleep(30000);
	CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET | PRIVATE, 9, NULL, NULL, 8), 0);
	CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET | PRIVATE, 9, NULL, NULL, 2), 1);
	until_woken(1);
	CHECK_EQ(futex(&word, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0), 1);
	until_woken(2);
	CHECK_EQ(futex(&word, FUTEX_WAKE | PRIVATE, 9, NULL, NULL, 0), 1);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
}

TEST(requeue_moves_waiters)
{
	pthread_t thread[5];

	for (long i = 0; i < 5; i++)
		pthread_create(&thread[i], NULL, wait_on_word, (void *)-1l);
	usleep(30000);
	CHECK_ERR(futex(&word, FUTEX_CMP_REQUEUE | PRIVATE, 1, (void *)2, &word2, 7), EAGAIN);
	CHECK_EQ(futex(&word, FUTEX_CMP_REQUEUE | PRIVATE, 1, (void *)2, &word2, 0), 3);
	until_woken(1);
	CHECK_EQ(futex(&word2, FUTEX_WAKE | PRIVATE, 9, NULL, NULL, 0), 2);
	until_woken(3);
	CHECK_EQ(futex(&word, FUTEX_WAKE | PRIVATE, 9, NULL, NULL, 0), 2);
	until_woken(5);
	for (int i = 0; i < 5; i++)
		pthread_join(thread[i], NULL);
}

TEST(wake_op_changes_and_wakes)
{
	pthread_t thread[2];
	volatile uint32_t other = 5;

	for (long i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, wait_on_word, (void *)-1l);
	usleep(30000);
	/* other += 3; was it 5? then wake there, too */
	CHECK_EQ(futex(&word, FUTEX_WAKE_OP | PRIVATE, 1, (void *)1, &other,
		       OP(OP_ADD, 3, CMP_EQ, 5)),
		 1);
	CHECK_EQ(other, 8);
	until_woken(1);
	CHECK_EQ(futex(&other, FUTEX_WAKE_OP | PRIVATE, 1, (void *)1, &word,
		       OP(OP_OR, 4, CMP_LT, 1)),
		 1);
	CHECK_EQ(word, 4);
	until_woken(2);
	CHECK_EQ(futex(&other, FUTEX_WAKE_OP | PRIVATE, 1, (void *)1, &word,
		       OP(OP_SET, 0xfff, CMP_GT, 100)),
		 0);
	CHECK_EQ(word, 0xffffffff);
	CHECK_EQ(futex(&other, FUTEX_WAKE_OP | PRIVATE, 1, (void *)1, &word,
		       OP(OP_SHIFT | OP_ANDN, 31, CMP_NE, 0)),
		 0);
	CHECK_EQ(word, 0x7fffffff);
	CHECK_ERR(futex(&other, FUTEX_WAKE_OP | PRIVATE, 1, (void *)1, (void *)8, 0), EFAULT);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}

TEST(shared_words_meet_across_processes)
{
	volatile uint32_t *word =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char path[] = "/tmp/futexXXXXXX";
	int fd = mkstemp(path), status;
	volatile uint32_t *failures;
	pid_t pid;

	CHECK_EQ(ftruncate(fd, 8192), 0);
	for (int kind = 0; kind < 2; kind++) {
		if (kind) {
			word = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
			word += 1024; /* the second page */
		}
		pid = fork();
		if (!pid) {
			if (kind) { /* the same word at another address */
				failures = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
						4096);
				CHECK(failures != word);
			} else {
				failures = word;
			}
			while (*failures == 0)
				futex(failures, FUTEX_WAIT, 0, NULL, NULL, 0);
			_exit(7);
		}
		usleep(30000);
		*word = 1;
		CHECK_EQ(futex(word, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 7 << 8);
	}
	unlink(path);
}

TEST(a_killed_owner_leaves_its_robust_mutex)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t *mutex =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(mutex, &attributes);
	pid = fork();
	if (!pid) {
		pthread_mutex_lock(mutex);
		usleep(20000);
		kill(getpid(), SIGKILL);
	}
	usleep(10000);
	CHECK_EQ(pthread_mutex_lock(mutex), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(mutex), 0);
	CHECK_EQ(pthread_mutex_unlock(mutex), 0);
	CHECK_EQ(pthread_mutex_lock(mutex), 0);
	waitpid(pid, NULL, 0);
}

static void nothing(int sig)
{
}

static void *interrupt_main(void *arg)
{
	usleep(20000);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	return NULL;
}

TEST(signals_interrupt_waits)
{
	struct sigaction action = { .sa_handler = nothing };
	struct timespec time = { 5, 0 };
	pthread_t self = pthread_self(), other;
	uint32_t word = 0;

	sigaction(SIGUSR1, &action, NULL);
	pthread_create(&other, NULL, interrupt_main, &self);
	CHECK_ERR(futex(&word, FUTEX_WAIT | PRIVATE, 0, NULL, NULL, 0), EINTR);
	pthread_join(other, NULL);
	pthread_create(&other, NULL, interrupt_main, &self);
	CHECK_ERR(futex(&word, FUTEX_WAIT | PRIVATE, 0, &time, NULL, 0), EINTR);
	pthread_join(other, NULL);
	CHECK_EQ(futex(&word, FUTEX_WAKE | PRIVATE, 9, NULL, NULL, 0), 0);
}

static sem_t first_semaphore, second_semaphore;
static void *pong(void *arg)
{
	for (int i = 0; i < 3000; i++) {
		sem_wait(&first_semaphore);
		sem_post(&second_semaphore);
	}
	return NULL;
}

TEST(semaphores_pass_back_and_forth)
{
	pthread_t thread;

	sem_init(&first_semaphore, 0, 0);
	sem_init(&second_semaphore, 0, 0);
	pthread_create(&thread, NULL, pong, NULL);
	for (int i = 0; i < 3000; i++) {
		sem_post(&first_semaphore);
		sem_wait(&second_semaphore);
	}
	pthread_join(thread, NULL);
}

static __thread int tls = 5;
static void *use_tls(void *arg)
{
	CHECK_EQ(tls, 5);
	tls = (int)(long)arg;
	for (int i = 0; i < 100; i++) {
		sched_yield();
		CHECK_EQ(tls, (int)(long)arg);
	}
	return NULL;
}

TEST(each_thread_has_its_own_storage)
{
	pthread_t thread[6];

	for (long i = 0; i < 6; i++)
		pthread_create(&thread[i], NULL, use_tls, (void *)(i + 100));
	for (int i = 0; i < 6; i++)
		pthread_join(thread[i], NULL);
	CHECK_EQ(tls, 5);
}

static void *fork_in_thread(void *arg)
{
	for (int i = 0; i < 20; i++) {
		int status;
		pid_t pid = fork();

		if (!pid)
			_exit(i);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(WEXITSTATUS(status), i);
	}
	return NULL;
}

TEST(threads_fork_at_the_same_time)
{
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, fork_in_thread, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
}

static void *spin_and_sleep(void *arg)
{
	for (;;)
		usleep(100);
	return NULL;
}

TEST(a_crowd_of_threads_is_killed)
{
	for (int round = 0; round < 5; round++) {
		int status;
		pid_t pid = fork();

		if (!pid) {
			pthread_t thread;

			for (int i = 0; i < 30; i++)
				pthread_create(&thread, NULL, spin_and_sleep, NULL);
			pause();
		}
		usleep(20000);
		kill(pid, SIGKILL);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, SIGKILL);
	}
}

static volatile double sum[4];
static void *compute(void *arg)
{
	double x = (double)(long)arg, s = 0;

	for (int i = 1; i < 200000; i++) {
		s += x / i;
		if (i % 1000 == 0)
			sched_yield();
	}
	sum[(long)arg] = s;
	return NULL;
}

TEST(floating_point_is_per_thread)
{
	pthread_t thread[4];

	for (long i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, compute, (void *)i);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	for (long i = 0; i < 4; i++) {
		double want = sum[i];

		compute((void *)i);
		CHECK(want == sum[i]);
	}
}

TEST(membarrier_is_there)
{
	long all = syscall(SYS_membarrier, 0, 0, 0);

	CHECK(all > 0 && (all & 1));
	CHECK_EQ(syscall(SYS_membarrier, 1, 0, 0), 0);
	CHECK_EQ(syscall(SYS_membarrier, 16, 0, 0), 0);
	CHECK_EQ(syscall(SYS_membarrier, 8, 0, 0), 0);
	CHECK_ERR(syscall(SYS_membarrier, 1 << 20, 0, 0), EINVAL);
}

static char clone_stack[65536] __attribute__((aligned(16)));
static volatile uint32_t clone_tid;
static int clone_main(void *arg)
{
	syscall(SYS_exit, 0);
	return 0;
}

TEST(the_kernel_clears_the_thread_id)
{
	clone_tid = 1;
	CHECK(clone(clone_main, clone_stack + sizeof(clone_stack),
		    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			    CLONE_SYSVSEM | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID,
		    NULL, &clone_tid, NULL, &clone_tid) > 0);
	for (int i = 0; i < 1000 && clone_tid; i++) {
		struct timespec time = { 0, 1000000 };

		futex(&clone_tid, FUTEX_WAIT, clone_tid, &time, NULL, 0);
	}
	CHECK_EQ(clone_tid, 0);
}

/* Memory made, copied on write and given up by several threads of one space. */
static void *churn(void *unused)
{
	for (int i = 0; i < 40; i++) {
		volatile int *m = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		pthread_t thread;
		pid_t pid;
		int x = 0;

		CHECK(m != MAP_FAILED);
		for (int round = 0; round < 8; round++)
			m[round * 1024] = round + i;
		pid = fork();
		if (!pid)
			_exit(m[7 * 1024] != 7 + i);
		for (int round = 0; round < 8; round++)
			m[round * 1024]++;
		CHECK_EQ(pthread_create(&thread, NULL, add_one, &x), 0);
		for (int round = 0; round < 8; round++)
			CHECK_EQ(m[round * 1024], round + i + 1);
		CHECK_EQ(pthread_join(thread, NULL), 0);
		munmap((void *)m, 8 * 4096);
		CHECK_EQ(waitpid(pid, &x, 0), pid);
		CHECK_EQ(x, 0);
	}
	return NULL;
}

TEST(threads_change_their_memory_at_the_same_time)
{
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, churn, NULL), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
}

/* ---- pages that are gone ---- */

#define REPLACED 600
static struct {
	volatile int *page;
	int written, end, stale;
} replaced;

/* Whoever has heard of a page may see nothing older in its place. */
static void *read_replaced(void *unused)
{
	while (!__atomic_load_n(&replaced.end, __ATOMIC_ACQUIRE)) {
		int written = __atomic_load_n(&replaced.written, __ATOMIC_ACQUIRE),
		    seen = *replaced.page;

		if (seen && seen < written) /* 0: the next one is there, and empty */
			replaced.stale++;
	}
	return NULL;
}

static int replace_pages(void)
{
	pthread_t thread;

	replaced.page =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (replaced.page == MAP_FAILED || pthread_create(&thread, NULL, read_replaced, NULL))
		return 1;
	for (int i = 1; i <= REPLACED; i++) {
		if (mmap((void *)replaced.page, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != replaced.page)
			return 2;
		*replaced.page = i;
		__atomic_store_n(&replaced.written, i, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&replaced.end, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	return replaced.stale ? 3 : 0;
}

/* Several processes at once, so that several processors want it forgotten elsewhere. */
TEST(a_page_that_was_replaced_is_seen_by_no_thread)
{
	pid_t child[3];
	int status;

	for (int i = 0; i < 3; i++) {
		child[i] = fork();
		if (!child[i])
			_exit(replace_pages());
	}
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(waitpid(child[i], &status, 0), child[i]);
		CHECK_EQ(status, 0);
	}
}

static void *wait_for_end(void *end)
{
	char byte;

	read(*(int *)end, &byte, 1);
	return NULL;
}

/* Every call that takes a descriptor, while another thread shares the table. */
TEST(bad_descriptors_are_refused_while_threads_share_them)
{
	char text[512];
	pthread_t thread;
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(pthread_create(&thread, NULL, wait_for_end, &ends[0]), 0);
	CHECK_ERR(syscall(SYS_mkdirat, 999, "x", 0), EBADF);
	CHECK_ERR(syscall(SYS_openat, 999, "x", 0, 0), EBADF);
	CHECK_ERR(syscall(SYS_unlinkat, 999, "x", 0), EBADF);
	CHECK_ERR(syscall(SYS_faccessat, 999, "x", 0), EBADF);
	CHECK_ERR(syscall(SYS_readlinkat, 999, "x", text, sizeof(text)), EBADF);
	CHECK_ERR(syscall(SYS_fchmodat, 999, "x", 0), EBADF);
	CHECK_ERR(syscall(SYS_fchownat, 999, "x", 0, 0, 0), EBADF);
	CHECK_ERR(syscall(SYS_newfstatat, 999, "x", text, 0), EBADF);
	CHECK_ERR(syscall(SYS_mknodat, 999, "x", 0100600, 0), EBADF);
	CHECK_ERR(syscall(SYS_symlinkat, "x", 999, "x"), EBADF);
	CHECK_ERR(syscall(SYS_utimensat, 999, "x", NULL, 0), EBADF);
	CHECK_ERR(syscall(SYS_linkat, 999, "x", 999, "y", 0), EBADF);
	CHECK_ERR(syscall(SYS_renameat, 999, "x", 999, "y"), EBADF);
	CHECK_ERR(syscall(SYS_renameat, AT_FDCWD, "/proc/self/x", 999, "x"), EBADF);
	CHECK_ERR(syscall(SYS_fchdir, 999), EBADF);
	CHECK_ERR(syscall(SYS_fstat, 999, text), EBADF);
	CHECK_ERR(syscall(SYS_fcntl, 999, F_GETFD, 0), EBADF);
	CHECK_ERR(syscall(SYS_dup, 999), EBADF);
	CHECK_ERR(syscall(SYS_dup2, 999, 5), EBADF);
	CHECK_ERR(syscall(SYS_syncfs, 999), EBADF);
	close(ends[1]);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void *outlive_the_first(void *fd)
{
	pid_t tid = (pid_t)syscall(SYS_gettid);

	pause_ms(5);
	CHECK_EQ(write((int)(long)fd, &tid, sizeof(tid)), sizeof(tid));
	return NULL;
}

/* Also where it is the last of its process. */
TEST(a_thread_that_has_ended_gives_its_number_back)
{
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	for (int i = 0; i < 20; i++) {
		pid_t child = fork(), tid;
		pthread_t thread;

		if (!child) {
			CHECK(!pthread_create(&thread, NULL, outlive_the_first,
					      (void *)(long)ends[1]));
			syscall(SYS_exit, 0); /* of this thread alone */
		}
		CHECK_EQ(read(ends[0], &tid, sizeof(tid)), sizeof(tid));
		CHECK_EQ(waitpid(child, NULL, 0), child);
		for (int tries = 0; tries < 1000 && !syscall(SYS_tkill, tid, 0); tries++)
			pause_ms(1);
		CHECK_ERR(syscall(SYS_tkill, tid, 0), ESRCH);
	}
}

int main(int argc, char **argv)
{
#define R(t)                                          \
	do {                                          \
		if (argc < 2 || !strcmp(argv[1], #t)) \
			RUN(t);                       \
	} while (0)
	R(threads_are_made_and_joined);
	R(mutexes_exclude);
	R(conditions_wake);
	R(arguments_are_checked);
	R(timeouts_are_kept);
	R(bitsets_select);
	R(requeue_moves_waiters);
	R(wake_op_changes_and_wakes);
	R(shared_words_meet_across_processes);
	R(a_killed_owner_leaves_its_robust_mutex);
	R(signals_interrupt_waits);
	R(semaphores_pass_back_and_forth);
	R(each_thread_has_its_own_storage);
	R(threads_fork_at_the_same_time);
	R(a_crowd_of_threads_is_killed);
	R(floating_point_is_per_thread);
	R(membarrier_is_there);
	R(the_kernel_clears_the_thread_id);
	R(threads_change_their_memory_at_the_same_time);
	R(a_page_that_was_replaced_is_seen_by_no_thread);
	R(bad_descriptors_are_refused_while_threads_share_them);
	R(a_thread_that_has_ended_gives_its_number_back);
	return check_done();
}
