/* SPDX-License-Identifier: MIT */
/** @file internal.h  Between the files of kernel/base/ only. */
#pragma once
#include <kernel/types.h>

/**
 * @brief Write "function+offset/size" of an address, with a driver's name in front where it is a driver's.
 *
 * @param is_return  @p addr is behind a call, which may be the last thing in its function
 * @return length without the NUL. Any context; takes no lock.
 */
size_t symbol_format(char *buf, size_t size, u64 addr, bool is_return);
#define SYMBOL_TEXT_MAX 128
