/* SPDX-License-Identifier: MIT */
/** @file rcu_init.h  Start of the thread that runs call_rcu() callbacks; boot only, threads must work. */
#pragma once
void rcu_init(void);
