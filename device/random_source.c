// SPDX-License-Identifier: MIT
/*
 * Sources of random bytes: /dev/hwrng, and what the kernel's generator gets of them.
 *
 * All that a source gives is checked (kernel/random_check.h): its first RANDOM_START_BYTES are mixed into the
 * generator and nobody else gets them, and one bad byte later ends the source. Mixing replaces nothing: a source
 * that an attacker knows leaves the generator as it was. So nothing waits for a source, and none is
 * given credit.
 *
 * One source is the chosen one, which /dev/hwrng reads: that with the best quality, or the one that root has
 * written to rng_current. A thread asks each source for MIX_BYTES when it comes, and once in MIX_EVERY_NS; it
 * does not wait for slow ones, but asks again.
 *
 * sources_lock (mutex) guards the list, the choice and source->running. source->lock (mutex, not inside it) is held
 * while a source is asked: the next reader waits, until a signal arrives.
 *
 * A source that goes is off the list first. Then threads that sleep in fill() are woken, by their mark in thread->revoked.
 */
#include <kernel/chardev.h>
#include <kernel/err.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/file.h>
#include <kernel/fs/sysfs.h>
#include <kernel/gate.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/random.h>
#include <kernel/random_source.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include "internal.h"

#define MISC_MAJOR   10
#define HWRNG_MINOR  183
#define MIX_BYTES    64u
#define MIX_EVERY_NS (60 * NSEC_PER_SEC)
#define MIX_SOON_NS  (20 * NSEC_PER_MSEC) /* and twice as long each time */

static DEFINE_MUTEX(sources_lock);
static struct list sources = LIST_INIT(sources); /* the oldest one first */
static struct random_source *chosen;		 /* NULL: there is none */
static bool chosen_by_user, mixer_runs;
static u32 sources_seen; /* how many there have been */
static struct wait_queue drop_wait = WAIT_QUEUE_INIT(drop_wait);
static struct wait_queue mixer_wait = WAIT_QUEUE_INIT(mixer_wait);

/* ---- the choice ---- */

static void choose_best_locked(void)
{
	struct random_source *source;

	assert_held(&sources_lock);
	chosen = NULL;
	chosen_by_user = false;
	list_for_each(source, &sources, link)
		if (!chosen || source->quality > chosen->quality)
			chosen = source;
}

static void source_delist_locked(struct random_source *source)
{
	assert_held(&sources_lock);
	if (!source->listed)
		return;
	list_del(&source->link);
	source->listed = false;
	if (source == chosen)
		choose_best_locked();
}

static struct random_source *source_hold_chosen(void)
{
	struct random_source *source;

	mutex_lock(&sources_lock);
	source = chosen;
	if (source)
		source->running++;
	mutex_unlock(&sources_lock);
	return source;
}

static void source_drop(struct random_source *source)
{
	mutex_lock(&sources_lock);
	if (!--source->running)
		wake_up_all(&drop_wait);
	mutex_unlock(&sources_lock);
}

/* ---- bytes of one source ---- */

static void source_put_out(struct random_source *source)
{
	source->failed = true;
	mutex_lock(&sources_lock);
	source_delist_locked(source);
	mutex_unlock(&sources_lock);
}

/* fill() of a driver, which the lock is held for: readers wait for the driver anyway, and can be interrupted. */
static s64 source_ask(struct random_source *source, struct uio *to, bool wait)
{
	const bool *outer = current->revoked;
	u32 excused = gate_excuse_locks();
	s64 result = -ENODEV;

	__atomic_store_n(&current->revoked, &source->dead, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&source->dead, __ATOMIC_SEQ_CST))
		result = source->fill(source, to, wait);
	WRITE_ONCE(current->revoked, outer);
	gate_excuse_end(excused);
	return result;
}

/* @result: of fill(), which wrote @written bytes. @return 0, or why they are not used */
static s64 source_judge(struct random_source *source, s64 result, u32 written)
{
	static const char *const words[] = {
		[RANDOM_REPEATS] = "a byte has come too many times in a row",
		[RANDOM_IS_UNEVEN] = "a byte has come too often",
	};
	enum random_verdict verdict;

	if (result == -EAGAIN || result == -EINTR || result == -ERESTARTSYS)
		return result;
	if (result == -ENODEV) { /* it is going, without a fault of its own */
		source_put_out(source);
		return result;
	}
	if (result <= 0 || result > written) {
		pr_err("hwrng: %s of driver %s is put out: fill() returned %ld, expected at most the %u bytes that it wrote\n",
		       source->name, source->driver, result, written);
		source_put_out(source);
		return result < 0 ? result : -EIO;
	}
	verdict = random_check_bytes(&source->check, source->bytes, result);
	if (verdict == RANDOM_PASSES)
		return 0;
	pr_err("hwrng: %s of driver %s is put out: %s (quality %u)\n", source->name, source->driver,
	       words[verdict], source->quality);
	source_put_out(source);
	return -EIO;
}

/* The first ones are for the generator alone. */
static void source_check_start(struct random_source *source)
{
	if (source->checked >= RANDOM_START_BYTES)
		return;
	random_add_entropy(source->bytes, source->end);
	source->checked += source->end;
	source->begin = source->end;
	if (source->checked >= RANDOM_START_BYTES)
		pr_info("hwrng: %s of driver %s is checked (quality %u)\n", source->name,
			source->driver, source->quality);
}

/* Have bytes that nobody has had. @return 0, -ENODEV: it is not used any more, or why there are none */
static s64 source_refill(struct random_source *source, bool wait)
{
	assert_held(&source->lock);
	while (source->begin == source->end) {
		struct uio to;
		s64 result;

		if (source->failed || READ_ONCE(source->dead))
			return -ENODEV;
		if (signal_pending())
			return -ERESTARTSYS;
		source->begin = source->end = 0;
		uio_init_kernel(&to, source->bytes, sizeof(source->bytes));
		result = source_ask(source, &to, wait);
		to.count = sizeof(source->bytes) - to.count;
		source->end = MAX(result, 0);
		result = source_judge(source, result, to.count);
		if (result) {
			source->end = 0;
			return result;
		}
		source_check_start(source);
	}
	return 0;
}

static void source_forget(struct random_source *source, u32 count)
{
	memset(source->bytes + source->begin, 0, count);
	source->begin += count;
}

/* ---- mixing ---- */

/* A source that has not been asked in this round. */
static struct random_source *source_hold_next(u32 round)
{
	struct random_source *source, *found = NULL;

	mutex_lock(&sources_lock);
	list_for_each(source, &sources, link)
		if (!found && source->round != round)
			found = source;
	if (found) {
		found->round = round;
		found->running++;
	}
	mutex_unlock(&sources_lock);
	return found;
}

/* @return false: it has nothing yet */
static bool source_mix(struct random_source *source)
{
	u32 left = MIX_BYTES;
	s64 err = 0;

	if (!mutex_trylock(&source->lock)) /* a reader waits for it */
		return true;
	while (left) {
		u32 part;

		err = source_refill(source, false);
		if (err)
			break;
		part = MIN(left, source->end - source->begin);
		random_add_entropy(source->bytes + source->begin, part);
		source_forget(source, part);
		left -= part;
	}
	mutex_unlock(&source->lock);
	return err != -EAGAIN;
}

static void mixer_main(void *arg)
{
	u64 pause_ns = MIX_SOON_NS;
	u32 seen = 0;

	for (u32 round = 1;; round++) {
		struct random_source *source;
		bool complete = true;

		if (seen != READ_ONCE(sources_seen))
			pause_ns = MIX_SOON_NS;
		seen = READ_ONCE(sources_seen);
		while ((source = source_hold_next(round))) {
			complete &= source_mix(source);
			source_drop(source);
		}
		pause_ns = MIN(pause_ns * 2, MIX_EVERY_NS);
		if (complete)
			pause_ns = MIX_EVERY_NS;
		(void)wait_event_until(&mixer_wait, seen != READ_ONCE(sources_seen),
				       time_monotonic_ns() + pause_ns);
	}
}

/* ---- coming and going ---- */

static int source_add_locked(struct random_source *source)
{
	struct random_source *other;
	int err = 0;

	assert_held(&sources_lock);
	list_for_each(other, &sources, link)
		if (!strcmp(other->name, source->name))
			err = -EEXIST;
	if (!err && !mixer_runs)
		err = thread_spawn(mixer_main, NULL, "hwrng");
	if (err)
		return err;
	mixer_runs = true;
	list_add_tail(&source->link, &sources);
	source->listed = true;
	if (!chosen || (!chosen_by_user && source->quality > chosen->quality))
		chosen = source;
	sources_seen++;
	return 0;
}

int random_source_add(struct random_source *source)
{
	int err;

	mutex_init(&source->lock);
	random_check_init(&source->check, source->quality);
	mutex_lock(&sources_lock);
	err = source_add_locked(source);
	mutex_unlock(&sources_lock);
	wake_up_all(&mixer_wait);
	return err;
}

int random_source_remove(struct random_source *source, u64 deadline_ns)
{
	struct thread_walk walk;

	mutex_lock(&sources_lock);
	source_delist_locked(source);
	__atomic_store_n(&source->dead, true, __ATOMIC_SEQ_CST);
	mutex_unlock(&sources_lock);
	for (struct thread *t = threads_first(&walk); t; t = threads_next(&walk, t))
		if (READ_ONCE(t->revoked) == &source->dead)
			thread_wake_state(t, 1 << THREAD_INTERRUPTIBLE);
	if (!wait_event_until(&drop_wait, !READ_ONCE(source->running), deadline_ns))
		return 0;
	pr_err("hwrng: fill() of %s of driver %s does not return\n", source->name, source->driver);
	return -EBUSY;
}

/* ---- /dev/hwrng ---- */

static int hwrng_open(struct inode *inode, struct file *f)
{
	if (!(f->mode & FMODE_READ) || f->mode & FMODE_WRITE)
		return -EINVAL;
	return 0;
}

static s64 source_read(struct random_source *source, struct uio *to, bool wait)
{
	s64 result = 0;
	u32 part, copied;

	if (wait && mutex_lock_interruptible(&source->lock))
		return -ERESTARTSYS;
	if (!wait && !mutex_trylock(&source->lock))
		return -EAGAIN;
	result = source_refill(source, wait);
	if (!result) {
		part = MIN(to->count, (u64)(source->end - source->begin));
		copied = uio_copy_out(to, source->bytes + source->begin, part);
		source_forget(source, part);
		result = copied;
		if (copied < part)
			result = -EFAULT;
	}
	mutex_unlock(&source->lock);
	return result;
}

s64 random_sources_read(struct uio *uio, bool wait)
{
	u64 wanted = uio->count;
	s64 result = 0;

	while (uio->count && result >= 0) {
		struct random_source *source = source_hold_chosen();

		if (!source) {
			result = -ENODEV;
			break;
		}
		result = source_read(source, uio, wait);
		if (result == -ENODEV) /* another one is the chosen one by now, or none */
			result = 0;
		source_drop(source);
		if (signal_pending() && result >= 0)
			result = -ERESTARTSYS;
	}
	if (wanted > uio->count)
		return wanted - uio->count;
	return MIN(result, 0);
}

static s64 hwrng_read(struct file *f, struct uio *uio, u64 *pos)
{
	return random_sources_read(uio, !(f->flags & O_NONBLOCK));
}

static const struct file_ops hwrng_fops = {
	.open = hwrng_open,
	.read = hwrng_read,
};

/* ---- /sys/class/misc/hw_random ---- */

static int available_show(struct seq_file *seq, void *arg)
{
	struct random_source *source;

	mutex_lock(&sources_lock);
	list_for_each(source, &sources, link)
		seq_printf(seq, "%s ", source->name);
	mutex_unlock(&sources_lock);
	seq_puts(seq, "\n");
	return 0;
}

static int current_show(struct seq_file *seq, void *arg)
{
	mutex_lock(&sources_lock);
	seq_printf(seq, "%s\n", chosen ? chosen->name : "none");
	mutex_unlock(&sources_lock);
	return 0;
}

static int current_write_locked(const char *name)
{
	struct random_source *source;

	assert_held(&sources_lock);
	if (!*name) {
		choose_best_locked();
		return 0;
	}
	list_for_each(source, &sources, link)
		if (!strcmp(source->name, name)) {
			chosen = source;
			chosen_by_user = true;
			return 0;
		}
	return -ENODEV;
}

static int current_write(char *text, size_t len, void *arg)
{
	int err;

	if (len && text[len - 1] == '\n')
		text[len - 1] = 0;
	mutex_lock(&sources_lock);
	err = current_write_locked(text);
	mutex_unlock(&sources_lock);
	return err;
}

static int selected_show(struct seq_file *seq, void *arg)
{
	seq_printf(seq, "%u\n", READ_ONCE(chosen_by_user));
	return 0;
}

static int quality_show(struct seq_file *seq, void *arg)
{
	mutex_lock(&sources_lock);
	seq_printf(seq, "%u\n", chosen ? chosen->quality : 0);
	mutex_unlock(&sources_lock);
	return 0;
}

static int number_show(struct seq_file *seq, void *arg)
{
	seq_printf(seq, "%u:%u\n", MISC_MAJOR, HWRNG_MINOR);
	return 0;
}

#define FOLDER "devices/virtual/misc/hw_random/"

void random_sources_init(void)
{
	chardev_register_own(&(struct chardev){ .dev = MKDEV(MISC_MAJOR, HWRNG_MINOR),
						.name = "hwrng",
						.mode = 0600,
						.ops = &hwrng_fops });
	sysfs_create(FOLDER "rng_available", 0444, available_show, NULL, NULL);
	sysfs_create(FOLDER "rng_current", 0644, current_show, current_write, NULL);
	sysfs_create(FOLDER "rng_selected", 0444, selected_show, NULL, NULL);
	sysfs_create(FOLDER "rng_quality", 0444, quality_show, NULL, NULL);
	sysfs_create(FOLDER "dev", 0444, number_show, NULL, NULL);
	sysfs_symlink("class/misc/hw_random", "../../devices/virtual/misc/hw_random");
}
