/* SPDX-License-Identifier: MIT */
/** @file filter.h  Between the parts of the filter's driver: main.c, device.c. */
#pragma once
#include "decide.h"
#include <banos/driver.h>
#include <banos/lock.h>

extern banos_owner filter_owner;
extern struct filter filter;
extern struct banos_spinlock filter_lock; /* guards filter */

/** Find the interfaces that rules name; under the lock. */
void filter_resolve(struct rule_set *set);
/** /dev/filter and /dev/filter_connections. @return 0 or an error */
int64_t filter_devices_register(banos_owner self);
