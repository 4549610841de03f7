/* SPDX-License-Identifier: MIT */
/**
 * @file ldisc.h  The line discipline: how bytes are processed between a terminal
 * and the program that reads it. Pure; device/tty/ldisc.c has the theory.
 *
 * Nothing here locks: the caller serialises all calls for one struct ldisc.
 */
#pragma once
#include <kernel/types.h>
#include <uapi/termios.h>

#define LDISC_INPUT_SIZE 4096 /* powers of two */
#define LDISC_ECHO_SIZE	 2048
/** One byte of output makes at most this many (a tab as blanks). */
#define LDISC_MAX_EXPANSION 8

/* The actions that ldisc_receive() requests of its caller. */
#define LDISC_SIGINT   0x01 /* signal the foreground group */
#define LDISC_SIGQUIT  0x02
#define LDISC_SIGTSTP  0x04
#define LDISC_SIGNALS  0x07
#define LDISC_FLUSH    0x08 /* drop output that has not left yet */
#define LDISC_READABLE 0x10 /* readers may have something */
#define LDISC_FLOW     0x20 /* ->stopped has changed */

struct ldisc {
	struct ktermios termios; /* change through ldisc_set_termios() */
	u64 special[4];		 /* one bit per byte value: not simply stored */
	bool transparent;	 /* input is stored unchanged */
	bool plain;		 /* no setting changes letters */

	/* Positions count on for ever; modulo the size they index a ring. tail <= canon_head <= head. */
	u32 head;	/* where the next byte is stored */
	u32 canon_head; /* end of the last complete line */
	u32 tail;	/* the reader is here */
	u32 echo_head, echo_tail;

	u32 column;	  /* of the cursor, as far as it is known */
	u32 shown_column; /* the same without the echo that is still in the ring */
	u32 canon_column; /* where the echo of the line being edited began */
	bool lnext;	  /* the next byte is literal */
	bool erasing;	  /* between the \ and / of ECHOPRT */
	bool pushed;	  /* the first line is what was typed before ICANON was set */
	bool stopped;	  /* the user stopped output (STOP character) */

	u64 line_end[LDISC_INPUT_SIZE / 64]; /* a line ends with this byte of the ring */
	u8 input[LDISC_INPUT_SIZE];
	u8 echo[LDISC_ECHO_SIZE];
};

/** The settings a terminal starts with. */
extern const struct ktermios ldisc_default_termios;

void ldisc_init(struct ldisc *ldisc, const struct ktermios *termios);
/** @return LDISC_FLOW if output was stopped and no longer is, else 0 */
u32 ldisc_set_termios(struct ldisc *ldisc, const struct ktermios *termios);

/**
 * @brief Bytes from the terminal.
 *
 * Input stops behind a byte that caused a signal or a change of ->stopped. In
 * either case the echo made so far is written before it.
 * @param events  LDISC_*
 * @return how many were taken. Fewer, with none of these events: the buffer is
 *         full; offer the rest after a read
 */
size_t ldisc_receive(struct ldisc *ldisc, const u8 *bytes, size_t len_bytes, u32 *events);
/** A break, or a byte that arrived with a wrong parity or frame. @return LDISC_* */
u32 ldisc_receive_break(struct ldisc *ldisc);
u32 ldisc_receive_damaged(struct ldisc *ldisc, u8 byte);

/** The number of bytes that can be received now; 1 means "some" while a line is being edited. */
u32 ldisc_room(const struct ldisc *ldisc);
/** Bytes in the input buffer. */
static inline u32 ldisc_used(const struct ldisc *ldisc)
{
	return ldisc->head - ldisc->tail;
}
/** The result of FIONREAD. */
u32 ldisc_readable(const struct ldisc *ldisc);
/** Is there input for a read() of at least @p min bytes? (canonical: a line, regardless of @p min) */
static inline bool ldisc_has_input(const struct ldisc *ldisc, u32 min)
{
	if (ldisc->termios.c_lflag & ICANON)
		return ldisc->canon_head != ldisc->tail;
	return ldisc->head - ldisc->tail >= min;
}
/**
 * @brief Take input: in canonical mode of one line at most.
 * @param line_done  set: the line has ended, so this read() is complete, even with nothing
 * @return bytes copied
 */
size_t ldisc_read(struct ldisc *ldisc, u8 *dst, size_t size, bool *line_done);
/** Forget what was typed and not yet read; forget echo that the driver did not get. */
void ldisc_flush_input(struct ldisc *ldisc);
void ldisc_flush_echo(struct ldisc *ldisc);

/**
 * @brief Turn bytes that a program writes into bytes for the terminal.
 * @param out   of at least LDISC_MAX_EXPANSION bytes
 * @param size  of it
 * @param made  how many were written to it
 * @return how many of @p bytes were used: all unless @p out is full
 */
size_t ldisc_output(struct ldisc *ldisc, const u8 *bytes, size_t len_bytes, u8 *out, size_t size,
		    size_t *made);

/** Echo waits in a ring until the driver has space: its next contiguous run. */
static inline u32 ldisc_echo_peek(const struct ldisc *ldisc, const u8 **run)
{
	u32 position = ldisc->echo_tail % LDISC_ECHO_SIZE,
	    pending = ldisc->echo_head - ldisc->echo_tail;

	*run = ldisc->echo + position;
	return MIN(pending, LDISC_ECHO_SIZE - position);
}
static inline void ldisc_echo_taken(struct ldisc *ldisc, u32 count)
{
	ldisc->echo_tail += count;
}
static inline bool ldisc_echo_pending(const struct ldisc *ldisc)
{
	return ldisc->echo_head != ldisc->echo_tail;
}
