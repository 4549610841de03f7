/* SPDX-License-Identifier: MIT */
/**
 * @file keymap.h  From a PC keyboard's scan codes (set 1) to what a terminal
 * receives, or to something the console does itself. Pure; device/tty/keymap.c
 */
#pragma once
#include <kernel/types.h>

#define KEYMAP_MAX_TEXT 8

struct keymap {
	bool extended;		/* 0xe0 was the last byte */
	u8 pause_left;		/* bytes of the Pause key's sequence that follow */
	u8 held;		/* KEYMAP_SHIFT_LEFT ... that are down */
	bool caps, num, scroll; /* locks */
	u8 decimal_digits;	/* Alt and digits of the keypad */
	u8 decimal;
};

/** The terminal's modes that change what keys send. */
struct keymap_modes {
	bool app_cursor, app_keypad, newline;
};

enum keymap_action {
	KEYMAP_NOTHING,
	KEYMAP_TEXT,   /* text[0..len) was typed */
	KEYMAP_SWITCH, /* show console `number` (0: the first) */
	KEYMAP_NEXT,
	KEYMAP_PREVIOUS,    /* console */
	KEYMAP_REBOOT,	    /* Ctrl-Alt-Del */
	KEYMAP_LEDS,	    /* locks changed: keymap_leds() */
	KEYMAP_SCROLL_LOCK, /* pressed: stop or continue the output */
};
struct keymap_result {
	enum keymap_action action;
	u8 number, len;
	char text[KEYMAP_MAX_TEXT];
};

void keymap_init(struct keymap *keymap);
/** One byte from the keyboard. */
struct keymap_result keymap_feed(struct keymap *keymap, u8 scancode, struct keymap_modes modes);
/** The lamps: bit 0 scroll lock, 1 number lock, 2 capitals lock. */
u8 keymap_leds(const struct keymap *keymap);
