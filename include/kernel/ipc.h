/* SPDX-License-Identifier: MIT */
/** @file ipc.h  System V IPC: what the rest of the kernel has to tell it (ipc/). */
#pragma once
#include <kernel/types.h>

struct thread;

/** @brief Create the files in /proc. At boot, after fs_init(). */
void ipc_init(void);
/** @brief A thread that created segments ends; its memory is unmapped already. Sleeps. */
void shm_thread_exit(const struct thread *t);
