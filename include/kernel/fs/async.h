/* SPDX-License-Identifier: MIT */
/** @file async.h  Signals about files: O_ASYNC and F_SETOWN (fs/open/async.c). */
#pragma once
#include <kernel/lock.h>

struct async_entry;
struct file;

/** In an object: its open files with O_ASYNC, whose owners are sent SIGIO. */
struct async_list {
	spinlock_t lock; /* guards first and its entries; interrupts off */
	struct async_entry *first;
};
#define async_list_init(list)             \
	do {                              \
		spin_init(&(list)->lock); \
		(list)->first = NULL;     \
	} while (0)
/** @brief Add a file, or remove it. For file_ops.async, which is also called, with fd -1, before the owner of a file ends. @return 0 or -ENOMEM */
__must_check int async_list_set(struct async_list *list, struct file *f, s32 fd, bool enable);
/** @brief Remove all files for which @p matches is true, and clear their O_ASYNC. Any context. */
void async_list_drop(struct async_list *list, bool (*matches)(const struct file *f));
void async_list_send(struct async_list *list, int band);
/** @brief Report an event: POLL_IN, POLL_OUT... Any context, with no spin lock of the object's held. */
static inline void async_notify(struct async_list *list, int band)
{
	if (unlikely(READ_ONCE(list->first)))
		async_list_send(list, band);
}
/** @brief Send SIGURG to the owner of a file, which stays, with or without O_ASYNC. Any context. @return false: it has none */
bool file_signal_urgent(struct file *f);
/** @brief fcntl() of F_SETOWN and what belongs to it. */
s64 __must_check owner_fcntl(struct file *f, u32 cmd, u64 arg);
/** @brief Make F_OWNER_TID, _PID or _PGRP @p nr the owner; unless @p force only if there is none. @return 0, -ESRCH, -ENOMEM */
__must_check int file_set_owner(struct file *f, u32 type, pid_t nr, bool force);
