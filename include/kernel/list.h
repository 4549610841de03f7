/* SPDX-License-Identifier: MIT */
/** @file list.h  Circular doubly linked lists with the links in the objects. */
#pragma once
#include <kernel/types.h>

struct list {
	struct list *next, *prev;
};
#define LIST_INIT(l)       \
	{                  \
		&(l), &(l) \
	}
#define DEFINE_LIST(l) struct list l = LIST_INIT(l)

static inline void list_init(struct list *list)
{
	list->next = list->prev = list;
}
static inline bool list_empty(const struct list *list)
{
	return list->next == list;
}
static inline void list_insert_between(struct list *n, struct list *a, struct list *b)
{
	n->prev = a;
	n->next = b;
	a->next = n;
	b->prev = n;
}
/** Insert @p n right behind @p head: the first of the list. */
static inline void list_add(struct list *n, struct list *head)
{
	list_insert_between(n, head, head->next);
}
static inline void list_add_tail(struct list *n, struct list *head)
{
	list_insert_between(n, head->prev, head);
}
/** Unlink; @p n is left empty, so that list_empty(n) is true and a second call is harmless. */
static inline void list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}
#define list_entry(p, type, member) container_of(p, type, member)
#define list_first(l, type, member) list_entry((l)->next, type, member)
#define list_for_each(pos, head, member)                                                   \
	for (pos = list_entry((head)->next, typeof(*pos), member); &pos->member != (head); \
	     pos = list_entry(pos->member.next, typeof(*pos), member))
#define list_for_each_safe(pos, tmp, head, member)                    \
	for (pos = list_entry((head)->next, typeof(*pos), member),    \
	    tmp = list_entry(pos->member.next, typeof(*pos), member); \
	     &pos->member != (head);                                  \
	     pos = tmp, tmp = list_entry(tmp->member.next, typeof(*pos), member))
