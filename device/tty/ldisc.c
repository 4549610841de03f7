// SPDX-License-Identifier: MIT
/*
 * The line discipline: line editing, echo, signals and output processing of a
 * terminal, as POSIX chapter 11 describes and Linux's N_TTY does.
 *
 * Input is stored in one ring of 4096 bytes. In canonical mode the part between
 * canon_head and head is the line being edited; erase, word erase and kill remove
 * bytes from its end. A newline, EOL or EOF character completes the line: its last
 * byte is marked in line_end, and canon_head moves to its end, so that readers see
 * the line. The EOF character is stored as a marked zero byte that read() drops, so
 * an empty line completed by EOF reads as zero bytes: end of file. In raw mode
 * all of the ring is readable.
 *
 * When the ring is full: a line being edited, with no complete line before it, keeps
 * 4095 bytes; each byte typed after them replaces the last one, so that editing and
 * ending the line always work. In all other cases input is refused, and the driver
 * keeps it until a reader has freed space.
 *
 * Echo is rendered at once, output processing included, into a ring that the
 * terminal drains before it accepts output; echo that does not fit is lost. A
 * column is kept for tabs: to expand them, and to erase them from a line.
 *
 * ldisc_output.c processes output, ldisc_read.c serves readers.
 *
 * Pure: no locks, no hardware. Left out: EXTPROC, XCASE, delays other than
 * tab expansion, the DISCARD character (neither does Linux have the last two).
 */
#include <kernel/bitmap.h>
#include <kernel/string.h>
#include "ldisc_internal.h"

#define CTRL(c) ((c)&0x1f)

const struct ktermios ldisc_default_termios = {
	.c_iflag = ICRNL | IXON,
	.c_oflag = OPOST | ONLCR,
	.c_cflag = B38400 | CS8 | CREAD | HUPCL,
	.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.c_cc = {
		[VINTR] = CTRL('C'), [VQUIT] = CTRL('\\'), [VERASE] = DEL,
		[VKILL] = CTRL('U'), [VEOF] = CTRL('D'), [VMIN] = 1,
		[VSTART] = CTRL('Q'), [VSTOP] = CTRL('S'), [VSUSP] = CTRL('Z'),
		[VREPRINT] = CTRL('R'), [VDISCARD] = CTRL('O'),
		[VWERASE] = CTRL('W'), [VLNEXT] = CTRL('V'),
	},
	.c_ispeed = 38400, .c_ospeed = 38400,
};

static bool is_word(u8 byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= 'a' && byte <= 'z') || byte == '_' || byte >= 0xc0;
}

/* ---- echo ---- */

static void echo_raw(struct ldisc *ldisc, u8 byte)
{
	u8 out[LDISC_MAX_EXPANSION];
	u32 made = 1;

	/* Nothing in part, and no change of column for what is not shown. */
	if (LDISC_ECHO_SIZE - (ldisc->echo_head - ldisc->echo_tail) < LDISC_MAX_EXPANSION)
		return;
	if (!ldisc_echo_pending(ldisc))
		ldisc->shown_column = ldisc->column;
	out[0] = byte;
	if (has_oflag(ldisc, OPOST))
		made = ldisc_render(ldisc, byte, out);
	for (u32 i = 0; i < made; i++)
		ldisc->echo[ldisc->echo_head++ % LDISC_ECHO_SIZE] = out[i];
}

/* A byte of the line: control characters as ^X. */
static void echo_char(struct ldisc *ldisc, u8 byte)
{
	if (has_lflag(ldisc, ECHOCTL) && is_control(byte) && byte != '\t') {
		echo_raw(ldisc, '^');
		byte ^= 0x40;
	}
	echo_raw(ldisc, byte);
}

static void echo_text(struct ldisc *ldisc, const char *text)
{
	while (*text)
		echo_raw(ldisc, *text++);
}

static void finish_erasing(struct ldisc *ldisc)
{
	if (ldisc->erasing) {
		echo_raw(ldisc, '/');
		ldisc->erasing = false;
	}
}

void ldisc_flush_echo(struct ldisc *ldisc)
{
	if (ldisc_echo_pending(ldisc))
		ldisc->column = ldisc->shown_column;
	ldisc->echo_tail = ldisc->echo_head;
}

/* ---- storing ---- */

static void ldisc_put(struct ldisc *ldisc, u8 byte)
{
	if (ldisc_used(ldisc) == LDISC_INPUT_SIZE)
		ldisc->head--; /* an overlong line: see above */
	INPUT_AT(ldisc, ldisc->head) = byte;
	ldisc->head++;
}

/* A data byte; with PARMRK a real 0xff is doubled, since one announces damage. */
static void ldisc_put_data(struct ldisc *ldisc, u8 byte, u32 *events)
{
	if (byte == 0xff && has_iflag(ldisc, PARMRK))
		ldisc_put(ldisc, byte);
	ldisc_put(ldisc, byte);
	if (!has_lflag(ldisc, ICANON))
		*events |= LDISC_READABLE;
}

static void ldisc_complete_line(struct ldisc *ldisc, u8 last, u32 *events)
{
	ldisc_put(ldisc, last);
	bitmap_set(ldisc->line_end, (ldisc->head - 1) % LDISC_INPUT_SIZE);
	ldisc->canon_head = ldisc->head;
	*events |= LDISC_READABLE;
}

static void echo_data(struct ldisc *ldisc, u8 byte)
{
	if (!has_lflag(ldisc, ECHO))
		return;
	finish_erasing(ldisc);
	if (ldisc->canon_head == ldisc->head)
		ldisc->canon_column = ldisc->column;
	echo_char(ldisc, byte);
}

static void echo_newline(struct ldisc *ldisc)
{
	if (has_lflag(ldisc, ECHO))
		finish_erasing(ldisc);
	if (has_lflag(ldisc, ECHO) || (has_lflag(ldisc, ICANON) && has_lflag(ldisc, ECHONL)))
		echo_raw(ldisc, '\n');
}

void ldisc_flush_input(struct ldisc *ldisc)
{
	ldisc->tail = ldisc->canon_head = ldisc->head;
	memset(ldisc->line_end, 0, sizeof(ldisc->line_end));
	ldisc->lnext = ldisc->erasing = ldisc->pushed = false;
}

/* ---- erasing ---- */

enum erase_what { ERASE_CHAR, ERASE_WORD, ERASE_LINE };

/* The columns that a tab at @pos covers: depends on the text before it. */
static u32 tab_columns(const struct ldisc *ldisc, u32 pos)
{
	u32 columns = 0;

	while (pos != ldisc->canon_head) {
		u8 byte = INPUT_AT(ldisc, --pos);

		if (byte == '\t')
			return TAB_WIDTH - columns % TAB_WIDTH;
		if (is_control(byte)) {
			if (has_lflag(ldisc, ECHOCTL))
				columns += 2;
		} else if (!is_continuation(ldisc, byte)) {
			columns++;
		}
	}
	return TAB_WIDTH - (columns + ldisc->canon_column) % TAB_WIDTH;
}

/* ECHOPRT, for paper: the erased bytes again, backwards, between \ and /. */
static void echo_erased_on_paper(struct ldisc *ldisc, u32 pos, u32 len)
{
	if (!ldisc->erasing) {
		echo_raw(ldisc, '\\');
		ldisc->erasing = true;
	}
	echo_char(ldisc, INPUT_AT(ldisc, pos));
	while (--len)
		echo_raw(ldisc, INPUT_AT(ldisc, ++pos));
}

/* Echo that the last character, of @len bytes at @pos, was erased. */
static void echo_erased(struct ldisc *ldisc, enum erase_what what, u32 pos, u32 len)
{
	u8 byte = INPUT_AT(ldisc, pos);

	if (!has_lflag(ldisc, ECHO))
		return;
	if (has_lflag(ldisc, ECHOPRT)) {
		echo_erased_on_paper(ldisc, pos, len);
	} else if (what == ERASE_CHAR && !has_lflag(ldisc, ECHOE)) {
		echo_char(ldisc, ldisc->termios.c_cc[VERASE]);
	} else if (byte == '\t') {
		for (u32 columns = tab_columns(ldisc, pos); columns; columns--)
			echo_raw(ldisc, '\b');
	} else if (!is_control(byte)) {
		echo_text(ldisc, "\b \b");
	} else if (has_lflag(ldisc, ECHOCTL)) {
		echo_text(ldisc, "\b \b\b \b");
	}
}

/* The position at which the last character of the line starts; head itself when only a part of one is stored. */
static u32 ldisc_last_char(const struct ldisc *ldisc)
{
	u32 pos = ldisc->head;

	do
		pos--;
	while (is_continuation(ldisc, INPUT_AT(ldisc, pos)) && pos != ldisc->canon_head);
	if (is_continuation(ldisc, INPUT_AT(ldisc, pos)))
		return ldisc->head;
	return pos;
}

/* A killed line whose characters can't or needn't be wiped out one by one. */
static bool ldisc_kill_at_once(struct ldisc *ldisc)
{
	const u32 wiping = ECHOK | ECHOKE | ECHOE;

	if (!has_lflag(ldisc, ECHO)) {
		ldisc->head = ldisc->canon_head;
		return true;
	}
	if ((ldisc->termios.c_lflag & wiping) == wiping)
		return false;
	ldisc->head = ldisc->canon_head;
	finish_erasing(ldisc);
	echo_char(ldisc, ldisc->termios.c_cc[VKILL]);
	if (has_lflag(ldisc, ECHOK))
		echo_raw(ldisc, '\n');
	return true;
}

static void ldisc_erase(struct ldisc *ldisc, enum erase_what what)
{
	bool word_begun = false;

	if (ldisc->head == ldisc->canon_head || (what == ERASE_LINE && ldisc_kill_at_once(ldisc)))
		return;
	while (ldisc->head != ldisc->canon_head) {
		u32 pos = ldisc_last_char(ldisc), len = ldisc->head - pos;

		if (!len)
			break;
		if (what == ERASE_WORD) {
			if (is_word(INPUT_AT(ldisc, pos)))
				word_begun = true;
			else if (word_begun)
				break;
		}
		ldisc->head = pos;
		echo_erased(ldisc, what, pos, len);
		if (what == ERASE_CHAR)
			break;
	}
	if (ldisc->head == ldisc->canon_head && has_lflag(ldisc, ECHO))
		finish_erasing(ldisc);
}

static void ldisc_reprint(struct ldisc *ldisc, u8 byte)
{
	finish_erasing(ldisc);
	echo_char(ldisc, byte);
	echo_raw(ldisc, '\n');
	for (u32 pos = ldisc->canon_head; pos != ldisc->head; pos++)
		echo_char(ldisc, INPUT_AT(ldisc, pos));
}

/* ---- receiving ---- */

static void ldisc_set_stopped(struct ldisc *ldisc, bool stopped, u32 *events)
{
	if (ldisc->stopped != stopped) {
		ldisc->stopped = stopped;
		*events |= LDISC_FLOW;
	}
}

/* A signal also discards what was typed before it and what is still to be shown. */
static void ldisc_raise_signal(struct ldisc *ldisc, u32 which, u32 *events)
{
	*events |= which;
	if (!has_lflag(ldisc, NOFLSH)) {
		ldisc_flush_input(ldisc);
		ldisc_flush_echo(ldisc);
		*events |= LDISC_FLUSH;
	}
}

static void receive_signal(struct ldisc *ldisc, u32 which, u8 byte, u32 *events)
{
	ldisc_raise_signal(ldisc, which, events);
	if (has_iflag(ldisc, IXON))
		ldisc_set_stopped(ldisc, false, events);
	if (has_lflag(ldisc, ECHO))
		echo_char(ldisc, byte);
}

static u32 signal_of(const struct ldisc *ldisc, u8 byte)
{
	if (!has_lflag(ldisc, ISIG))
		return 0;
	if (is_cc(ldisc, byte, VINTR))
		return LDISC_SIGINT;
	if (is_cc(ldisc, byte, VQUIT))
		return LDISC_SIGQUIT;
	if (is_cc(ldisc, byte, VSUSP))
		return LDISC_SIGTSTP;
	return 0;
}

/* Characters that edit the line. @return true: done with it */
static bool ldisc_edit(struct ldisc *ldisc, u8 byte)
{
	bool extended = has_lflag(ldisc, IEXTEN);

	if (is_cc(ldisc, byte, VERASE))
		ldisc_erase(ldisc, ERASE_CHAR);
	else if (is_cc(ldisc, byte, VKILL))
		ldisc_erase(ldisc, ERASE_LINE);
	else if (extended && is_cc(ldisc, byte, VWERASE))
		ldisc_erase(ldisc, ERASE_WORD);
	else if (extended && is_cc(ldisc, byte, VREPRINT) && has_lflag(ldisc, ECHO))
		ldisc_reprint(ldisc, byte);
	else if (extended && is_cc(ldisc, byte, VLNEXT)) {
		ldisc->lnext = true;
		if (has_lflag(ldisc, ECHO)) {
			finish_erasing(ldisc);
			if (has_lflag(ldisc, ECHOCTL))
				echo_text(ldisc, "^\b");
		}
	} else
		return false;
	return true;
}

/* Characters that end the line. @return true: done with it */
static bool ldisc_end_line(struct ldisc *ldisc, u8 byte, u32 *events)
{
	if (byte == '\n') {
		echo_newline(ldisc);
	} else if (is_cc(ldisc, byte, VEOF)) {
		byte = EOF_MARK;
	} else if (is_cc(ldisc, byte, VEOL) ||
		   (has_lflag(ldisc, IEXTEN) && is_cc(ldisc, byte, VEOL2))) {
		echo_data(ldisc, byte);
		if (byte == 0xff && has_iflag(ldisc, PARMRK))
			ldisc_put(ldisc, byte);
	} else {
		return false;
	}
	ldisc_complete_line(ldisc, byte, events);
	return true;
}

static void receive_literal(struct ldisc *ldisc, u8 byte, u32 *events)
{
	if (ldisc->stopped && has_iflag(ldisc, IXANY) && has_iflag(ldisc, IXON))
		ldisc_set_stopped(ldisc, false, events);
	echo_data(ldisc, byte);
	ldisc_put_data(ldisc, byte, events);
}

static void receive_special(struct ldisc *ldisc, u8 byte, u32 *events)
{
	u32 sig;

	if (has_iflag(ldisc, IXON) && (is_cc(ldisc, byte, VSTART) || is_cc(ldisc, byte, VSTOP))) {
		ldisc_set_stopped(ldisc, !is_cc(ldisc, byte, VSTART), events);
		return;
	}
	sig = signal_of(ldisc, byte);
	if (sig) {
		receive_signal(ldisc, sig, byte, events);
		return;
	}
	if (ldisc->stopped && has_iflag(ldisc, IXANY) && has_iflag(ldisc, IXON))
		ldisc_set_stopped(ldisc, false, events);

	if (byte == '\r') {
		if (has_iflag(ldisc, IGNCR))
			return;
		if (has_iflag(ldisc, ICRNL))
			byte = '\n';
	} else if (byte == '\n' && has_iflag(ldisc, INLCR)) {
		byte = '\r';
	}
	if (has_lflag(ldisc, ICANON) &&
	    (ldisc_edit(ldisc, byte) || ldisc_end_line(ldisc, byte, events)))
		return;
	if (byte == '\n')
		echo_newline(ldisc);
	else
		echo_data(ldisc, byte);
	ldisc_put_data(ldisc, byte, events);
}

static void receive_byte(struct ldisc *ldisc, u8 byte, u32 *events)
{
	if (has_iflag(ldisc, ISTRIP))
		byte &= 0x7f;
	if (has_iflag(ldisc, IUCLC) && has_lflag(ldisc, IEXTEN) && byte >= 'A' && byte <= 'Z')
		byte += 'a' - 'A';
	if (ldisc->lnext) {
		ldisc->lnext = false;
		receive_literal(ldisc, byte, events);
	} else if (bitmap_test(ldisc->special, byte)) {
		receive_special(ldisc, byte, events);
	} else {
		receive_literal(ldisc, byte, events);
	}
}

/*
 * The usual case, without the tests of each byte: printing ASCII without special
 * characters, as long as both rings have space. @return bytes used
 */
static size_t receive_run(struct ldisc *ldisc, const u8 *bytes, size_t len_bytes, u32 *events)
{
	u32 used = ldisc_used(ldisc),
	    echo_room = LDISC_ECHO_SIZE - (ldisc->echo_head - ldisc->echo_tail);
	bool echo = has_lflag(ldisc, ECHO);
	size_t taken = 0;

	if (!ldisc->plain || ldisc->lnext || ldisc->erasing || ldisc->stopped ||
	    used >= LDISC_INPUT_SIZE - 1)
		return 0;
	len_bytes = MIN(len_bytes, (size_t)(LDISC_INPUT_SIZE - 1 - used));
	if (echo)
		len_bytes = MIN(len_bytes, (size_t)echo_room);
	while (taken < len_bytes && bytes[taken] >= ' ' && bytes[taken] < DEL &&
	       !bitmap_test(ldisc->special, bytes[taken])) {
		INPUT_AT(ldisc, ldisc->head + taken) = bytes[taken];
		taken++;
	}
	if (!taken)
		return 0;
	if (echo) {
		if (ldisc->canon_head == ldisc->head)
			ldisc->canon_column = ldisc->column;
		if (!ldisc_echo_pending(ldisc))
			ldisc->shown_column = ldisc->column;
		for (size_t i = 0; i < taken; i++)
			ldisc->echo[ldisc->echo_head++ % LDISC_ECHO_SIZE] = bytes[i];
		if (has_oflag(ldisc, OPOST))
			ldisc->column += taken;
	}
	ldisc->head += taken;
	if (!has_lflag(ldisc, ICANON))
		*events |= LDISC_READABLE;
	return taken;
}

u32 ldisc_room(const struct ldisc *ldisc)
{
	/* PARMRK may make three bytes of one. */
	u32 each = has_iflag(ldisc, PARMRK) ? 3 : 1;
	u32 room = (LDISC_INPUT_SIZE - ldisc_used(ldisc)) / each;

	if (room > 1)
		return room - 1;
	return has_lflag(ldisc, ICANON) && ldisc->canon_head == ldisc->tail;
}

static size_t receive_transparent(struct ldisc *ldisc, const u8 *bytes, size_t len_bytes,
				  u32 *events)
{
	size_t taken = MIN(len_bytes, (size_t)ldisc_room(ldisc));
	u32 position = ldisc->head % LDISC_INPUT_SIZE;
	size_t first = MIN(taken, (size_t)(LDISC_INPUT_SIZE - position));

	memcpy(ldisc->input + position, bytes, first);
	memcpy(ldisc->input, bytes + first, taken - first);
	ldisc->head += taken;
	if (taken)
		*events |= LDISC_READABLE;
	return taken;
}

size_t ldisc_receive(struct ldisc *ldisc, const u8 *bytes, size_t len_bytes, u32 *events)
{
	size_t taken = 0;

	*events = 0;
	if (ldisc->transparent && !ldisc->stopped)
		return receive_transparent(ldisc, bytes, len_bytes, events);
	for (;;) {
		taken += receive_run(ldisc, bytes + taken, len_bytes - taken, events);
		if (taken == len_bytes || !ldisc_room(ldisc))
			return taken;
		receive_byte(ldisc, bytes[taken++], events);
		if (*events & (LDISC_SIGNALS | LDISC_FLOW))
			return taken;
	}
}

u32 ldisc_receive_break(struct ldisc *ldisc)
{
	u32 events = 0;

	if (has_iflag(ldisc, IGNBRK) || !ldisc_room(ldisc))
		return 0;
	if (has_iflag(ldisc, BRKINT)) {
		ldisc_raise_signal(ldisc, LDISC_SIGINT, &events);
		return events;
	}
	if (has_iflag(ldisc, PARMRK)) {
		ldisc_put(ldisc, 0xff);
		ldisc_put(ldisc, 0);
	}
	ldisc_put(ldisc, 0);
	if (!has_lflag(ldisc, ICANON))
		events |= LDISC_READABLE;
	return events;
}

u32 ldisc_receive_damaged(struct ldisc *ldisc, u8 byte)
{
	u32 events = 0;

	if (has_iflag(ldisc, IGNPAR) || !ldisc_room(ldisc))
		return 0;
	if (!has_iflag(ldisc, INPCK)) {
		receive_byte(ldisc, byte, &events);
		return events;
	}
	if (has_iflag(ldisc, PARMRK)) {
		ldisc_put(ldisc, 0xff);
		ldisc_put(ldisc, 0);
		ldisc_put(ldisc, byte);
	} else {
		ldisc_put(ldisc, 0);
	}
	if (!has_lflag(ldisc, ICANON))
		events |= LDISC_READABLE;
	return events;
}

/* ---- settings ---- */

static void ldisc_mark_special(struct ldisc *ldisc, u32 index)
{
	if (ldisc->termios.c_cc[index] != TTY_CC_DISABLED)
		bitmap_set(ldisc->special, ldisc->termios.c_cc[index]);
}

static void ldisc_find_special(struct ldisc *ldisc)
{
	static const u8 canonical[] = { VERASE, VKILL, VEOF, VEOL },
			extended[] = { VWERASE, VLNEXT, VREPRINT, VEOL2 };
	const u32 input = ISTRIP | INLCR | IGNCR | ICRNL | IUCLC | IXON | PARMRK;
	const u32 local = ISIG | ICANON | ECHO;

	memset(ldisc->special, 0, sizeof(ldisc->special));
	if (has_iflag(ldisc, IGNCR | ICRNL))
		bitmap_set(ldisc->special, '\r');
	if (has_iflag(ldisc, INLCR) || has_lflag(ldisc, ICANON))
		bitmap_set(ldisc->special, '\n');
	if (has_iflag(ldisc, IXON)) {
		ldisc_mark_special(ldisc, VSTART);
		ldisc_mark_special(ldisc, VSTOP);
	}
	if (has_lflag(ldisc, ISIG)) {
		ldisc_mark_special(ldisc, VINTR);
		ldisc_mark_special(ldisc, VQUIT);
		ldisc_mark_special(ldisc, VSUSP);
	}
	if (has_lflag(ldisc, ICANON)) {
		for (u32 i = 0; i < ARRAY_SIZE(canonical); i++)
			ldisc_mark_special(ldisc, canonical[i]);
		for (u32 i = 0; has_lflag(ldisc, IEXTEN) && i < ARRAY_SIZE(extended); i++)
			ldisc_mark_special(ldisc, extended[i]);
	}
	ldisc->plain = !has_iflag(ldisc, ISTRIP | IUCLC) && !has_oflag(ldisc, OLCUC);
	ldisc->transparent = !has_iflag(ldisc, input) && !has_lflag(ldisc, local);
}

/* ICANON was switched: what is in the buffer becomes one line, or plain bytes. */
static void ldisc_switch_mode(struct ldisc *ldisc)
{
	memset(ldisc->line_end, 0, sizeof(ldisc->line_end));
	ldisc->pushed = has_lflag(ldisc, ICANON) && ldisc_used(ldisc);
	ldisc->canon_head = ldisc->tail;
	if (ldisc->pushed) {
		bitmap_set(ldisc->line_end, (ldisc->head - 1) % LDISC_INPUT_SIZE);
		ldisc->canon_head = ldisc->head;
	}
	ldisc->erasing = ldisc->lnext = false;
}

u32 ldisc_set_termios(struct ldisc *ldisc, const struct ktermios *termios)
{
	u32 changed = ldisc->termios.c_lflag ^ termios->c_lflag, events = 0;

	ldisc->termios = *termios;
	if (changed & ICANON)
		ldisc_switch_mode(ldisc);
	ldisc_find_special(ldisc);
	if (!has_iflag(ldisc, IXON))
		ldisc_set_stopped(ldisc, false, &events); /* no key could start it again */
	return events;
}

void ldisc_init(struct ldisc *ldisc, const struct ktermios *termios)
{
	memset(ldisc, 0, sizeof(*ldisc));
	ldisc->termios = *termios;
	ldisc_find_special(ldisc);
}
