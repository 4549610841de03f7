/* SPDX-License-Identifier: MIT */
/* What a driver of a file system uses of the kernel besides the store: memory, locks, log, clock: fsdrive.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <banos/errno.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/time.h>
#include "fsdrive.h"

#define OWNER	    ((banos_owner)0x1000)
#define LOCK_COOKIE 0x10c4edull

int64_t drive_now_ns = 1700000000000000000;
bool drive_verbose;
char drive_last_line[400];

static int64_t (*driver_init)(banos_owner self), (*driver_exit)(banos_owner self);
static struct banos_filesystem_config driver_config;
static struct banos_filesystem_ops driver_ops;
static bool driver_lives;
static uint64_t memory_count, locks_count;
static int64_t fail_after = -1;
static uint32_t locks_held;

void drive_fault(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("fsdrive: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

/* ---- the driver ---- */

void drive_add_driver(int64_t (*init)(banos_owner self), int64_t (*exit)(banos_owner self))
{
	driver_init = init;
	driver_exit = exit;
}

const struct banos_filesystem_config *drive_driver(void)
{
	if (!driver_lives) {
		if (driver_init(OWNER) || !driver_config.ops)
			drive_fault("init() failed, or registered nothing");
		driver_lives = true;
	}
	return &driver_config;
}

void drive_driver_exit(void)
{
	if (driver_lives && driver_exit && driver_exit(OWNER))
		drive_fault("exit() failed");
	driver_lives = false;
	driver_config.ops = NULL;
	if (memory_count)
		drive_fault("%llu pieces of memory remain", (unsigned long long)memory_count);
	if (locks_count)
		drive_fault("%llu mutexes remain", (unsigned long long)locks_count);
}

static int64_t method_default(void)
{
	return -EOPNOTSUPP;
}

int64_t banos_filesystem_register(banos_owner owner, const struct banos_filesystem_config *config,
				  banos_filesystem *filesystem)
{
	uint64_t *methods = (uint64_t *)&driver_ops;

	if (owner != OWNER || config->size != sizeof(*config) || config->ops->size < 16 ||
	    config->ops->must)
		return -EINVAL;
	if (driver_config.ops) /* a further name for the same: it is not mounted here */
		return config->ops->mount == driver_ops.mount ? 0 : -EINVAL;
	driver_config = *config;
	memset(&driver_ops, 0, sizeof(driver_ops));
	memcpy(&driver_ops, config->ops, config->ops->size);
	if (!driver_ops.mount || !driver_ops.lookup || !driver_ops.getattr || !driver_ops.readdir)
		return -EINVAL;
	for (size_t i = 1; i < sizeof(driver_ops) / 8; i++)
		if (!methods[i])
			methods[i] = (uint64_t)method_default;
	driver_config.ops = &driver_ops;
	if (filesystem)
		*filesystem = (banos_filesystem)0x2000;
	return 0;
}

int64_t banos_filesystem_remove(banos_filesystem filesystem)
{
	driver_config.ops = NULL;
	return filesystem == (banos_filesystem)0x2000 ? 0 : -EINVAL;
}

int64_t banos_api_level(void)
{
	return 2;
}

int64_t banos_has_feature(uint32_t feature)
{
	return feature == BANOS_FEATURE_SMP;
}

/* ---- memory ---- */

void drive_fail_alloc(int64_t count)
{
	fail_after = count;
}

void *banos_alloc(banos_owner owner, uint64_t size, uint32_t flags)
{
	void *memory;

	if (owner != OWNER || !size || size > 256ull << 20 || flags & ~BANOS_ALLOC_ATOMIC)
		drive_fault("banos_alloc(%llu, %u)", (unsigned long long)size, flags);
	if (!fail_after)
		return NULL;
	if (fail_after > 0)
		fail_after--;
	memory = calloc(1, size);
	memory_count += memory != NULL;
	return memory;
}

int64_t banos_free(banos_owner owner, void *memory)
{
	if (owner != OWNER)
		drive_fault("banos_free(): whose?");
	memory_count -= memory != NULL;
	free(memory);
	return 0;
}

/* ---- locks ---- */

uint32_t drive_locks_held(void)
{
	return locks_held;
}

int64_t banos_mutex_init(banos_owner owner, struct banos_mutex *mutex)
{
	if (owner != OWNER)
		drive_fault("banos_mutex_init(): whose?");
	*mutex = (struct banos_mutex){ .cookie = LOCK_COOKIE ^ (uint64_t)mutex };
	locks_count++;
	return 0;
}

static void lock_check(uint64_t cookie, const void *lock, bool right, const char *what)
{
	if (cookie != (LOCK_COOKIE ^ (uint64_t)lock))
		drive_fault("%s: the lock was not initialised, or was moved", what);
	if (!right)
		drive_fault("%s: is held, or is not", what);
}

int64_t banos_mutex_destroy(struct banos_mutex *mutex)
{
	lock_check(mutex->cookie, mutex, !mutex->state, "banos_mutex_destroy()");
	mutex->cookie = 0;
	locks_count--;
	return 0;
}

int64_t banos_mutex_lock(struct banos_mutex *mutex)
{
	lock_check(mutex->cookie, mutex, !mutex->state, "banos_mutex_lock()");
	mutex->state = 1;
	locks_held++;
	return 0;
}

int64_t banos_mutex_trylock(struct banos_mutex *mutex)
{
	lock_check(mutex->cookie, mutex, true, "banos_mutex_trylock()");
	if (mutex->state)
		return -EBUSY;
	return banos_mutex_lock(mutex);
}

int64_t banos_mutex_unlock(struct banos_mutex *mutex)
{
	lock_check(mutex->cookie, mutex, mutex->state, "banos_mutex_unlock()");
	mutex->state = 0;
	locks_held--;
	return 0;
}

int64_t banos_spin_init(struct banos_spinlock *lock)
{
	*lock = (struct banos_spinlock){ .cookie = LOCK_COOKIE ^ (uint64_t)lock };
	return 0;
}

int64_t banos_spin_lock(struct banos_spinlock *lock)
{
	lock_check(lock->cookie, lock, !lock->state, "banos_spin_lock()");
	lock->state = 1;
	locks_held++;
	return 0;
}

int64_t banos_spin_unlock(struct banos_spinlock *lock)
{
	lock_check(lock->cookie, lock, lock->state, "banos_spin_unlock()");
	lock->state = 0;
	locks_held--;
	return 0;
}

/* ---- log, clock ---- */

int64_t banos_print_args(banos_owner owner, uint32_t level, const char *format,
			 const uint64_t *args, uint32_t count)
{
	banos_format_args(drive_last_line, sizeof(drive_last_line), format, args, count);
	if (owner != OWNER || level > BANOS_DEBUG || !*drive_last_line)
		drive_fault("banos_print_args(): %s", drive_last_line);
	if (drive_verbose)
		fprintf(stderr, "log: %s\n", drive_last_line);
	return 0;
}

/* One conversion of a format, of which @spec is a copy, for snprintf(). */
static int format_one(char *to, size_t room, char *spec, char type, uint64_t value)
{
	size_t end = strlen(spec);

	if (type == 's')
		return snprintf(to, room, spec, value ? (const char *)value : "(null)");
	if (type == 'c')
		return snprintf(to, room, spec, (int)value);
	while (end > 1 && strchr("hljzt", spec[end - 2]))
		spec[end-- - 2] = type;
	snprintf(spec + end - 1, 4, "ll%c", type == 'p' ? 'x' : type);
	if (type == 'd' || type == 'i')
		return snprintf(to, room, spec, (long long)(int64_t)value);
	return snprintf(to, room, spec, (unsigned long long)value);
}

/* No '*', and integers are taken to be as wide as their argument. */
int64_t banos_format_args(char *buffer, uint64_t size, const char *format, const uint64_t *args,
			  uint32_t count)
{
	size_t used = 0;

	for (const char *at = format; *at;) {
		char spec[32] = "", piece[4096];
		size_t length = strcspn(at, "%");

		if (length) {
			snprintf(piece, sizeof(piece), "%.*s", (int)length, at);
		} else if (at[1] == '%') {
			length = 2;
			strcpy(piece, "%");
		} else {
			length = strcspn(at + 1, "diuxXocsp") + 2;
			snprintf(spec, sizeof(spec) - 4, "%.*s", (int)length, at);
			if (!count)
				drive_fault("arguments are missing: %s", format);
			format_one(piece, sizeof(piece), spec, at[length - 1], *args++);
			count--;
		}
		at += length;
		if (used < size)
			snprintf(buffer + used, size - used, "%s", piece);
		used += strlen(piece);
	}
	return (int64_t)used;
}

uint64_t banos_time_ns(void)
{
	return (uint64_t)drive_now_ns;
}

uint64_t banos_time_real_ns(void)
{
	return (uint64_t)drive_now_ns;
}
