/* SPDX-License-Identifier: MIT */
/* Which class of locks was seen to be taken before which; the search for a way round. Pure. */
#include <kernel/lock_order.h>

void lock_graph_add(struct lock_graph *graph, u32 before, u32 after)
{
	graph->after[before][after / 64] |= 1ull << after % 64;
}

struct search {
	u64 seen[LOCK_CLASSES / 64];
	u16 todo[LOCK_CLASSES];
	u16 first[LOCK_CLASSES]; /* the step from the start that led there */
	u32 nr_todo;
};

static void search_visit(struct search *search, u32 class, u32 first)
{
	if (search->seen[class / 64] >> class % 64 & 1)
		return;
	search->seen[class / 64] |= 1ull << class % 64;
	search->first[class] = first;
	search->todo[search->nr_todo++] = class;
}

bool lock_graph_reaches(const struct lock_graph *graph, u32 from, u32 to, u32 *next)
{
	static struct search search; /* too large for a stack; see "the caller locks" */
	u32 current_class = from;

	for (u32 i = 0; i < LOCK_CLASSES / 64; i++)
		search.seen[i] = 0;
	search.nr_todo = 0;
	for (u32 done = 0;; current_class = search.todo[done++]) {
		for (u32 i = 0; i < LOCK_CLASSES / 64; i++)
			for (u64 bits = graph->after[current_class][i]; bits; bits &= bits - 1) {
				u32 class = i * 64 + __builtin_ctzll(bits);

				search_visit(&search, class,
					     current_class == from ? class
								   : search.first[current_class]);
			}
		if (search.seen[to / 64] >> to % 64 & 1) {
			*next = search.first[to];
			return true;
		}
		if (done == search.nr_todo)
			return false;
	}
}
