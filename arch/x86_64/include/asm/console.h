/* SPDX-License-Identifier: MIT */
/** @file console.h  The screen and the keyboard that belong to a PC. */
#pragma once
#include <kernel/display.h>

/** VGA in text mode. Maps its memory; may sleep. @return NULL if none answers, or it shows graphics */
struct display *vgatext_probe(void);
/**
 * @brief Start the PS/2 keyboard.
 * @param feed  gets each byte that it sends, scan code set 1; hard interrupt context
 * @return 0, -ENODEV: no controller; or an error of irq_request_isa(). May sleep.
 */
int i8042_init(void (*feed)(u8 scancode));
/** Lamps: bit 0 scroll lock, 1 number lock, 2 capitals lock. Any context; does not wait. */
void i8042_set_leds(u8 leds);
