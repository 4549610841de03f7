/* SPDX-License-Identifier: MIT */
/** @file fbtext.h  Text on the framebuffer that the boot loader provides. */
#pragma once
#include <kernel/display.h>
#include <kernel/kconfig.h>
#if IS_ENABLED(CONFIG_FB_CONSOLE)
/** Map it. May sleep. @return NULL if there is none, or none that can be drawn on */
struct display *fbtext_probe(void);
#else
static inline struct display *fbtext_probe(void)
{
	return NULL;
}
#endif
