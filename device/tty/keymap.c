// SPDX-License-Identifier: MIT
/*
 * The keyboard of a PC, US layout: scan codes of set 1, as the controller
 * delivers them, to characters and to the sequences of TERM=linux.
 *
 * A byte with the top bit set is a release; 0xe0 in front marks the keys that
 * the first PCs did not have. The Pause key sends a sequence of its own that
 * begins with 0xe1 and has no release. Alt puts an escape character in front;
 * Alt with digits of the keypad types the character of that number.
 *
 * Pure. Source: IBM PS/2 Hardware Interface Technical Reference; keymaps(5).
 */
#include <kernel/string.h>
#include "keymap.h"

#define SHIFT_LEFT  0x01
#define SHIFT_RIGHT 0x02
#define CTRL_LEFT   0x04
#define CTRL_RIGHT  0x08
#define ALT_LEFT    0x10
#define ALT_RIGHT   0x20
#define SHIFT	    (SHIFT_LEFT | SHIFT_RIGHT)
#define CTRL	    (CTRL_LEFT | CTRL_RIGHT)
#define ALT	    (ALT_LEFT | ALT_RIGHT)

/* Scan codes with a meaning of their own. */
#define CODE_EXTENDED 0xe0
#define CODE_PAUSE    0xe1
#define CODE_RELEASE  0x80
#define KEY_ENTER     0x1c
#define KEY_CTRL      0x1d
#define KEY_SHIFT_L   0x2a
#define KEY_SLASH     0x35
#define KEY_SHIFT_R   0x36
#define KEY_ALT	      0x38
#define KEY_CAPS      0x3a
#define KEY_F1	      0x3b
#define KEY_F10	      0x44
#define KEY_NUM	      0x45
#define KEY_SCROLL    0x46
#define KEY_PAD_7     0x47
#define KEY_PAD_DOT   0x53
#define KEY_102ND     0x56
#define KEY_F11	      0x57
#define KEY_F12	      0x58

#define ESC "\033"

/* From scan code 0x01 (Escape) to 0x39 (space). Zero: no character. */
static const char plain[] =
	"\0\0331234567890-=\177\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] =
	"\0\033!@#$%^&*()_+\177\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

static const char pad_digits[] = "789-456+1230.";

/* The keypad without Num Lock, and the grey keys, which share the codes: from KEY_PAD_7. */
static const char *const pad_moves[] = {
	ESC "[1~", ESC "[A",  ESC "[5~", "-",	    ESC "[D",  ESC "[G",  ESC "[C",
	"+",	   ESC "[4~", ESC "[B",	 ESC "[6~", ESC "[2~", ESC "[3~",
};
/* The keypad in application mode. */
static const char pad_application[] = "wxyStuvlqrspn";

static const char *const function_keys[12] = {
	ESC "[[A",  ESC "[[B",	ESC "[[C",  ESC "[[D",	ESC "[[E",  ESC "[17~",
	ESC "[18~", ESC "[19~", ESC "[20~", ESC "[21~", ESC "[23~", ESC "[24~",
};
static const char *const shifted_function_keys[12] = {
	ESC "[25~", ESC "[26~", ESC "[28~", ESC "[29~", ESC "[31~", ESC "[32~",
	ESC "[33~", ESC "[34~", ESC "[33~", ESC "[34~", ESC "[33~", ESC "[34~",
};

void keymap_init(struct keymap *k)
{
	memset(k, 0, sizeof(*k));
}

u8 keymap_leds(const struct keymap *k)
{
	return k->scroll | k->num << 1 | k->caps << 2;
}

static struct keymap_result nothing(void)
{
	return (struct keymap_result){ KEYMAP_NOTHING };
}

static struct keymap_result text(const char *s)
{
	struct keymap_result r = { KEYMAP_TEXT };

	while (*s && r.len < sizeof(r.text))
		r.text[r.len++] = *s++;
	return r;
}

/* A character; Alt as an escape in front. */
static struct keymap_result character(const struct keymap *k, char c)
{
	struct keymap_result r = { KEYMAP_TEXT };

	if (k->held & ALT)
		r.text[r.len++] = '\033';
	r.text[r.len++] = c;
	return r;
}

/* What Ctrl makes of a character; -1: nothing. */
static int with_ctrl(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= '@' && c <= '_'))
		return c & 0x1f;
	switch (c) {
	case ' ':
	case '2':
	case '`': return 0;
	case '3': return 0x1b;
	case '4': return 0x1c;
	case '5': return 0x1d;
	case '6':
	case '~': return 0x1e;
	case '7':
	case '/':
	case '-': return 0x1f;
	case '8':
	case '?': return 0x7f;
	case 0x7f: return '\b';
	case '\r':
	case '\t':
	case 0x1b: return c;
	}
	return -1;
}

static struct keymap_result letter(const struct keymap *k, u8 code, struct keymap_modes modes)
{
	bool shift = k->held & SHIFT;
	char c = code == KEY_102ND ? '<' : plain[code];
	int with;

	if (k->caps && c >= 'a' && c <= 'z')
		shift = !shift;
	if (shift)
		c = code == KEY_102ND ? '>' : shifted[code];
	if (!c)
		return nothing();
	if (k->held & CTRL) {
		with = with_ctrl(c);
		return with < 0 ? nothing() : character(k, with);
	}
	if (c == '\t' && shift)
		return text(ESC "[Z");
	if (c == '\r' && modes.newline)
		return text("\r\n");
	return character(k, c);
}

/* Modifiers and locks. @return true: it was one */
static bool modifier(struct keymap *k, u8 code, bool down)
{
	u8 bit = 0;

	if (code == KEY_SHIFT_L)
		bit = k->extended ? 0 : SHIFT_LEFT; /* extended: a shadow of the grey keys */
	else if (code == KEY_SHIFT_R)
		bit = k->extended ? 0 : SHIFT_RIGHT;
	else if (code == KEY_CTRL)
		bit = k->extended ? CTRL_RIGHT : CTRL_LEFT;
	else if (code == KEY_ALT)
		bit = k->extended ? ALT_RIGHT : ALT_LEFT;
	else
		return false;
	k->held = down ? k->held | bit : k->held & ~bit;
	return true;
}

static struct keymap_result lock_changed(bool *lock)
{
	*lock = !*lock;
	return (struct keymap_result){ KEYMAP_LEDS };
}

static struct keymap_result function_key(const struct keymap *k, u32 n)
{
	if ((k->held & ALT) && n < 12)
		return (struct keymap_result){ KEYMAP_SWITCH, .n = n };
	return text(k->held & SHIFT ? shifted_function_keys[n] : function_keys[n]);
}

/* An arrow in application mode is ESC O A, else ESC [ A. */
static struct keymap_result move(const char *s, struct keymap_modes modes)
{
	struct keymap_result r = text(s);

	if (modes.app_cursor && r.len == 3 && r.text[2] >= 'A' && r.text[2] <= 'D')
		r.text[1] = 'O';
	return r;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static struct keymap_result grey_key(const struct keymap *k, u8 code, struct keymap_modes modes)
{
	if (code == KEY_PAD_DOT && (k->held & CTRL) && (k->held & ALT))
		return (struct keymap_result){ KEYMAP_REBOOT };
	if ((k->held & ALT) && pad_digits[code - KEY_PAD_7] == '4')
		return (struct keymap_result){ KEYMAP_PREVIOUS };
	if ((k->held & ALT) && pad_digits[code - KEY_PAD_7] == '6')
		return (struct keymap_result){ KEYMAP_NEXT };
	return move(pad_moves[code - KEY_PAD_7], modes);
}

static struct keymap_result pad_key(struct keymap *k, u8 code, struct keymap_modes modes)
{
	char digit = pad_digits[code - KEY_PAD_7];

	if (code == KEY_PAD_DOT && (k->held & CTRL) && (k->held & ALT))
		return (struct keymap_result){ KEYMAP_REBOOT };
	if ((k->held & ALT) && is_digit(digit)) {
		k->decimal = k->decimal * 10 + digit - '0';
		k->decimal_digits++;
		return nothing();
	}
	if (modes.app_keypad && !(k->held & SHIFT)) {
		struct keymap_result r = text(ESC "O ");

		r.text[2] = pad_application[code - KEY_PAD_7];
		return r;
	}
	if (digit == '-' || digit == '+' || k->num != !!(k->held & SHIFT))
		return character(k, digit);
	return move(pad_moves[code - KEY_PAD_7], modes);
}

static struct keymap_result press_extended(struct keymap *k, u8 code, struct keymap_modes modes)
{
	if (code >= KEY_PAD_7 && code <= KEY_PAD_DOT)
		return grey_key(k, code, modes);
	if (code == KEY_ENTER || code == KEY_SLASH)
		return letter(k, code, modes);
	return nothing();
}

static struct keymap_result press(struct keymap *k, u8 code, struct keymap_modes modes)
{
	switch (code) {
	case KEY_CAPS: return lock_changed(&k->caps);
	case KEY_NUM: return lock_changed(&k->num);
	case KEY_SCROLL:
		k->scroll = !k->scroll;
		return (struct keymap_result){ KEYMAP_SCROLL_LOCK };
	case KEY_F1 ... KEY_F10: return function_key(k, code - KEY_F1);
	case KEY_F11:
	case KEY_F12: return function_key(k, code - KEY_F11 + 10);
	case KEY_PAD_7 ... KEY_PAD_DOT: return pad_key(k, code, modes);
	}
	if (code < sizeof(plain) - 1 || code == KEY_102ND)
		return letter(k, code, modes);
	return nothing();
}

/* Alt was let go: the number typed meanwhile is a character. */
static struct keymap_result end_decimal(struct keymap *k)
{
	struct keymap_result r = { KEYMAP_NOTHING };

	if (k->decimal_digits) {
		r.action = KEYMAP_TEXT;
		r.len = 1;
		r.text[0] = k->decimal;
	}
	k->decimal = k->decimal_digits = 0;
	return r;
}

struct keymap_result keymap_feed(struct keymap *k, u8 scancode, struct keymap_modes modes)
{
	u8 code = scancode & ~CODE_RELEASE;
	bool down = !(scancode & CODE_RELEASE);
	struct keymap_result r = { KEYMAP_NOTHING };

	if (k->pause_left) {
		k->pause_left--;
		return r;
	}
	if (scancode == CODE_PAUSE) {
		k->pause_left = 5;
		return r;
	}
	if (scancode == CODE_EXTENDED) {
		k->extended = true;
		return r;
	}
	if (modifier(k, code, down)) {
		if (code == KEY_ALT && !down)
			r = end_decimal(k);
	} else if (down) {
		r = k->extended ? press_extended(k, code, modes) : press(k, code, modes);
	}
	k->extended = false;
	return r;
}
