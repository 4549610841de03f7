/* SPDX-License-Identifier: MIT */
/** @file epoll.h  /proc/sys/fs/epoll/max_user_watches (fs/open/epoll.c). */
#pragma once
#include <kernel/seq_file.h>

int epoll_watches_show(struct seq_file *seq, void *unused);
int __must_check epoll_watches_write(char *text, size_t len, void *unused);
