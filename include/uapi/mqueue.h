/* SPDX-License-Identifier: MIT */
/** @file mqueue.h  POSIX message queues, as programs see them: mq_overview(7). */
#pragma once
#include <kernel/types.h>

#define MQ_PRIO_MAX 32768

struct user_mq_attr {
	s64 flags, maxmsg, msgsize, curmsgs;
	s64 unused[4];
};
