/* SPDX-License-Identifier: MIT */
/** @file internal.h  Between the files of device/. */
#pragma once
void random_init(void);
void kmsg_init(void);
