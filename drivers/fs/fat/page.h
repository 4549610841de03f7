/* SPDX-License-Identifier: MIT */
/** @file page.h  Code pages of short names: UTF-16 of the bytes from 80 on. Pure. */
#pragma once
#include <stdint.h>

extern const uint16_t fat_page_437[128], fat_page_850[128];
