// SPDX-License-Identifier: MIT
/*
 * The line discipline: line editing, echo, signals and output processing of a
 * terminal, as POSIX chapter 11 describes and Linux's N_TTY does.
 *
 * Input goes into one ring of 4096 bytes. In canonical mode the part between
 * canon_head and head is the line being edited, which erase, word erase and
 * kill take from its end; a newline, EOL or EOF character completes the line,
 * marks its last byte in line_end, and moves canon_head up, where readers see
 * it. The EOF character is stored as a marked zero byte that read() swallows, so
 * an empty line completed by EOF reads as zero bytes: end of file. In raw mode
 * all of the ring is readable.
 *
 * When the ring is full: a line being edited, with no complete line in front of
 * it, keeps 4095 bytes; what is typed after them replaces the last place, so
 * that editing and ending the line always work. In all other cases input is
 * refused, and the driver holds it back until somebody has read.
 *
 * Echo is rendered at once, output processing included, into a ring that the
 * terminal drains before it accepts output; echo that does not fit is lost. A
 * column is kept for tabs: to expand them, and to erase them from a line.
 *
 * What is written goes through ldisc_output.c, what is read comes by ldisc_read.c.
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

static bool is_word(u8 c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '_' || c >= 0xc0;
}

/* ---- echo ---- */

static void echo_raw(struct ldisc *ld, u8 c)
{
	u8 out[LDISC_MAX_EXPANSION];
	u32 n;

	/* Nothing in part, and no change of column for what is not shown. */
	if (LDISC_ECHO_SIZE - (ld->echo_head - ld->echo_tail) < LDISC_MAX_EXPANSION)
		return;
	if (!ldisc_echo_pending(ld))
		ld->shown_column = ld->column;
	out[0] = c;
	n = oflag(ld, OPOST) ? ldisc_render(ld, c, out) : 1;
	for (u32 i = 0; i < n; i++)
		ld->echo[ld->echo_head++ % LDISC_ECHO_SIZE] = out[i];
}

/* A byte of the line: control characters as ^X. */
static void echo_char(struct ldisc *ld, u8 c)
{
	if (lflag(ld, ECHOCTL) && is_control(c) && c != '\t') {
		echo_raw(ld, '^');
		c ^= 0x40;
	}
	echo_raw(ld, c);
}

static void echo_text(struct ldisc *ld, const char *s)
{
	while (*s)
		echo_raw(ld, *s++);
}

static void finish_erasing(struct ldisc *ld)
{
	if (ld->erasing) {
		echo_raw(ld, '/');
		ld->erasing = false;
	}
}

void ldisc_flush_echo(struct ldisc *ld)
{
	if (ldisc_echo_pending(ld))
		ld->column = ld->shown_column;
	ld->echo_tail = ld->echo_head;
}

/* ---- storing ---- */

static void put(struct ldisc *ld, u8 c)
{
	if (ldisc_used(ld) == LDISC_INPUT_SIZE)
		ld->head--; /* an overlong line: see above */
	INPUT_AT(ld, ld->head) = c;
	ld->head++;
}

/* A data byte; with PARMRK a real 0xff is doubled, since one announces damage. */
static void put_data(struct ldisc *ld, u8 c, u32 *events)
{
	if (c == 0xff && iflag(ld, PARMRK))
		put(ld, c);
	put(ld, c);
	if (!lflag(ld, ICANON))
		*events |= LDISC_READABLE;
}

static void complete_line(struct ldisc *ld, u8 last, u32 *events)
{
	put(ld, last);
	bitmap_set(ld->line_end, (ld->head - 1) % LDISC_INPUT_SIZE);
	ld->canon_head = ld->head;
	*events |= LDISC_READABLE;
}

static void echo_data(struct ldisc *ld, u8 c)
{
	if (!lflag(ld, ECHO))
		return;
	finish_erasing(ld);
	if (ld->canon_head == ld->head)
		ld->canon_column = ld->column;
	echo_char(ld, c);
}

static void echo_newline(struct ldisc *ld)
{
	if (lflag(ld, ECHO))
		finish_erasing(ld);
	if (lflag(ld, ECHO) || (lflag(ld, ICANON) && lflag(ld, ECHONL)))
		echo_raw(ld, '\n');
}

void ldisc_flush_input(struct ldisc *ld)
{
	ld->tail = ld->canon_head = ld->head;
	memset(ld->line_end, 0, sizeof(ld->line_end));
	ld->lnext = ld->erasing = ld->pushed = false;
}

/* ---- erasing ---- */

enum erase_what { ERASE_CHAR, ERASE_WORD, ERASE_LINE };

/* The columns that a tab at @pos covers: depends on what stands before it. */
static u32 tab_columns(const struct ldisc *ld, u32 pos)
{
	u32 n = 0;

	while (pos != ld->canon_head) {
		u8 c = INPUT_AT(ld, --pos);

		if (c == '\t')
			return TAB_WIDTH - n % TAB_WIDTH;
		if (is_control(c))
			n += lflag(ld, ECHOCTL) ? 2 : 0;
		else if (!is_continuation(ld, c))
			n++;
	}
	return TAB_WIDTH - (n + ld->canon_column) % TAB_WIDTH;
}

/* ECHOPRT, for paper: the erased bytes again, backwards, between \ and /. */
static void echo_erased_on_paper(struct ldisc *ld, u32 pos, u32 len)
{
	if (!ld->erasing) {
		echo_raw(ld, '\\');
		ld->erasing = true;
	}
	echo_char(ld, INPUT_AT(ld, pos));
	while (--len)
		echo_raw(ld, INPUT_AT(ld, ++pos));
}

/* Show that the character of @len bytes at @pos, the last one, is gone. */
static void echo_erased(struct ldisc *ld, enum erase_what what, u32 pos, u32 len)
{
	u8 c = INPUT_AT(ld, pos);

	if (!lflag(ld, ECHO))
		return;
	if (lflag(ld, ECHOPRT)) {
		echo_erased_on_paper(ld, pos, len);
	} else if (what == ERASE_CHAR && !lflag(ld, ECHOE)) {
		echo_char(ld, ld->termios.c_cc[VERASE]);
	} else if (c == '\t') {
		for (u32 n = tab_columns(ld, pos); n; n--)
			echo_raw(ld, '\b');
	} else if (!is_control(c)) {
		echo_text(ld, "\b \b");
	} else if (lflag(ld, ECHOCTL)) {
		echo_text(ld, "\b \b\b \b");
	}
}

/* Where the last character of the line begins; head itself when only a part of one is there. */
static u32 last_char(const struct ldisc *ld)
{
	u32 pos = ld->head;

	do
		pos--;
	while (is_continuation(ld, INPUT_AT(ld, pos)) && pos != ld->canon_head);
	return is_continuation(ld, INPUT_AT(ld, pos)) ? ld->head : pos;
}

/* A killed line whose characters can't or needn't be wiped out one by one. */
static bool kill_at_once(struct ldisc *ld)
{
	const u32 wiping = ECHOK | ECHOKE | ECHOE;

	if (!lflag(ld, ECHO)) {
		ld->head = ld->canon_head;
		return true;
	}
	if ((ld->termios.c_lflag & wiping) == wiping)
		return false;
	ld->head = ld->canon_head;
	finish_erasing(ld);
	echo_char(ld, ld->termios.c_cc[VKILL]);
	if (lflag(ld, ECHOK))
		echo_raw(ld, '\n');
	return true;
}

static void erase(struct ldisc *ld, enum erase_what what)
{
	bool word_begun = false;

	if (ld->head == ld->canon_head || (what == ERASE_LINE && kill_at_once(ld)))
		return;
	while (ld->head != ld->canon_head) {
		u32 pos = last_char(ld), len = ld->head - pos;

		if (!len)
			break;
		if (what == ERASE_WORD) {
			if (is_word(INPUT_AT(ld, pos)))
				word_begun = true;
			else if (word_begun)
				break;
		}
		ld->head = pos;
		echo_erased(ld, what, pos, len);
		if (what == ERASE_CHAR)
			break;
	}
	if (ld->head == ld->canon_head && lflag(ld, ECHO))
		finish_erasing(ld);
}

static void reprint(struct ldisc *ld, u8 c)
{
	finish_erasing(ld);
	echo_char(ld, c);
	echo_raw(ld, '\n');
	for (u32 pos = ld->canon_head; pos != ld->head; pos++)
		echo_char(ld, INPUT_AT(ld, pos));
}

/* ---- receiving ---- */

static void set_stopped(struct ldisc *ld, bool stopped, u32 *events)
{
	if (ld->stopped != stopped) {
		ld->stopped = stopped;
		*events |= LDISC_FLOW;
	}
}

/* A signal also discards what was typed before it and what is still to be shown. */
static void raise_signal(struct ldisc *ld, u32 which, u32 *events)
{
	*events |= which;
	if (!lflag(ld, NOFLSH)) {
		ldisc_flush_input(ld);
		ldisc_flush_echo(ld);
		*events |= LDISC_FLUSH;
	}
}

static void receive_signal(struct ldisc *ld, u32 which, u8 c, u32 *events)
{
	raise_signal(ld, which, events);
	if (iflag(ld, IXON))
		set_stopped(ld, false, events);
	if (lflag(ld, ECHO))
		echo_char(ld, c);
}

static u32 signal_of(const struct ldisc *ld, u8 c)
{
	if (!lflag(ld, ISIG))
		return 0;
	return is_cc(ld, c, VINTR)   ? LDISC_SIGINT
	       : is_cc(ld, c, VQUIT) ? LDISC_SIGQUIT
	       : is_cc(ld, c, VSUSP) ? LDISC_SIGTSTP
				     : 0;
}

/* Characters that edit the line. @return true: done with it */
static bool edit(struct ldisc *ld, u8 c)
{
	bool extended = lflag(ld, IEXTEN);

	if (is_cc(ld, c, VERASE))
		erase(ld, ERASE_CHAR);
	else if (is_cc(ld, c, VKILL))
		erase(ld, ERASE_LINE);
	else if (extended && is_cc(ld, c, VWERASE))
		erase(ld, ERASE_WORD);
	else if (extended && is_cc(ld, c, VREPRINT) && lflag(ld, ECHO))
		reprint(ld, c);
	else if (extended && is_cc(ld, c, VLNEXT)) {
		ld->lnext = true;
		if (lflag(ld, ECHO)) {
			finish_erasing(ld);
			if (lflag(ld, ECHOCTL))
				echo_text(ld, "^\b");
		}
	} else
		return false;
	return true;
}

/* Characters that end the line. @return true: done with it */
static bool end_line(struct ldisc *ld, u8 c, u32 *events)
{
	if (c == '\n') {
		echo_newline(ld);
	} else if (is_cc(ld, c, VEOF)) {
		c = EOF_MARK;
	} else if (is_cc(ld, c, VEOL) || (lflag(ld, IEXTEN) && is_cc(ld, c, VEOL2))) {
		echo_data(ld, c);
		if (c == 0xff && iflag(ld, PARMRK))
			put(ld, c);
	} else {
		return false;
	}
	complete_line(ld, c, events);
	return true;
}

static void receive_literal(struct ldisc *ld, u8 c, u32 *events)
{
	if (ld->stopped && iflag(ld, IXANY) && iflag(ld, IXON))
		set_stopped(ld, false, events);
	echo_data(ld, c);
	put_data(ld, c, events);
}

static void receive_special(struct ldisc *ld, u8 c, u32 *events)
{
	u32 sig;

	if (iflag(ld, IXON) && (is_cc(ld, c, VSTART) || is_cc(ld, c, VSTOP))) {
		set_stopped(ld, !is_cc(ld, c, VSTART), events);
		return;
	}
	sig = signal_of(ld, c);
	if (sig) {
		receive_signal(ld, sig, c, events);
		return;
	}
	if (ld->stopped && iflag(ld, IXANY) && iflag(ld, IXON))
		set_stopped(ld, false, events);

	if (c == '\r') {
		if (iflag(ld, IGNCR))
			return;
		if (iflag(ld, ICRNL))
			c = '\n';
	} else if (c == '\n' && iflag(ld, INLCR)) {
		c = '\r';
	}
	if (lflag(ld, ICANON) && (edit(ld, c) || end_line(ld, c, events)))
		return;
	if (c == '\n')
		echo_newline(ld);
	else
		echo_data(ld, c);
	put_data(ld, c, events);
}

static void receive_byte(struct ldisc *ld, u8 c, u32 *events)
{
	if (iflag(ld, ISTRIP))
		c &= 0x7f;
	if (iflag(ld, IUCLC) && lflag(ld, IEXTEN) && c >= 'A' && c <= 'Z')
		c += 'a' - 'A';
	if (ld->lnext) {
		ld->lnext = false;
		receive_literal(ld, c, events);
	} else if (bitmap_test(ld->special, c)) {
		receive_special(ld, c, events);
	} else {
		receive_literal(ld, c, events);
	}
}

/*
 * The usual case, without the questions: printing ASCII that is no special
 * character, as far as it goes and both rings have room. @return bytes used
 */
static size_t receive_run(struct ldisc *ld, const u8 *s, size_t len_bytes, u32 *events)
{
	u32 used = ldisc_used(ld), echo_room = LDISC_ECHO_SIZE - (ld->echo_head - ld->echo_tail);
	bool echo = lflag(ld, ECHO);
	size_t n = 0;

	if (!ld->plain || ld->lnext || ld->erasing || ld->stopped || used >= LDISC_INPUT_SIZE - 1)
		return 0;
	len_bytes = MIN(len_bytes, (size_t)(LDISC_INPUT_SIZE - 1 - used));
	if (echo)
		len_bytes = MIN(len_bytes, (size_t)echo_room);
	while (n < len_bytes && s[n] >= ' ' && s[n] < DEL && !bitmap_test(ld->special, s[n])) {
		INPUT_AT(ld, ld->head + n) = s[n];
		n++;
	}
	if (!n)
		return 0;
	if (echo) {
		if (ld->canon_head == ld->head)
			ld->canon_column = ld->column;
		if (!ldisc_echo_pending(ld))
			ld->shown_column = ld->column;
		for (size_t i = 0; i < n; i++)
			ld->echo[ld->echo_head++ % LDISC_ECHO_SIZE] = s[i];
		if (oflag(ld, OPOST))
			ld->column += n;
	}
	ld->head += n;
	if (!lflag(ld, ICANON))
		*events |= LDISC_READABLE;
	return n;
}

u32 ldisc_room(const struct ldisc *ld)
{
	/* PARMRK may make three bytes of one. */
	u32 each = iflag(ld, PARMRK) ? 3 : 1;
	u32 room = (LDISC_INPUT_SIZE - ldisc_used(ld)) / each;

	if (room > 1)
		return room - 1;
	return lflag(ld, ICANON) && ld->canon_head == ld->tail;
}

static size_t receive_transparent(struct ldisc *ld, const u8 *s, size_t len_bytes, u32 *events)
{
	size_t n = MIN(len_bytes, (size_t)ldisc_room(ld));
	u32 at = ld->head % LDISC_INPUT_SIZE;
	size_t first = MIN(n, (size_t)(LDISC_INPUT_SIZE - at));

	memcpy(ld->input + at, s, first);
	memcpy(ld->input, s + first, n - first);
	ld->head += n;
	if (n)
		*events |= LDISC_READABLE;
	return n;
}

size_t ldisc_receive(struct ldisc *ld, const u8 *s, size_t len_bytes, u32 *events)
{
	size_t n = 0;

	*events = 0;
	if (ld->transparent && !ld->stopped)
		return receive_transparent(ld, s, len_bytes, events);
	for (;;) {
		n += receive_run(ld, s + n, len_bytes - n, events);
		if (n == len_bytes || !ldisc_room(ld))
			return n;
		receive_byte(ld, s[n++], events);
		if (*events & (LDISC_SIGNALS | LDISC_FLOW))
			return n;
	}
}

u32 ldisc_receive_break(struct ldisc *ld)
{
	u32 events = 0;

	if (iflag(ld, IGNBRK) || !ldisc_room(ld))
		return 0;
	if (iflag(ld, BRKINT)) {
		raise_signal(ld, LDISC_SIGINT, &events);
		return events;
	}
	if (iflag(ld, PARMRK)) {
		put(ld, 0xff);
		put(ld, 0);
	}
	put(ld, 0);
	if (!lflag(ld, ICANON))
		events |= LDISC_READABLE;
	return events;
}

u32 ldisc_receive_damaged(struct ldisc *ld, u8 byte)
{
	u32 events = 0;

	if (iflag(ld, IGNPAR) || !ldisc_room(ld))
		return 0;
	if (!iflag(ld, INPCK)) {
		receive_byte(ld, byte, &events);
		return events;
	}
	if (iflag(ld, PARMRK)) {
		put(ld, 0xff);
		put(ld, 0);
		put(ld, byte);
	} else {
		put(ld, 0);
	}
	if (!lflag(ld, ICANON))
		events |= LDISC_READABLE;
	return events;
}

/* ---- settings ---- */

static void mark_special(struct ldisc *ld, u32 index)
{
	if (ld->termios.c_cc[index] != TTY_CC_DISABLED)
		bitmap_set(ld->special, ld->termios.c_cc[index]);
}

static void find_special(struct ldisc *ld)
{
	static const u8 canonical[] = { VERASE, VKILL, VEOF, VEOL },
			extended[] = { VWERASE, VLNEXT, VREPRINT, VEOL2 };
	const u32 input = ISTRIP | INLCR | IGNCR | ICRNL | IUCLC | IXON | PARMRK;
	const u32 local = ISIG | ICANON | ECHO;

	memset(ld->special, 0, sizeof(ld->special));
	if (iflag(ld, IGNCR | ICRNL))
		bitmap_set(ld->special, '\r');
	if (iflag(ld, INLCR) || lflag(ld, ICANON))
		bitmap_set(ld->special, '\n');
	if (iflag(ld, IXON)) {
		mark_special(ld, VSTART);
		mark_special(ld, VSTOP);
	}
	if (lflag(ld, ISIG)) {
		mark_special(ld, VINTR);
		mark_special(ld, VQUIT);
		mark_special(ld, VSUSP);
	}
	if (lflag(ld, ICANON)) {
		for (u32 i = 0; i < ARRAY_SIZE(canonical); i++)
			mark_special(ld, canonical[i]);
		for (u32 i = 0; lflag(ld, IEXTEN) && i < ARRAY_SIZE(extended); i++)
			mark_special(ld, extended[i]);
	}
	ld->plain = !iflag(ld, ISTRIP | IUCLC) && !oflag(ld, OLCUC);
	ld->transparent = !iflag(ld, input) && !lflag(ld, local);
}

/* ICANON was switched: what is in the buffer becomes one line, or plain bytes. */
static void switch_mode(struct ldisc *ld)
{
	memset(ld->line_end, 0, sizeof(ld->line_end));
	ld->pushed = lflag(ld, ICANON) && ldisc_used(ld);
	ld->canon_head = ld->tail;
	if (ld->pushed) {
		bitmap_set(ld->line_end, (ld->head - 1) % LDISC_INPUT_SIZE);
		ld->canon_head = ld->head;
	}
	ld->erasing = ld->lnext = false;
}

u32 ldisc_set_termios(struct ldisc *ld, const struct ktermios *termios)
{
	u32 changed = ld->termios.c_lflag ^ termios->c_lflag, events = 0;

	ld->termios = *termios;
	if (changed & ICANON)
		switch_mode(ld);
	find_special(ld);
	if (!iflag(ld, IXON))
		set_stopped(ld, false, &events); /* no key could start it again */
	return events;
}

void ldisc_init(struct ldisc *ld, const struct ktermios *termios)
{
	memset(ld, 0, sizeof(*ld));
	ld->termios = *termios;
	find_special(ld);
}
