// SPDX-License-Identifier: MIT
/*
 * epoll sets that hold sets: no rings, no long chains, not too many ways.
 *
 * A wake-up of a file is passed on to every set that holds it, to every set that
 * holds one of those, and so on, at once and possibly in an interrupt. So the
 * sets that hold one another form no ring, a chain has at most EPOLL_NEST_MAX
 * steps, and from one file no more than a fixed number of ways lead through
 * chains of each length (as in Linux: any number of sets may hold the file itself).
 *
 * Everything here runs under epoll_nest_mutex, in system calls that add to a set
 * which holds sets or is held by one; it asks no file anything.
 */
#include "epoll.h"

struct mutex epoll_nest_mutex = MUTEX_INIT(epoll_nest_mutex);
static u64 walk_number; /* marks what this walk has computed */

/* ---- chains ---- */

/* @return the longest chain of sets inside @p set; beyond the limit if @p avoid is among them */
static u32 longest_below(struct eventpoll *set, const struct eventpoll *avoid)
{
	struct eventpoll_item *item;
	u32 longest = 0;

	if (set == avoid)
		return EPOLL_NEST_MAX + 1;
	if (set->below_walk == walk_number)
		return set->below;
	list_for_each(item, &set->inner, inner_link)
		longest = MAX(longest, longest_below(epoll_of_file(item->file), avoid) + 1);
	set->below_walk = walk_number;
	set->below = longest;
	return longest;
}

static u32 longest_above(struct eventpoll *set)
{
	struct eventpoll_item *item;
	u32 longest = 0;

	if (set->above_walk == walk_number)
		return set->above;
	list_for_each(item, &set->outer, outer_link)
		longest = MAX(longest, longest_above(item->set) + 1);
	set->above_walk = walk_number;
	set->above = longest;
	return longest;
}

int epoll_nest_check(struct eventpoll *set, struct eventpoll *inner)
{
	assert_held(&epoll_nest_mutex);
	walk_number++;
	if (longest_below(inner, set) + 1 + longest_above(set) > EPOLL_NEST_MAX)
		return -ELOOP;
	return 0;
}

/* ---- ways ---- */

/* The maximum number of paths from a file to an outermost set, by the number of sets between. */
static const u32 ways_max[EPOLL_NEST_MAX + 1] = { ~0u, 500, 100, 50, 10 };

/* @param depth  sets between the file and @p set */
static bool ways_fit(struct eventpoll *set, u32 depth, u32 *ways)
{
	struct eventpoll_item *item;

	if (list_empty(&set->outer))
		return ++ways[depth] <= ways_max[depth];
	if (depth == EPOLL_NEST_MAX)
		return false;
	list_for_each(item, &set->outer, outer_link)
		if (!ways_fit(item->set, depth + 1, ways))
			return false;
	return true;
}

/* The caller counts the file. A set that has no sets around it costs one look. */
static bool file_ways_fit(struct file *f)
{
	u32 ways[EPOLL_NEST_MAX + 1] = { 0 };
	struct eventpoll_item *item;
	bool fit = true;

	spin_lock(epoll_watch_lock(f));
	for (item = f->eventpoll; item && fit; item = item->next_of_file)
		fit = list_empty(&item->set->outer) || ways_fit(item->set, 0, ways);
	spin_unlock(epoll_watch_lock(f));
	return fit;
}

/* The next item of @p set, with its file, both counted. */
static struct eventpoll_item *next_counted(struct eventpoll *set, const struct file *f, u32 fd)
{
	u64 flags = spin_lock_irqsave(&set->lock);
	struct eventpoll_item *item = epoll_item_after(set, f, fd);

	while (item && !atomic_inc_not_zero(&item->file->refs))
		item = epoll_item_after(set, item->file, item->fd);
	if (item)
		atomic_inc(&item->refs);
	spin_unlock_irqrestore(&set->lock, flags);
	return item;
}

/* All files in @p set and in the sets inside of it, each set once. */
static bool set_ways_fit(struct eventpoll *set, struct eventpoll_item **checked)
{
	struct eventpoll_item *item = NULL;
	struct eventpoll *inner;
	bool fit = true;

	if (set->below_walk == walk_number)
		return true;
	set->below_walk = walk_number;
	while (fit && (item = next_counted(set, item ? item->file : NULL, item ? item->fd : 0))) {
		item->checked_next = *checked;
		*checked = item;
		inner = epoll_of_file(item->file);
		if (inner)
			fit = set_ways_fit(inner, checked);
		else
			fit = file_ways_fit(item->file);
	}
	return fit;
}

int epoll_nest_count(struct eventpoll_item *item, struct eventpoll_item **checked)
{
	struct eventpoll *inner = epoll_of_file(item->file);
	bool fit;

	assert_held(&epoll_nest_mutex);
	walk_number++;
	if (inner)
		fit = set_ways_fit(inner, checked);
	else
		fit = file_ways_fit(item->file);
	if (!fit)
		return -EINVAL;
	return 0;
}

void epoll_put_checked(struct eventpoll_item *checked)
{
	while (checked) {
		struct eventpoll_item *item = checked;
		struct file *f = item->file;

		checked = item->checked_next;
		epoll_item_put(item);
		file_put(f);
	}
}
