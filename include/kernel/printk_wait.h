/* SPDX-License-Identifier: MIT */
/** @file printk_wait.h  Waiting for the next record of the kernel log. */
#pragma once
#include <kernel/wait.h>

/** Woken after each record, except in a panic. */
extern struct wait_queue printk_wait;
/** @brief Have printk() wake printk_wait from now on. Boot, as soon as threads can be woken. */
void printk_wait_init(void);
