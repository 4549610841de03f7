/* SPDX-License-Identifier: MIT */
/* Which class of locks was seen to be taken before which; the search for a way round. Pure. */
#include <kernel/lock_order.h>

void lock_graph_add(struct lock_graph *g, u32 before, u32 after)
{
	g->after[before][after / 64] |= 1ull << after % 64;
}

struct search {
	u64 seen[LOCK_CLASSES / 64];
	u16 todo[LOCK_CLASSES],
		first[LOCK_CLASSES]; /* first: the step from the start that led there */
	u32 n;
};

static void visit(struct search *s, u32 class, u32 first)
{
	if (s->seen[class / 64] >> class % 64 & 1)
		return;
	s->seen[class / 64] |= 1ull << class % 64;
	s->first[class] = first;
	s->todo[s->n++] = class;
}

bool lock_graph_reaches(const struct lock_graph *g, u32 from, u32 to, u32 *next)
{
	static struct search s; /* too large for a stack; see "the caller locks" */
	u32 at = from;

	for (u32 i = 0; i < LOCK_CLASSES / 64; i++)
		s.seen[i] = 0;
	s.n = 0;
	for (u32 done = 0;; at = s.todo[done++]) {
		for (u32 i = 0; i < LOCK_CLASSES / 64; i++)
			for (u64 bits = g->after[at][i]; bits; bits &= bits - 1) {
				u32 class = i * 64 + __builtin_ctzll(bits);

				visit(&s, class, at == from ? class : s.first[at]);
			}
		if (s.seen[to / 64] >> to % 64 & 1) {
			*next = s.first[to];
			return true;
		}
		if (done == s.n)
			return false;
	}
}
