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

void keymap_init(struct keymap *keymap)
{
	memset(keymap, 0, sizeof(*keymap));
}

u8 keymap_leds(const struct keymap *keymap)
{
	return keymap->scroll | keymap->num << 1 | keymap->caps << 2;
}

static struct keymap_result result_nothing(void)
{
	return (struct keymap_result){ KEYMAP_NOTHING };
}

static struct keymap_result result_text(const char *cursor)
{
	struct keymap_result result = { KEYMAP_TEXT };

	while (*cursor && result.len < sizeof(result.text))
		result.text[result.len++] = *cursor++;
	return result;
}

/* A character, after an escape character if Alt is down. */
static struct keymap_result result_character(const struct keymap *keymap, char character)
{
	struct keymap_result result = { KEYMAP_TEXT };

	if (keymap->held & ALT)
		result.text[result.len++] = '\033';
	result.text[result.len++] = character;
	return result;
}

/* The character that Ctrl turns one into; -1: none. */
static int character_with_ctrl(char result_character)
{
	if ((result_character >= 'a' && result_character <= 'z') ||
	    (result_character >= '@' && result_character <= '_'))
		return result_character & 0x1f;
	switch (result_character) {
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
	case 0x1b: return result_character;
	}
	return -1;
}

/* @return 0: the key has no character */
static char key_character(u8 code, bool shift)
{
	if (code == KEY_102ND)
		return shift ? '>' : '<';
	if (shift)
		return shifted[code];
	return plain[code];
}

static struct keymap_result keymap_letter(const struct keymap *keymap, u8 code,
					  struct keymap_modes modes)
{
	bool shift = keymap->held & SHIFT;
	char character = key_character(code, false);
	int with;

	if (keymap->caps && character >= 'a' && character <= 'z')
		shift = !shift;
	if (shift)
		character = key_character(code, true);
	if (!character)
		return result_nothing();
	if (keymap->held & CTRL) {
		with = character_with_ctrl(character);
		if (with < 0)
			return result_nothing();
		return result_character(keymap, with);
	}
	if (character == '\t' && shift)
		return result_text(ESC "[Z");
	if (character == '\r' && modes.newline)
		return result_text("\r\n");
	return result_character(keymap, character);
}

/* Modifiers and locks. @return true: it was one */
static bool keymap_modifier(struct keymap *keymap, u8 code, bool down)
{
	u8 bit;

	switch (code) {
	case KEY_SHIFT_L: bit = SHIFT_LEFT; break;
	case KEY_SHIFT_R: bit = SHIFT_RIGHT; break;
	case KEY_CTRL: bit = keymap->extended ? CTRL_RIGHT : CTRL_LEFT; break;
	case KEY_ALT: bit = keymap->extended ? ALT_RIGHT : ALT_LEFT; break;
	default: return false;
	}
	if (keymap->extended && (bit & SHIFT))
		return true; /* the grey keys send shift codes of their own */
	if (down)
		keymap->held |= bit;
	else
		keymap->held &= ~bit;
	return true;
}

static struct keymap_result keymap_lock_changed(bool *lock)
{
	*lock = !*lock;
	return (struct keymap_result){ KEYMAP_LEDS };
}

static struct keymap_result keymap_function_key(const struct keymap *keymap, u32 number)
{
	if ((keymap->held & ALT) && number < 12)
		return (struct keymap_result){ KEYMAP_SWITCH, .number = number };
	if (keymap->held & SHIFT)
		return result_text(shifted_function_keys[number]);
	return result_text(function_keys[number]);
}

/* An arrow in application mode is ESC O A, else ESC [ A. */
static struct keymap_result result_move(const char *sequence, struct keymap_modes modes)
{
	struct keymap_result result = result_text(sequence);

	if (modes.app_cursor && result.len == 3 && result.text[2] >= 'A' && result.text[2] <= 'D')
		result.text[1] = 'O';
	return result;
}

static bool is_digit(char result_character)
{
	return result_character >= '0' && result_character <= '9';
}

static struct keymap_result keymap_grey_key(const struct keymap *keymap, u8 code,
					    struct keymap_modes modes)
{
	if (code == KEY_PAD_DOT && (keymap->held & CTRL) && (keymap->held & ALT))
		return (struct keymap_result){ KEYMAP_REBOOT };
	if ((keymap->held & ALT) && pad_digits[code - KEY_PAD_7] == '4')
		return (struct keymap_result){ KEYMAP_PREVIOUS };
	if ((keymap->held & ALT) && pad_digits[code - KEY_PAD_7] == '6')
		return (struct keymap_result){ KEYMAP_NEXT };
	return result_move(pad_moves[code - KEY_PAD_7], modes);
}

static struct keymap_result keymap_pad_key(struct keymap *keymap, u8 code,
					   struct keymap_modes modes)
{
	char digit = pad_digits[code - KEY_PAD_7];

	if (code == KEY_PAD_DOT && (keymap->held & CTRL) && (keymap->held & ALT))
		return (struct keymap_result){ KEYMAP_REBOOT };
	if ((keymap->held & ALT) && is_digit(digit)) {
		keymap->decimal = keymap->decimal * 10 + digit - '0';
		keymap->decimal_digits++;
		return result_nothing();
	}
	if (modes.app_keypad && !(keymap->held & SHIFT)) {
		struct keymap_result result = result_text(ESC "O ");

		result.text[2] = pad_application[code - KEY_PAD_7];
		return result;
	}
	if (digit == '-' || digit == '+' || keymap->num != !!(keymap->held & SHIFT))
		return result_character(keymap, digit);
	return result_move(pad_moves[code - KEY_PAD_7], modes);
}

static struct keymap_result keymap_press_extended(struct keymap *keymap, u8 code,
						  struct keymap_modes modes)
{
	if (code >= KEY_PAD_7 && code <= KEY_PAD_DOT)
		return keymap_grey_key(keymap, code, modes);
	if (code == KEY_ENTER || code == KEY_SLASH)
		return keymap_letter(keymap, code, modes);
	return result_nothing();
}

static struct keymap_result keymap_press(struct keymap *keymap, u8 code, struct keymap_modes modes)
{
	switch (code) {
	case KEY_CAPS: return keymap_lock_changed(&keymap->caps);
	case KEY_NUM: return keymap_lock_changed(&keymap->num);
	case KEY_SCROLL:
		keymap->scroll = !keymap->scroll;
		return (struct keymap_result){ KEYMAP_SCROLL_LOCK };
	case KEY_F1 ... KEY_F10: return keymap_function_key(keymap, code - KEY_F1);
	case KEY_F11:
	case KEY_F12: return keymap_function_key(keymap, code - KEY_F11 + 10);
	case KEY_PAD_7 ... KEY_PAD_DOT: return keymap_pad_key(keymap, code, modes);
	}
	if (code < sizeof(plain) - 1 || code == KEY_102ND)
		return keymap_letter(keymap, code, modes);
	return result_nothing();
}

/* Alt was released: the number typed while it was down is a character. */
static struct keymap_result keymap_end_decimal(struct keymap *keymap)
{
	struct keymap_result result = { KEYMAP_NOTHING };

	if (keymap->decimal_digits) {
		result.action = KEYMAP_TEXT;
		result.len = 1;
		result.text[0] = keymap->decimal;
	}
	keymap->decimal = keymap->decimal_digits = 0;
	return result;
}

struct keymap_result keymap_feed(struct keymap *keymap, u8 scancode, struct keymap_modes modes)
{
	u8 code = scancode & ~CODE_RELEASE;
	bool down = !(scancode & CODE_RELEASE);
	struct keymap_result result = { KEYMAP_NOTHING };

	if (keymap->pause_left) {
		keymap->pause_left--;
		return result;
	}
	if (scancode == CODE_PAUSE) {
		keymap->pause_left = 5;
		return result;
	}
	if (scancode == CODE_EXTENDED) {
		keymap->extended = true;
		return result;
	}
	if (keymap_modifier(keymap, code, down)) {
		if (code == KEY_ALT && !down)
			result = keymap_end_decimal(keymap);
	} else if (down) {
		if (keymap->extended)
			result = keymap_press_extended(keymap, code, modes);
		else
			result = keymap_press(keymap, code, modes);
	}
	keymap->extended = false;
	return result;
}
