/* SPDX-License-Identifier: MIT */
/*
 * The kernel log.
 *
 * Records lie one after another in a ring of bytes; the oldest are overwritten. A
 * position is a count of bytes since boot, so it never wraps and shows at once
 * whether a record still exists. Consoles show a record as it is made, under
 * the log lock: order on the screen is order in the log.
 *
 * Lock: log_lock (any context, interrupts off), innermost but for the consoles'
 * own. panic() breaks it.
 */
#include <kernel/cmdline.h>
#include <kernel/err.h>
#include <kernel/spinlock.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/time_units.h>
#include <stdarg.h>

CMDLINE_OPTION(opt_console, "console");
CMDLINE_OPTION(opt_debug, "debug");
CMDLINE_OPTION(opt_loglevel, "loglevel");
CMDLINE_OPTION(opt_quiet, "quiet");

struct record {
	u64 time_ns;
	u16 len;
	u8 level;
	u8 pad[5];
}; /* text follows, padded to 8 */
#define LINE_MAX     512
#define LOGLEVEL_ALL 15
#define RING_SIZE    (CONFIG_LOG_BUF_KIB * 1024u)
_Static_assert((RING_SIZE & 7) == 0, "records are 8-aligned");

static u8 ring[RING_SIZE] __aligned(8);
static u64 head, tail;	       /* [tail, head) holds records, in bytes since boot */
static u64 tail_seq, head_seq; /* their numbers */
static DEFINE_SPINLOCK(log_lock);
static struct console *consoles;
int console_loglevel = 7, printk_message_level = 4, printk_console_min = 1;
bool printk_panicking;
static u64 (*clock_now_ns)(void); /* NULL: no clock yet */
static void (*listener)(void);	  /* NULL: none registered */

static u32 record_size(u32 len)
{
	return sizeof(struct record) + ALIGN_UP(len, 8u);
}

/* The ring in pieces: copy to or from position @p pos. */
static void ring_put(u64 pos, const void *src, u32 length)
{
	u32 offset = pos % RING_SIZE, first = MIN(length, RING_SIZE - offset);

	memcpy(ring + offset, src, first);
	memcpy(ring, (const u8 *)src + first, length - first);
}

static void ring_get(u64 pos, void *dst, u32 length)
{
	u32 offset = pos % RING_SIZE, first = MIN(length, RING_SIZE - offset);

	memcpy(dst, ring + offset, first);
	memcpy((u8 *)dst + first, ring, length - first);
}

static void record_drop_oldest(void)
{
	struct record oldest;

	ring_get(tail, &oldest, sizeof(oldest));
	tail += record_size(oldest.len);
	tail_seq++;
}

static void record_add(u64 now, u8 level, const char *text, u32 len)
{
	struct record record = { .time_ns = now, .len = len, .level = level };

	while (head + record_size(len) - tail > RING_SIZE)
		record_drop_oldest();
	ring_put(head, &record, sizeof(record));
	ring_put(head + sizeof(record), text, len);
	head += record_size(len);
	head_seq++;
}

static u32 format_stamp(char *buf, size_t size, u64 ns)
{
	return scnprintf(buf, size, "[%5lu.%06lu] ", (u64)(ns / NSEC_PER_SEC),
			 (u64)(ns % NSEC_PER_SEC / 1000));
}

static void consoles_show(u64 now, const char *text, u32 len)
{
	char stamp[32];
	u32 stamp_length = format_stamp(stamp, sizeof(stamp), now);

	for (struct console *console = consoles; console; console = console->next) {
		if (!console->enabled)
			continue;
		console->write(console, stamp, stamp_length);
		console->write(console, text, len);
		console->write(console, "\n", 1);
	}
}

static u64 record_time(void)
{
	u64 (*now_ns)(void) = READ_ONCE(clock_now_ns);

	if (now_ns)
		return now_ns();
	return 0;
}

void printk_set_clock(u64 (*now_ns)(void))
{
	WRITE_ONCE(clock_now_ns, now_ns);
}

void printk_set_listener(void (*notify)(void))
{
	WRITE_ONCE(listener, notify);
}

static void printk_valist(const char *fmt, va_list args)
{
	char line[LINE_MAX];
	u8 level = MIN((u32)READ_ONCE(printk_message_level), 7u);
	int len = vsnprintf(line, sizeof(line), fmt, args);
	const char *text = line;
	void (*notify)(void);
	u64 now, flags;

	len = MIN(len, (int)sizeof(line) - 1);
	if (len >= 2 && text[0] == '\001') {
		level = text[1] - '0';
		text += 2;
		len -= 2;
	}
	while (len && text[len - 1] == '\n')
		len--;
	now = record_time();
	flags = spin_lock_irqsave(&log_lock);
	record_add(now, level, text, len);
	if (level < console_loglevel)
		consoles_show(now, text, len);
	spin_unlock_irqrestore(&log_lock, flags);
	/* in a panic no thread will read it, and a stopped CPU may hold a lock that the listener needs */
	notify = READ_ONCE(listener);
	if (!printk_panicking && notify)
		notify();
}

void printk(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printk_valist(fmt, args);
	va_end(args);
}

/* A report goes to every console, also to those that the command line did not select. */
void printk_break_locks(void)
{
	bool torn = log_lock.locked; /* a CPU was stopped in the middle of a line */

	printk_panicking = true;
	spin_init(&log_lock);
	console_loglevel = LOGLEVEL_ALL;
	for (struct console *console = consoles; console; console = console->next) {
		if (torn && console->enabled)
			console->write(console, "\n", 1);
		console->enabled = true;
	}
}

void printk_init(void)
{
	char text[8];
	u64 level;

	if (option_is_set(&opt_quiet))
		console_loglevel = 4;
	if (option_is_set(&opt_debug))
		console_loglevel = 10;
	if (option_value(&opt_loglevel, text, sizeof(text)) > 0 && !parse_u64(text, 10, &level) &&
	    level < LOGLEVEL_ALL)
		console_loglevel = (int)level;
}

/* "console=ttyS0,115200" enables by name, any number of times; without any, all are. */
static bool console_wanted(const char *name)
{
	const char *cursor = NULL;
	struct cmdline_word word;
	bool any = false;

	while (option_next(&opt_console, &cursor, &word)) {
		any = true;
		if (word.val_len >= strlen(name) && !strncmp(word.val, name, strlen(name)) &&
		    (word.val_len == strlen(name) || word.val[strlen(name)] == ','))
			return true;
	}
	return !any;
}

const struct console *console_first(void)
{
	return READ_ONCE(consoles);
}

/* A console that is registered later first shows the records that it missed. */
void console_register(struct console *console)
{
	u64 flags = spin_lock_irqsave(&log_lock), pos = tail;
	struct console **place = &consoles, *others = consoles;

	console->enabled = console_wanted(console->name);
	consoles = console;
	console->next = NULL;
	while (console->enabled && pos < head) {
		struct record record;
		char line[LINE_MAX];

		ring_get(pos, &record, sizeof(record));
		ring_get(pos + sizeof(record), line, record.len);
		if (record.level < console_loglevel)
			consoles_show(record.time_ns, line, record.len);
		pos += record_size(record.len);
	}
	consoles = others;
	while (*place)
		place = &(*place)->next;
	*place = console;
	spin_unlock_irqrestore(&log_lock, flags);
}

/* Position of record @p seq (or the oldest); log_lock held. */
static u64 record_seek(u64 *seq)
{
	u64 pos = tail;

	assert_held(&log_lock);
	if (*seq < tail_seq)
		*seq = tail_seq;
	for (u64 number = tail_seq; number < *seq && pos < head; number++) {
		struct record record;

		ring_get(pos, &record, sizeof(record));
		pos += record_size(record.len);
	}
	return pos;
}

static u32 record_text(u64 pos, struct record *record, char *buf, size_t size)
{
	char line[LINE_MAX];
	u32 length;

	ring_get(pos, record, sizeof(*record));
	ring_get(pos + sizeof(*record), line, record->len);
	line[record->len] = 0;
	length = snprintf(buf, size, "<%u>", record->level);
	length += format_stamp(buf + MIN(length, size), size - MIN(length, size), record->time_ns);
	length += snprintf(buf + MIN(length, size), size - MIN(length, size), "%s\n", line);
	return length;
}

size_t printk_read(u64 *seq, char *buf, size_t size)
{
	u64 flags = spin_lock_irqsave(&log_lock), pos = record_seek(seq);
	size_t done = 0;

	while (pos < head && *seq < head_seq) {
		char text[LINE_MAX + 48];
		struct record record;
		u32 length = record_text(pos, &record, text, sizeof(text));

		if (done + length > size)
			break;
		memcpy(buf + done, text, length);
		done += length;
		pos += record_size(record.len);
		++*seq;
	}
	spin_unlock_irqrestore(&log_lock, flags);
	return done;
}

size_t printk_unread(u64 seq)
{
	u64 flags = spin_lock_irqsave(&log_lock), pos = record_seek(&seq);
	size_t length = 0;

	while (pos < head) {
		char text[LINE_MAX + 48];
		struct record record;

		length += record_text(pos, &record, text, sizeof(text));
		pos += record_size(record.len);
	}
	spin_unlock_irqrestore(&log_lock, flags);
	return length;
}

s64 printk_read_record(u64 *seq, struct printk_record *record, char *buf, size_t size)
{
	u64 flags = spin_lock_irqsave(&log_lock), pos = record_seek(seq);
	s64 len = -ENOENT;

	if (pos < head) {
		struct record stored;

		ring_get(pos, &stored, sizeof(stored));
		len = MIN((size_t)stored.len, size);
		ring_get(pos + sizeof(stored), buf, len);
		*record = (struct printk_record){ .seq = *seq,
						  .time_ns = stored.time_ns,
						  .level = stored.level };
		++*seq;
	}
	spin_unlock_irqrestore(&log_lock, flags);
	return len;
}

u64 printk_first_seq(void)
{
	return READ_ONCE(tail_seq);
}
u64 printk_last_seq(void)
{
	return READ_ONCE(head_seq);
}
