/* SPDX-License-Identifier: MIT */
/** @file font.h  The built-in font. Pure. */
#pragma once
#include <kernel/types.h>
#define FONT_WIDTH  8
#define FONT_HEIGHT 16
extern const u8 font_8x16[256][FONT_HEIGHT];
