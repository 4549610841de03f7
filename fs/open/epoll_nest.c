/* SPDX-License-Identifier: MIT */
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
static u64 walk_number; /* tells what this walk has computed from what is old */

/* ---- chains ---- */

/* @return the longest chain of sets inside @p ep; beyond the limit if @p avoid is among them */
static u32 longest_below(struct eventpoll *ep, const struct eventpoll *avoid)
{
	struct eventpoll_item *i;
	u32 longest = 0;

	if (ep == avoid)
		return EPOLL_NEST_MAX + 1;
	if (ep->below_walk == walk_number)
		return ep->below;
	list_for_each(i, &ep->inner, inner_link)
		longest = MAX(longest, longest_below(epoll_of_file(i->file), avoid) + 1);
	ep->below_walk = walk_number;
	ep->below = longest;
	return longest;
}

static u32 longest_above(struct eventpoll *ep)
{
	struct eventpoll_item *i;
	u32 longest = 0;

	if (ep->above_walk == walk_number)
		return ep->above;
	list_for_each(i, &ep->outer, outer_link)
		longest = MAX(longest, longest_above(i->ep) + 1);
	ep->above_walk = walk_number;
	ep->above = longest;
	return longest;
}

int epoll_nest_check(struct eventpoll *ep, struct eventpoll *inner)
{
	walk_number++;
	return longest_below(inner, ep) + 1 + longest_above(ep) > EPOLL_NEST_MAX ? -ELOOP : 0;
}

/* ---- ways ---- */

/* How many ways may lead from a file to a set that nobody holds, through so many others. */
static const u32 ways_max[EPOLL_NEST_MAX + 1] = { ~0u, 500, 100, 50, 10 };

/* @param depth  sets between the file and @p ep */
static bool ways_fit(struct eventpoll *ep, u32 depth, u32 *ways)
{
	struct eventpoll_item *i;

	if (list_empty(&ep->outer))
		return ++ways[depth] <= ways_max[depth];
	if (depth == EPOLL_NEST_MAX)
		return false;
	list_for_each(i, &ep->outer, outer_link)
		if (!ways_fit(i->ep, depth + 1, ways))
			return false;
	return true;
}

/* The caller counts the file. A set that has no sets around it costs one look. */
static bool file_ways_fit(struct file *f)
{
	u32 ways[EPOLL_NEST_MAX + 1] = { 0 };
	struct eventpoll_item *i;
	bool fit = true;

	spin_lock(epoll_watch_lock(f));
	for (i = f->eventpoll; i && fit; i = i->next_of_file)
		fit = list_empty(&i->ep->outer) || ways_fit(i->ep, 0, ways);
	spin_unlock(epoll_watch_lock(f));
	return fit;
}

/* The next item of @p ep, with its file, both counted. */
static struct eventpoll_item *next_counted(struct eventpoll *ep, const struct file *f, u32 fd)
{
	u64 flags = spin_lock_irqsave(&ep->lock);
	struct eventpoll_item *i = epoll_item_after(ep, f, fd);

	while (i && !atomic_inc_not_zero(&i->file->refs))
		i = epoll_item_after(ep, i->file, i->fd);
	if (i)
		atomic_inc(&i->refs);
	spin_unlock_irqrestore(&ep->lock, flags);
	return i;
}

/* All files in @p ep and in the sets inside of it, each set once. */
static bool set_ways_fit(struct eventpoll *ep, struct eventpoll_item **checked)
{
	struct eventpoll_item *i = NULL;
	struct eventpoll *inner;
	bool fit = true;

	if (ep->below_walk == walk_number)
		return true;
	ep->below_walk = walk_number;
	while (fit && (i = next_counted(ep, i ? i->file : NULL, i ? i->fd : 0))) {
		i->checked_next = *checked;
		*checked = i;
		inner = epoll_of_file(i->file);
		fit = inner ? set_ways_fit(inner, checked) : file_ways_fit(i->file);
	}
	return fit;
}

int epoll_nest_count(struct eventpoll_item *i, struct eventpoll_item **checked)
{
	struct eventpoll *inner = epoll_of_file(i->file);

	walk_number++;
	return (inner ? set_ways_fit(inner, checked) : file_ways_fit(i->file)) ? 0 : -EINVAL;
}

void epoll_put_checked(struct eventpoll_item *checked)
{
	while (checked) {
		struct eventpoll_item *i = checked;
		struct file *f = i->file;

		checked = i->checked_next;
		epoll_item_put(i);
		file_put(f);
	}
}
