/* SPDX-License-Identifier: MIT */
/** @file seq_open.h  Open files whose text is made when it is read. */
#pragma once
#include <kernel/seq_file.h>

struct change_source;
struct file;
struct poll_table;
struct uio;

/**
 * Makes the text, or (see seq_file.h) its next piece.
 * @return 0 or -errno, which the read then gives. May sleep.
 */
typedef int (*seq_generate_fn)(struct seq_file *m, struct file *f);

/** For open methods. @return 0 or -ENOMEM */
int __must_check seq_open(struct file *f, seq_generate_fn generate);
/** The same, with seq_file.private set. */
int __must_check seq_open_private(struct file *f, seq_generate_fn generate, void *private);
void seq_release(struct file *f);
/**
 * Reading from offset 0 makes the text anew; any other offset is one in the
 * text that was made last, so that reading in small pieces gives one text.
 */
s64 seq_read(struct file *f, struct uio *uio, u64 *pos);
/** Any offset but one relative to the end, which is unknown. */
s64 __must_check seq_llseek(struct file *f, s64 off, int whence);
/** For poll methods: how often @p source had changed when the file was opened or last said so. @return has it changed since? */
bool seq_poll_changed(struct file *f, struct change_source *source, struct poll_table *table);
/** After seq_open(): from here on changes are told. */
void seq_poll_start(struct file *f, struct change_source *source);
/** A copy of all that is written, NUL-terminated, to be freed; at most a page. @return length, -EINVAL, -ENOMEM, -EFAULT */
s64 __must_check seq_copy_written(struct uio *uio, char **out);
/** The number that was written, blanks and a newline around it allowed. @return 0 or -EINVAL */
int __must_check seq_parse_number(char *text, s64 *out);
