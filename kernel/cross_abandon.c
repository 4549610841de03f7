// SPDX-License-Identifier: MIT
/*
 * The second mode of the wall: one of a driver's crossings, which are the entries of its functions and the
 * calls that it makes, is abandoned, as if the driver had faulted there. A test does
 * that with each one in turn: what the driver owned must be released, who
 * used it be told, and the same file work again.
 *
 * A crossing where a call cannot be abandoned (the caller of the driver, another driver, holds a
 * spin lock) is passed over, and the next one taken.
 *
 * abandon.lock (spin): all of it.
 */
#include <kernel/gate.h>
#include <kernel/printk.h>
#include <kernel/seq_file.h>
#include <kernel/spinlock.h>
#include <kernel/string.h>
#include <kernel/wall.h>

#define ABANDON_NAME_SIZE 56u

static struct {
	spinlock_t lock;
	bool armed; /* read without the lock, too */
	bool done;
	char name[ABANDON_NAME_SIZE];
	u64 target, count;
} abandon;

static bool abandon_counts(const struct owner *owner, bool possible)
{
	bool now = false;
	u64 flags = spin_lock_irqsave(&abandon.lock);

	if (abandon.armed && !strcmp(owner->name, abandon.name)) {
		abandon.count++;
		now = possible && abandon.count >= abandon.target;
	}
	if (now) {
		abandon.done = true;
		abandon.armed = false;
	}
	spin_unlock_irqrestore(&abandon.lock, flags);
	return now;
}

bool cross_abandons(const struct owner *owner, const char *where)
{
	if (likely(!READ_ONCE(abandon.armed)) || gate_has_failed(owner))
		return false;
	return abandon_counts(owner, !where || gate_may_abandon());
}

int cross_abandon_set(char *text)
{
	char *colon = strchr(text, ':');
	u64 target = 0, flags;

	if (text[0] && (!colon || (u64)(colon - text) >= ABANDON_NAME_SIZE))
		return -EINVAL;
	if (colon) {
		*colon = 0;
		if (parse_u64(colon + 1, 10, &target))
			return -EINVAL;
	}
	flags = spin_lock_irqsave(&abandon.lock);
	strscpy(abandon.name, text, sizeof(abandon.name));
	abandon.target = target;
	abandon.count = 0;
	abandon.done = false;
	abandon.armed = target != 0;
	spin_unlock_irqrestore(&abandon.lock, flags);
	return 0;
}

void cross_abandon_show(struct seq_file *seq)
{
	seq_printf(seq, "%s:%lu, %lu crossings, %sabandoned\n", abandon.name, abandon.target,
		   abandon.count, abandon.done ? "" : "not ");
}

/* ---- words of the other half ---- */

static const char *crosser_name(const struct owner *root)
{
	if (root)
		return root->name;
	return "the kernel";
}

void cross_tell_strange(const struct crossed *crossed, u32 number)
{
	pr_warn("banos: %s: argument %u of a call of %s is not the caller's memory\n",
		crosser_name(crossed->from), number, crosser_name(crossed->to));
}
