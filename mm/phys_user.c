// SPDX-License-Identifier: MIT
/* Who maps device memory; see phys_user.h. Mappings are few: a list does. */
#include <kernel/err.h>
#include <kernel/page.h>
#include <kernel/phys_user.h>
#include <kernel/spinlock.h>

static DEFINE_LIST(phys_users);
static DEFINE_SPINLOCK(phys_users_lock);

static bool phys_user_conflicts_locked(const struct phys_user *user)
{
	struct phys_user *other;

	assert_held(&phys_users_lock);
	list_for_each(other, &phys_users, link)
		if (other->cache != user->cache && other->start < user->end &&
		    user->start < other->end)
			return true;
	return false;
}

static void phys_user_init(struct phys_user *user, phys_t start, u64 bytes, enum kcache cache)
{
	user->start = start & PAGE_MASK;
	user->end = PAGE_ALIGN(start + bytes);
	user->cache = cache;
	list_init(&user->link);
}

int phys_user_add(struct phys_user *user, phys_t start, u64 bytes, enum kcache cache)
{
	bool conflicts;

	phys_user_init(user, start, bytes, cache);
	spin_lock(&phys_users_lock);
	conflicts = phys_user_conflicts_locked(user);
	if (!conflicts)
		list_add(&user->link, &phys_users);
	spin_unlock(&phys_users_lock);
	if (conflicts)
		return -EBUSY;
	return 0;
}

bool phys_user_conflicts(phys_t start, u64 bytes, enum kcache cache)
{
	struct phys_user user;
	bool conflicts;

	phys_user_init(&user, start, bytes, cache);
	spin_lock(&phys_users_lock);
	conflicts = phys_user_conflicts_locked(&user);
	spin_unlock(&phys_users_lock);
	return conflicts;
}

void phys_user_remove(struct phys_user *user)
{
	spin_lock(&phys_users_lock);
	list_del(&user->link);
	spin_unlock(&phys_users_lock);
}
