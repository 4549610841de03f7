/* SPDX-License-Identifier: MIT */
/** @file timerfd.h  timerfd_create() and its family: Linux's numbers. */
#pragma once
#include <uapi/fcntl.h>

/* timerfd_create() */
#define TFD_CLOEXEC  O_CLOEXEC
#define TFD_NONBLOCK O_NONBLOCK

/* timerfd_settime() */
#define TFD_TIMER_ABSTIME	1
#define TFD_TIMER_CANCEL_ON_SET 2

/* ioctl(): let a restored program see expiries that it has not read */
#define TFD_IOC_SET_TICKS 0x40085400
