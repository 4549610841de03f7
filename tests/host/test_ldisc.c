// SPDX-License-Identifier: MIT
/*
 * The line discipline: what is typed, what is shown, what a program reads.
 *
 * Most tests are a row of a table: settings changed from the defaults, bytes
 * typed, bytes echoed, and the results of successive reads, separated by '|'.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "../../device/tty/ldisc.h"
#include <kernel/string.h>

struct row {
	const char *name;
	u32 l_set, l_clear, i_set, i_clear, o_set, o_clear;
	const char *typed;
	const char *shown;
	const char *reads; /* of up to 4096 bytes each; '|' ends one */
	u32 events;	   /* signals and flow seen at any time */
};

static const struct row rows[] = {
	{ "a line is echoed and read when it ends", .typed = "ls\r", .shown = "ls\r\n",
	  .reads = "ls\n|" },
	{ "no line, nothing to read", .typed = "ls", .shown = "ls", .reads = "" },
	{ "one read gives one line", .typed = "a\nb\n", .shown = "a\r\nb\r\n",
	  .reads = "a\n|b\n|" },
	{ "erase", .typed = "lx\177s\n", .shown = "lx\b \bs\r\n", .reads = "ls\n|" },
	{ "erase stops at the start of the line", .typed = "a\n\177\177b\n", .shown = "a\r\nb\r\n",
	  .reads = "a\n|b\n|" },
	{ "erase of a control character wipes both columns", .typed = "\001\177x\n",
	  .shown = "^A\b \b\b \bx\r\n", .reads = "x\n|" },
	{ "erase without ECHOE shows the erase character", .l_clear = ECHOE, .typed = "ab\177\n",
	  .shown = "ab^?\r\n", .reads = "a\n|" },
	{ "erase of a UTF-8 character takes all its bytes",
	  .typed = "a\xc3\xa9\xe2\x82\xac\177\177b\n",
	  .shown = "a\xc3\xa9\xe2\x82\xac\b \b\b \bb\r\n", .reads = "ab\n|" },
	{ "erase without IUTF8 takes one byte", .i_clear = IUTF8, .typed = "\xc3\xa9\177\n",
	  .shown = "\xc3\xa9\b \b\r\n", .reads = "\xc3\n|" },
	{ "stray continuation bytes are not erased in part", .typed = "\xa9\177x\n",
	  .shown = "\xa9x\r\n", .reads = "\xa9x\n|" },
	{ "erase of a tab goes back over its columns", .typed = "ab\t\177c\n",
	  .shown = "ab\t\b\b\b\b\b\bc\r\n", .reads = "abc\n|" },
	{ "erase of a tab behind a tab", .typed = "\tab\t\177\n", .shown = "\tab\t\b\b\b\b\b\b\r\n",
	  .reads = "\tab\n|" },
	{ "word erase", .typed = "cat foo-bar  \027x\n",
	  .shown = "cat foo-bar  \b \b\b \b\b \b\b \b\b \bx\r\n", .reads = "cat foo-x\n|" },
	{ "word erase needs IEXTEN", .l_clear = IEXTEN, .typed = "a\027\n", .shown = "a^W\r\n",
	  .reads = "a\027\n|" },
	{ "kill wipes the line", .typed = "abc\025d\n", .shown = "abc\b \b\b \b\b \bd\r\n",
	  .reads = "d\n|" },
	{ "kill without ECHOKE starts a new line", .l_clear = ECHOKE, .typed = "abc\025d\n",
	  .shown = "abc^U\r\nd\r\n", .reads = "d\n|" },
	{ "kill without ECHOK either", .l_clear = ECHOKE | ECHOK, .typed = "abc\025d\n",
	  .shown = "abc^Ud\r\n", .reads = "d\n|" },
	{ "reprint", .typed = "ab\022c\n", .shown = "ab^R\r\nabc\r\n", .reads = "abc\n|" },
	{ "literal next takes a special character as data", .typed = "a\026\003b\n",
	  .shown = "a^\b^Cb\r\n", .reads = "a\003b\n|" },
	{ "literal newline does not end the line", .typed = "a\026\nb\n", .shown = "a^\b^Jb\r\n",
	  .reads = "a\nb\n|" },
	{ "EOF ends a line without a byte", .typed = "abc\004", .shown = "abc", .reads = "abc|" },
	{ "EOF on an empty line reads as nothing: end of file", .typed = "\004", .shown = "",
	  .reads = "|" },
	{ "EOF twice behind text ends the line, then the file", .typed = "a\004\004", .shown = "a",
	  .reads = "a||" },
	{ "zero bytes are data", .typed = "a\026\200b\n", .shown = "a^\b\200b\r\n",
	  .reads = "a\200b\n|" },
	{ "no echo", .l_clear = ECHO, .typed = "secret\n", .shown = "", .reads = "secret\n|" },
	{ "no echo, but of newlines", .l_clear = ECHO, .l_set = ECHONL, .typed = "secret\n",
	  .shown = "\r\n", .reads = "secret\n|" },
	{ "control characters as they are without ECHOCTL", .l_clear = ECHOCTL,
	  .typed = "\001\177\n", .shown = "\001\r\n", .reads = "\n|" },
	{ "ECHOPRT prints what is erased", .l_set = ECHOPRT, .typed = "abc\177\177d\n",
	  .shown = "abc\\cb/d\r\n", .reads = "ad\n|" },
	{ "Ctrl-C interrupts, and drops the line", .typed = "ab\003c\n", .shown = "^Cc\r\n",
	  .reads = "c\n|", .events = LDISC_SIGINT },
	{ "Ctrl-C with NOFLSH keeps it", .l_set = NOFLSH, .typed = "ab\003c\n",
	  .shown = "ab^Cc\r\n", .reads = "abc\n|", .events = LDISC_SIGINT },
	{ "Ctrl-Z", .typed = "\032", .shown = "^Z", .reads = "", .events = LDISC_SIGTSTP },
	{ "Ctrl-backslash", .typed = "\034", .shown = "^\\", .reads = "", .events = LDISC_SIGQUIT },
	{ "without ISIG they are data", .l_clear = ISIG, .typed = "\003\n", .shown = "^C\r\n",
	  .reads = "\003\n|" },
	{ "Ctrl-S and Ctrl-Q are swallowed", .typed = "a\023\021b\n", .shown = "ab\r\n",
	  .reads = "ab\n|", .events = LDISC_FLOW },
	{ "without IXON they are data", .i_clear = IXON, .typed = "\023\n", .shown = "^S\r\n",
	  .reads = "\023\n|" },
	{ "IXANY: any character starts again", .i_set = IXANY, .typed = "\023a\n", .shown = "a\r\n",
	  .reads = "a\n|", .events = LDISC_FLOW },
	{ "a signal starts again", .typed = "\023\003", .shown = "^C", .reads = "",
	  .events = LDISC_FLOW | LDISC_SIGINT },
	{ "no ICRNL: return is data", .i_clear = ICRNL, .typed = "a\rb\n", .shown = "a^Mb\r\n",
	  .reads = "a\rb\n|" },
	{ "IGNCR", .i_set = IGNCR, .typed = "a\rb\n", .shown = "ab\r\n", .reads = "ab\n|" },
	{ "INLCR", .i_set = INLCR, .i_clear = ICRNL, .typed = "a\nb\004", .shown = "a^Mb",
	  .reads = "a\rb|" },
	{ "ISTRIP", .i_set = ISTRIP, .typed = "\xe1\n", .shown = "a\r\n", .reads = "a\n|" },
	{ "IUCLC", .i_set = IUCLC, .typed = "Ab\n", .shown = "ab\r\n", .reads = "ab\n|" },
	{ "no ONLCR", .o_clear = ONLCR, .typed = "a\n", .shown = "a\n", .reads = "a\n|" },
	{ "no OPOST", .o_clear = OPOST, .typed = "a\n", .shown = "a\n", .reads = "a\n|" },
	{ "tabs as blanks", .o_set = XTABS, .typed = "a\tb\n", .shown = "a       b\r\n",
	  .reads = "a\tb\n|" },
	{ "OLCUC", .o_set = OLCUC, .typed = "a\n", .shown = "A\r\n", .reads = "a\n|" },
	{ "raw input is readable at once", .l_clear = ICANON | ECHO | ISIG | IEXTEN,
	  .i_clear = ICRNL | IXON, .typed = "a\r\003\004", .shown = "", .reads = "a\r\003\004|" },
	{ "raw input with echo", .l_clear = ICANON, .typed = "a\r", .shown = "a\r\n",
	  .reads = "a\n|" },
	{ "PARMRK doubles 0xff", .i_set = PARMRK, .i_clear = IUTF8, .typed = "\xff\n",
	  .shown = "\xff\r\n", .reads = "\xff\xff\n|" },
};

static struct ldisc ldisc;
static u32 seen;

/* All echo, as the driver would get it. */
static size_t drain_echo(char *to, size_t size)
{
	const u8 *run;
	size_t count = 0;
	u32 len;

	while ((len = ldisc_echo_peek(&ldisc, &run))) {
		assert_true(count + len <= size);
		memcpy(to + count, run, len);
		count += len;
		ldisc_echo_taken(&ldisc, len);
	}
	return count;
}

static size_t type(const void *s, size_t count)
{
	size_t done = 0, round;
	u32 events;

	do {
		round = ldisc_receive(&ldisc, (const u8 *)s + done, count - done, &events);
		seen |= events;
		done += round;
	} while (done < count && (round || events));
	return done;
}

static void set_up(const struct row *row)
{
	struct ktermios ktermios = ldisc_default_termios;

	ktermios.c_lflag = (ktermios.c_lflag | row->l_set) & ~row->l_clear;
	ktermios.c_iflag = (ktermios.c_iflag | IUTF8 | row->i_set) & ~row->i_clear;
	ktermios.c_oflag = (ktermios.c_oflag | row->o_set) & ~row->o_clear;
	ldisc_init(&ldisc, &ktermios);
	seen = 0;
}

static void each_row_of_the_table(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		char shown[512], reads[512];
		size_t count, got = 0;
		bool done;

		set_up(row);
		assert_int_equal(type(row->typed, strlen(row->typed)), strlen(row->typed));
		count = drain_echo(shown, sizeof(shown) - 1);
		shown[count] = 0;
		while (ldisc_has_input(&ldisc, 1)) {
			got += ldisc_read(&ldisc, (u8 *)reads + got, 200, &done);
			reads[got++] = '|';
		}
		reads[got] = 0;
		if (strcmp(shown, row->shown) || strcmp(reads, row->reads) ||
		    (seen & (LDISC_SIGNALS | LDISC_FLOW)) != row->events)
			fail_msg("%s: shown \"%s\", read \"%s\", events %x", row->name, shown,
				 reads, seen);
	}
}

static void a_partial_read_leaves_the_rest_of_the_line(void **state)
{
	u8 buf[8];
	bool done;

	set_up(&(struct row){ 0 });
	type("abcdef\n", 7);
	assert_int_equal(ldisc_read(&ldisc, buf, 3, &done), 3);
	assert_false(done);
	assert_int_equal(ldisc_readable(&ldisc), 4);
	assert_int_equal(ldisc_read(&ldisc, buf, 8, &done), 4);
	assert_true(done);
	assert_memory_equal(buf, "def\n", 4);
}

static void eof_behind_a_full_read_is_not_an_end_of_file(void **state)
{
	u8 buf[8];
	bool done;

	set_up(&(struct row){ 0 });
	type("abc\004", 4);
	assert_int_equal(ldisc_readable(&ldisc), 3);
	assert_int_equal(ldisc_read(&ldisc, buf, 3, &done), 3);
	assert_true(done);
	assert_false(ldisc_has_input(&ldisc, 1));
}

static void an_overlong_line_can_be_ended_and_edited(void **state)
{
	u8 input[5000], buf[5000];
	bool done;

	memset(input, 'x', sizeof(input));
	set_up(&(struct row){ .l_clear = ECHO });
	assert_int_equal(type(input, sizeof(input)), sizeof(input));
	assert_int_equal(ldisc_used(&ldisc), 4096);
	type("y\n", 2);
	assert_int_equal(ldisc_read(&ldisc, buf, sizeof(buf), &done), 4096);
	assert_true(done);
	assert_memory_equal(buf, input, 4095);
	assert_int_equal(buf[4095], '\n');

	type(input, sizeof(input));
	type("\025ok\n", 4);
	assert_int_equal(ldisc_read(&ldisc, buf, sizeof(buf), &done), 3);
	assert_memory_equal(buf, "ok\n", 3);
}

static void a_full_buffer_with_lines_refuses_more(void **state)
{
	u8 input[5000], buf[16];
	bool done;

	set_up(&(struct row){ .l_clear = ECHO });
	for (size_t i = 0; i < sizeof(input); i++) {
		if (i % 10 == 9)
			input[i] = '\n';
		else
			input[i] = '0' + i % 10;
	}
	assert_int_equal(type(input, sizeof(input)), 4095);
	assert_int_equal(type(input, 1), 0);
	assert_int_equal(ldisc_read(&ldisc, buf, sizeof(buf), &done), 10);
	assert_int_equal(type(input, 100), 10);
}

static void a_full_raw_buffer_refuses_more(void **state)
{
	u8 input[5000] = { 0 }, buf[100];
	bool done;

	set_up(&(struct row){ .l_clear = ICANON | ECHO | ISIG, .i_clear = IXON | ICRNL });
	assert_true(ldisc.transparent);
	assert_int_equal(type(input, sizeof(input)), 4095);
	assert_int_equal(ldisc_read(&ldisc, buf, 100, &done), 100);
	assert_int_equal(type(input, sizeof(input)), 100);
	assert_int_equal(ldisc_readable(&ldisc), 4095);
}

static void the_ring_wraps(void **state)
{
	u8 buf[300];
	bool done;

	set_up(&(struct row){ .l_clear = ECHO });
	for (u32 i = 0; i < 1000; i++) {
		char line[300];
		u32 count = i % 250;

		memset(line, 'a' + i % 26, count);
		line[count] = '\n';
		assert_int_equal(type(line, count + 1), count + 1);
		assert_int_equal(ldisc_read(&ldisc, buf, sizeof(buf), &done), count + 1);
		assert_true(done);
		assert_memory_equal(buf, line, count + 1);
	}
}

static void leaving_canonical_mode_makes_the_line_readable(void **state)
{
	struct ktermios ktermios = ldisc_default_termios;
	u8 buf[16];
	bool done;

	set_up(&(struct row){ 0 });
	type("abc", 3);
	assert_false(ldisc_has_input(&ldisc, 1));
	ktermios.c_lflag &= ~ICANON;
	ldisc_set_termios(&ldisc, &ktermios);
	assert_int_equal(ldisc_read(&ldisc, buf, 2, &done), 2);
	ktermios.c_lflag |= ICANON;
	ldisc_set_termios(&ldisc, &ktermios);
	type("de\n", 3);
	assert_int_equal(ldisc_read(&ldisc, buf, 16, &done), 1);
	assert_int_equal(ldisc_read(&ldisc, buf, 16, &done), 3);
	assert_memory_equal(buf, "de\n", 3);
}

static void clearing_ixon_starts_output_again(void **state)
{
	struct ktermios ktermios = ldisc_default_termios;

	set_up(&(struct row){ 0 });
	type("\023", 1);
	assert_true(ldisc.stopped);
	ktermios.c_iflag &= ~IXON;
	assert_int_equal(ldisc_set_termios(&ldisc, &ktermios), LDISC_FLOW);
	assert_false(ldisc.stopped);
}

static void breaks_and_damaged_bytes(void **state)
{
	u8 buf[16];
	bool done;

	set_up(&(struct row){ .i_set = BRKINT });
	assert_int_equal(ldisc_receive_break(&ldisc), LDISC_SIGINT | LDISC_FLUSH);
	set_up(&(struct row){ .i_set = IGNBRK | BRKINT });
	assert_int_equal(ldisc_receive_break(&ldisc), 0);
	set_up(&(struct row){ .i_set = PARMRK | INPCK, .l_clear = ICANON });
	assert_int_equal(ldisc_receive_break(&ldisc), LDISC_READABLE);
	ldisc_receive_damaged(&ldisc, 'x');
	assert_int_equal(ldisc_read(&ldisc, buf, 16, &done), 6);
	assert_memory_equal(buf, "\377\0\0\377\0x", 6);
	set_up(&(struct row){ .i_set = IGNPAR, .l_clear = ICANON });
	ldisc_receive_damaged(&ldisc, 'x');
	assert_false(ldisc_has_input(&ldisc, 1));
}

static void output_is_processed(void **state)
{
	static const struct {
		u32 set, clear;
		const char *in, *out;
	} rows[] = {
		{ 0, 0, "a\nb", "a\r\nb" },
		{ 0, OPOST, "a\nb\t", "a\nb\t" },
		{ XTABS, 0, "ab\tcdefghij\tk", "ab      cdefghij        k" },
		{ OCRNL, ONLCR, "a\rb", "a\nb" },
		{ ONOCR, 0, "\ra\r\rb", "a\rb" },
		{ ONOCR | ONLRET, ONLCR, "a\n\rb", "a\nb" },
		{ OLCUC, 0, "hello world, this is long\n", "HELLO WORLD, THIS IS LONG\r\n" },
		{ 0, 0, "a long line of plain text, then \001 control\n",
		  "a long line of plain text, then \001 control\r\n" },
		{ XTABS, 0, "\xc3\xa9\tx", "\xc3\xa9       x" },
		{ XTABS, 0, "abc\b\b\tx", "abc\b\b       x" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		u8 out[128];
		size_t made;

		set_up(&(struct row){ .o_set = rows[i].set, .o_clear = rows[i].clear });
		assert_int_equal(ldisc_output(&ldisc, (const u8 *)rows[i].in, strlen(rows[i].in),
					      out, sizeof(out), &made),
				 strlen(rows[i].in));
		assert_int_equal(made, strlen(rows[i].out));
		assert_memory_equal(out, rows[i].out, made);
	}
}

static void output_stops_when_the_room_is_used_up(void **state)
{
	u8 input[100], out[64];
	size_t used = 0, made, count;
	char all[400];
	size_t total = 0;

	memset(input, '\n', sizeof(input));
	set_up(&(struct row){ 0 });
	while (used < sizeof(input)) {
		count = ldisc_output(&ldisc, input + used, sizeof(input) - used, out, sizeof(out),
				     &made);
		assert_true(count > 0 && made <= sizeof(out));
		memcpy(all + total, out, made);
		total += made;
		used += count;
	}
	assert_int_equal(total, 200);
}

static void echo_that_does_not_fit_is_lost_whole(void **state)
{
	u8 input[4000];
	char shown[LDISC_ECHO_SIZE];

	memset(input, '\t', sizeof(input));
	set_up(&(struct row){ .o_set = XTABS });
	type(input, sizeof(input));
	assert_true(drain_echo(shown, sizeof(shown)) <= LDISC_ECHO_SIZE);
	type("\n", 1);
	assert_int_equal(drain_echo(shown, sizeof(shown)), 2);
}

static size_t session(const u8 *input, size_t count, size_t step, char *echo, u8 *read)
{
	size_t done = 0, shown = 0, got = 0;
	bool line_done;
	u32 events;

	while (done < count) {
		size_t round =
			ldisc_receive(&ldisc, input + done, MIN(step, count - done), &events);

		done += round;
		shown += drain_echo(echo + shown, 4096 - shown);
		assert_true(round || events);
	}
	while (ldisc_has_input(&ldisc, 1))
		got += ldisc_read(&ldisc, read + got, 4096 - got, &line_done);
	echo[shown] = 0;
	return got;
}

/* The short cuts for runs of letters change nothing. */
static void bytes_at_once_are_like_one_by_one(void **state)
{
	static const u32 l[] = { 0, ECHO, ICANON, ECHOPRT, ECHO | ICANON },
			 i[] = { 0, ISTRIP, IUCLC, PARMRK, IXANY };
	static const u32 o[] = { 0, OLCUC, XTABS, OPOST };
	u64 seed = 1;

	for (u32 round = 0; round < 2000; round++) {
		struct row row = { .l_set = NOFLSH,
				   .l_clear = l[round % 5],
				   .i_set = i[round / 5 % 5],
				   .o_clear = round & 1 ? OPOST : 0,
				   .o_set = round & 1 ? 0 : o[round % 3] };
		char echo[2][4097];
		u8 input[200], read[2][4096];
		size_t n[2];

		for (size_t k = 0; k < sizeof(input); k++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			if (seed >> 62)
				input[k] = 'a' + (seed >> 40) % 26;
			else
				input[k] = (seed >> 40) & 0x7f;
			if (input[k] == 023)
				input[k] = 021;
		}
		set_up(&row);
		n[0] = session(input, sizeof(input), 1, echo[0], read[0]);
		set_up(&row);
		n[1] = session(input, sizeof(input), sizeof(input), echo[1], read[1]);
		assert_int_equal(n[0], n[1]);
		assert_memory_equal(read[0], read[1], n[0]);
		assert_string_equal(echo[0], echo[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_of_the_table),
		cmocka_unit_test(a_partial_read_leaves_the_rest_of_the_line),
		cmocka_unit_test(eof_behind_a_full_read_is_not_an_end_of_file),
		cmocka_unit_test(an_overlong_line_can_be_ended_and_edited),
		cmocka_unit_test(a_full_buffer_with_lines_refuses_more),
		cmocka_unit_test(a_full_raw_buffer_refuses_more),
		cmocka_unit_test(the_ring_wraps),
		cmocka_unit_test(leaving_canonical_mode_makes_the_line_readable),
		cmocka_unit_test(clearing_ixon_starts_output_again),
		cmocka_unit_test(breaks_and_damaged_bytes),
		cmocka_unit_test(output_is_processed),
		cmocka_unit_test(output_stops_when_the_room_is_used_up),
		cmocka_unit_test(echo_that_does_not_fit_is_lost_whole),
		cmocka_unit_test(bytes_at_once_are_like_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
