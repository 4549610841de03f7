/* SPDX-License-Identifier: MIT */
/*
 * Wakes the threads that wait for records of the kernel log.
 *
 * The log itself (kernel/base/printk.c) works before there are threads, so it knows no wait queues:
 * it calls a function that is registered here.
 */
#include <kernel/printk.h>
#include <kernel/printk_wait.h>

DEFINE_WAIT_QUEUE(printk_wait);

static void printk_wake_readers(void)
{
	if (wait_queue_active(&printk_wait))
		wake_up_all(&printk_wait);
}

void printk_wait_init(void)
{
	printk_set_listener(printk_wake_readers);
}
