/* SPDX-License-Identifier: MIT */
/** @file operations.h  Commands of ioctl() on /dev/operations: what is done ARGUMENT times. */
#pragma once

#define OPERATION_ALLOC	       1   /* 64 bytes, and free them */
#define OPERATION_ALLOC_PAGES  2   /* 8 KiB, and free them */
#define OPERATION_MUTEX_INIT   3   /* and destroy it */
#define OPERATION_WAIT_INIT    4   /* and destroy it */
#define OPERATION_TIMER_CREATE 5   /* and destroy it */
#define OPERATION_TIMER_START  6   /* of one that is started already */
#define OPERATION_MUTEX	       7   /* lock and unlock */
#define OPERATION_SPIN	       8   /* lock and unlock */
#define OPERATION_WAKE	       9   /* a wait object on which nobody sleeps */
#define OPERATION_CALL	       10  /* a function of another driver */
#define OPERATION_CALL_HANDLE  11  /* the same, with a handle */
#define OPERATION_CALLBACK     12  /* by another driver */
#define OPERATION_NOTHING      13  /* but returning */
#define HOLD_MEMORY	       100 /* obtain ARGUMENT allocations and keep them */
#define HOLD_MUTEXES	       101
#define HOLD_TIMERS	       102 /* started */
