/* SPDX-License-Identifier: MIT */
/**
 * @file driver_api.h  The public driver headers, for who is not a driver.
 */
#pragma once
#define BANOS_CFLAGS 0
#include <banos/base.h>
#include <banos/driver.h>
#include <banos/export.h>
