// SPDX-License-Identifier: MIT
/*
 * Open files whose text is made when it is read.
 *
 * The text is made once and kept until the next read from offset 0 or until
 * the file is closed, so a program that reads a line at a time, or with pread()
 * here and there, sees one text. A text in pieces is kept one piece at a time;
 * going back in it means making it again from the start.
 *
 * Memory: the buffer of seq_file.h, which ends at 64 KiB; a text that needs
 * more is made again in a buffer from kvzalloc(), up to TEXT_MAX.
 *
 * Lock: seq_open.lock (mutex) guards everything of one open file: pread() from
 * two threads does not take file->pos_lock. Text is copied to the user under
 * it, and under nothing else.
 */
#include <kernel/fs/file.h>
#include <kernel/fs/poll.h>
#include <kernel/fs/seq_open.h>
#include <kernel/heap.h>
#include <kernel/process.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <uapi/fcntl.h>

#define TEXT_MAX  (4u << 20)
#define BIG_FIRST (256u << 10)

struct seq_open {
	struct seq_file m; /* m.fixed: its buffer is from kvzalloc() */
	struct mutex lock;
	seq_generate_fn generate;
	u64 base;	  /* offset of the piece in m within the text */
	bool valid;	  /* m has a piece */
	s32 changes_seen; /* of what a poll method watches */
};

int seq_open_private(struct file *f, seq_generate_fn generate, void *private)
{
	struct seq_open *s = kzalloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	mutex_init(&s->lock);
	s->generate = generate;
	s->m.private = private;
	f->private = s;
	return 0;
}

int seq_open(struct file *f, seq_generate_fn generate)
{
	return seq_open_private(f, generate, NULL);
}

static void free_buffer(struct seq_file *m)
{
	if (m->fixed)
		kvfree(m->buf);
	else
		kfree(m->buf);
	*m = (struct seq_file){ .next = m->next, .private = m->private };
}

void seq_release(struct file *f)
{
	struct seq_open *s = f->private;

	free_buffer(&s->m);
	kfree(s);
}

/* The piece that begins at s->m.next. */
static int generate(struct seq_open *s, struct file *f)
{
	struct seq_file *m = &s->m;
	u64 start = m->next;

	for (;;) {
		size_t bigger = MAX((size_t)BIG_FIRST, m->size * 4);
		int err;

		m->count = 0;
		m->more = m->overflow = false;
		err = s->generate(m, f);
		if (err || !m->overflow)
			return err;
		free_buffer(m);
		m->next = start;
		if (bigger > TEXT_MAX)
			return -ENOMEM;
		m->buf = kvzalloc(bigger);
		if (!m->buf)
			return -ENOMEM;
		m->size = bigger;
		m->fixed = true;
	}
}

static int first_piece(struct seq_open *s, struct file *f)
{
	int err;

	s->base = 0;
	s->m.next = 0;
	err = generate(s, f);
	s->valid = !err;
	return err;
}

/* Make the piece that has @pos the present one. @return 1, 0: the text ends before it, -errno */
static int reach(struct seq_open *s, struct file *f, u64 pos)
{
	while (pos >= s->base + s->m.count) {
		int err;

		if (!s->m.more)
			return 0;
		if (fatal_signal_pending())
			return -EINTR;
		s->base += s->m.count;
		err = generate(s, f);
		if (err) {
			s->valid = false;
			return err;
		}
	}
	return 1;
}

static s64 read_locked(struct seq_open *s, struct file *f, struct uio *u, u64 *pos)
{
	s64 done = 0;

	if (!*pos || !s->valid || *pos < s->base) {
		int err = first_piece(s, f);

		if (err)
			return err;
	}
	while (u->count) {
		int found = reach(s, f, *pos);
		u64 at = *pos - s->base, want, n;

		if (found <= 0)
			return done ? done : found;
		want = MIN(s->m.count - at, u->count);
		n = uio_copy_out(u, s->m.buf + at, want);
		*pos += n;
		done += n;
		if (n < want)
			return done ? done : -EFAULT;
	}
	return done;
}

s64 seq_read(struct file *f, struct uio *u, u64 *pos)
{
	struct seq_open *s = f->private;
	s64 n;

	if (!u->count)
		return 0;
	mutex_lock(&s->lock);
	n = read_locked(s, f, u, pos);
	mutex_unlock(&s->lock);
	return n;
}

s64 seq_llseek(struct file *f, s64 off, int whence)
{
	s64 to;

	if (whence != SEEK_SET && whence != SEEK_CUR)
		return -EINVAL;
	if (__builtin_add_overflow(whence == SEEK_CUR ? (s64)f->pos : 0, off, &to) || to < 0)
		return -EINVAL;
	f->pos = to;
	return to;
}

void seq_poll_start(struct file *f, struct change_source *c)
{
	struct seq_open *s = f->private;

	WRITE_ONCE(s->changes_seen, atomic_read(&c->changes));
}

/* Of several threads that ask at once one hears of it, as in Linux. */
bool seq_poll_changed(struct file *f, struct change_source *c, struct poll_table *t)
{
	struct seq_open *s = f->private;
	s32 now;

	poll_wait(t, &c->wait);
	now = atomic_read(&c->changes);
	return __atomic_exchange_n(&s->changes_seen, now, __ATOMIC_RELAXED) != now;
}

s64 seq_copy_written(struct uio *u, char **out)
{
	u64 n = u->count;
	char *text;

	if (n > PAGE_SIZE)
		return -EINVAL;
	text = kmalloc(n + 1);
	if (!text)
		return -ENOMEM;
	if (uio_copy_in(u, text, n) != n) {
		kfree(text);
		return -EFAULT;
	}
	text[n] = 0;
	*out = text;
	return n;
}

int seq_parse_number(char *text, s64 *out)
{
	size_t n;

	while (*text == ' ' || *text == '\t')
		text++;
	n = strlen(text);
	while (n && (text[n - 1] == '\n' || text[n - 1] == ' ' || text[n - 1] == '\t'))
		text[--n] = 0;
	return parse_s64(text, 0, out) ? -EINVAL : 0;
}
