// SPDX-License-Identifier: MIT
/*
 * Open files whose text is made when it is read.
 *
 * The text is made once and kept until the next read from offset 0 or until
 * the file is closed, so a program that reads a line at a time, or with pread()
 * at any offset, sees one text. A text in pieces is kept one piece at a time; a
 * read at a lower offset makes it again from the start.
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
	struct seq_file seq; /* seq.fixed: its buffer is from kvzalloc() */
	struct mutex lock;
	seq_generate_fn generate;
	u64 base;	  /* offset of the piece in seq within the text */
	bool valid;	  /* seq has a piece */
	s32 changes_seen; /* of what a poll method watches */
};

int seq_open_private(struct file *f, seq_generate_fn generate, void *private)
{
	struct seq_open *state = kzalloc(sizeof(*state));

	if (!state)
		return -ENOMEM;
	mutex_init(&state->lock);
	state->generate = generate;
	state->seq.private = private;
	f->private = state;
	return 0;
}

int seq_open(struct file *f, seq_generate_fn generate)
{
	return seq_open_private(f, generate, NULL);
}

static void free_buffer(struct seq_file *seq)
{
	if (seq->fixed)
		kvfree(seq->buf);
	else
		kfree(seq->buf);
	*seq = (struct seq_file){ .next = seq->next, .private = seq->private };
}

void seq_release(struct file *f)
{
	struct seq_open *state = f->private;

	free_buffer(&state->seq);
	kfree(state);
}

/* The piece that begins at state->seq.next. */
static int seq_generate(struct seq_open *state, struct file *f)
{
	struct seq_file *seq = &state->seq;
	u64 start = seq->next;

	for (;;) {
		size_t bigger = MAX((size_t)BIG_FIRST, seq->size * 4);
		int err;

		seq->count = 0;
		seq->more = seq->overflow = false;
		err = state->generate(seq, f);
		if (err || !seq->overflow)
			return err;
		free_buffer(seq);
		seq->next = start;
		if (bigger > TEXT_MAX)
			return -ENOMEM;
		seq->buf = kvzalloc(bigger);
		if (!seq->buf)
			return -ENOMEM;
		seq->size = bigger;
		seq->fixed = true;
	}
}

static int first_piece(struct seq_open *state, struct file *f)
{
	int err;

	state->base = 0;
	state->seq.next = 0;
	err = seq_generate(state, f);
	state->valid = !err;
	return err;
}

/* Make the piece that has @pos the present one. @return 1, 0: the text ends before it, -errno */
static int seq_reach(struct seq_open *state, struct file *f, u64 pos)
{
	while (pos >= state->base + state->seq.count) {
		int err;

		if (!state->seq.more)
			return 0;
		if (fatal_signal_pending())
			return -EINTR;
		state->base += state->seq.count;
		err = seq_generate(state, f);
		if (err) {
			state->valid = false;
			return err;
		}
	}
	return 1;
}

static s64 read_locked(struct seq_open *state, struct file *f, struct uio *uio, u64 *pos)
{
	s64 done = 0;

	assert_held(&state->lock);
	if (!*pos || !state->valid || *pos < state->base) {
		int err = first_piece(state, f);

		if (err)
			return err;
	}
	while (uio->count) {
		int found = seq_reach(state, f, *pos);
		u64 start = *pos - state->base, want, length;

		if (found <= 0) {
			if (done)
				return done;
			return found;
		}
		want = MIN(state->seq.count - start, uio->count);
		length = uio_copy_out(uio, state->seq.buf + start, want);
		*pos += length;
		done += length;
		if (length < want) {
			if (done)
				return done;
			return -EFAULT;
		}
	}
	return done;
}

s64 seq_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct seq_open *state = f->private;
	s64 result;

	if (!uio->count)
		return 0;
	mutex_lock(&state->lock);
	result = read_locked(state, f, uio, pos);
	mutex_unlock(&state->lock);
	return result;
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

void seq_poll_start(struct file *f, struct change_source *source)
{
	struct seq_open *state = f->private;

	WRITE_ONCE(state->changes_seen, atomic_read(&source->changes));
}

/* If several threads poll at once, one of them is notified, as on Linux. */
bool seq_poll_changed(struct file *f, struct change_source *source, struct poll_table *table)
{
	struct seq_open *state = f->private;
	s32 now;

	poll_wait(table, &source->wait);
	now = atomic_read(&source->changes);
	return __atomic_exchange_n(&state->changes_seen, now, __ATOMIC_RELAXED) != now;
}

s64 seq_copy_written(struct uio *uio, char **out)
{
	u64 length = uio->count;
	char *text;

	if (length > PAGE_SIZE)
		return -EINVAL;
	text = kmalloc(length + 1);
	if (!text)
		return -ENOMEM;
	if (uio_copy_in(uio, text, length) != length) {
		kfree(text);
		return -EFAULT;
	}
	text[length] = 0;
	*out = text;
	return length;
}

int seq_parse_number(char *text, s64 *out)
{
	size_t length;

	while (*text == ' ' || *text == '\t')
		text++;
	length = strlen(text);
	while (length &&
	       (text[length - 1] == '\n' || text[length - 1] == ' ' || text[length - 1] == '\t'))
		text[--length] = 0;
	if (parse_s64(text, 0, out))
		return -EINVAL;
	return 0;
}
