/* SPDX-License-Identifier: MIT */
/** @file time_units.h  Units of time. */
#pragma once

#define NSEC_PER_SEC  1000000000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_USEC 1000ull
