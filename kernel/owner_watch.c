// SPDX-License-Identifier: MIT
/*
 * Who is told that an owner is gone; see owner.h.
 *
 * Lock: watch_lock (spin) guards the lists of all owners. A watch that is in a list keeps
 * the owner from its end: owner_tell_gone() empties the list, and an owner that is closed gets no
 * further one.
 */
#include <kernel/err.h>
#include <kernel/owner.h>

static DEFINE_SPINLOCK(watch_lock);

static bool owner_is_watched_locked(const struct owner *owner, const void *key)
{
	struct owner_watch *watch;

	assert_held(&watch_lock);
	list_for_each(watch, &owner->watches, link)
		if (watch->key == key)
			return true;
	return false;
}

int owner_watch(struct owner *owner, struct owner_watch *watch)
{
	u64 flags = spin_lock_irqsave(&watch_lock);
	int err = 0;

	if (owner_is_closed(owner))
		err = -ENODEV;
	else if (owner_is_watched_locked(owner, watch->key))
		err = -EEXIST;
	else
		list_add_tail(&watch->link, &owner->watches);
	spin_unlock_irqrestore(&watch_lock, flags);
	return err;
}

void owner_unwatch(struct owner_watch *watch)
{
	u64 flags = spin_lock_irqsave(&watch_lock);

	list_del(&watch->link);
	spin_unlock_irqrestore(&watch_lock, flags);
}

int owner_tell_gone(struct owner *owner)
{
	int err = 0;

	while (!err) {
		struct owner_watch *watch = NULL;
		u64 flags = spin_lock_irqsave(&watch_lock);

		if (!list_empty(&owner->watches)) {
			watch = list_first(&owner->watches, struct owner_watch, link);
			watch->hold(watch);
		}
		spin_unlock_irqrestore(&watch_lock, flags);
		if (!watch)
			break;
		err = watch->tell(watch, owner_stop_deadline(owner));
	}
	return err;
}
