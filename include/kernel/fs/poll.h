/* SPDX-License-Identifier: MIT */
/** @file poll.h  How files report readiness to poll(), select() and epoll. */
#pragma once
#include <kernel/fs/file.h>
#include <uapi/poll.h>

struct wait_queue;

/** Collects the wait queues of a file's poll method. */
struct poll_table {
	void (*add)(struct poll_table *table, struct wait_queue *queue);
	u32 events;
};
/** @brief Called by a file's poll method for each queue on which it signals readiness. @param table  may be NULL */
static inline void poll_wait(struct poll_table *table, struct wait_queue *queue)
{
	if (table)
		table->add(table, queue);
}
/** @brief file_poll() of a file without a poll method. */
static inline u32 file_ready(const struct file *f)
{
	if (f->ops->ready)
		return f->ops->ready(f);
	return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}
/** @return the events that are ready now */
static inline u32 file_poll(struct file *f, struct poll_table *table)
{
	if (f->ops->poll)
		return f->ops->poll(f, table);
	return file_ready(f);
}
