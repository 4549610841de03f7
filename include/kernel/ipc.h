/* SPDX-License-Identifier: MIT */
/** @file ipc.h  System V IPC: what the rest of the kernel has to tell it (ipc/). */
#pragma once
#include <kernel/types.h>

struct cred;
struct thread;

/** @brief Create the files in /proc. At boot, after fs_init(). */
void ipc_init(void);
/** @brief A thread that created segments ends; its memory is unmapped already. Sleeps. */
void shm_thread_exit(const struct thread *t);
/** @brief The new thread @p t shares what its end does to semaphores with the current one (CLONE_SYSVSEM). @return 0 or -ENOMEM */
int __must_check sem_undo_share(struct thread *t);
/** @brief A thread with t->sem_undo ends, or was never started. By itself, or by its creator. */
void sem_undo_leave(struct thread *t);

/* ---- POSIX message queues ---- */

/** @brief Create the files of their limits in /proc. At boot, after fs_init(). */
void mq_init(void);
/** @brief Charge a queue to the real user of @p cred. Any context. @return false: the user would have more than @p most */
bool mq_charge(const struct cred *cred, u64 bytes, u64 most);
void mq_uncharge(const struct cred *cred, u64 bytes);
