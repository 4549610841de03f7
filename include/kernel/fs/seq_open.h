/* SPDX-License-Identifier: MIT */
/** @file seq_open.h  Open files whose text is made when it is read. */
#pragma once
#include <kernel/seq_file.h>

struct change_source;
struct file;
struct poll_table;
struct uio;

/**
 * @brief Make the text, or (see seq_file.h) its next piece. May sleep.
 * @return 0 or -errno, which the read then returns
 */
typedef int (*seq_generate_fn)(struct seq_file *seq, struct file *f);

/** @brief Prepare a file for seq_read(); for open methods. @return 0 or -ENOMEM */
int __must_check seq_open(struct file *f, seq_generate_fn generate);
/** @brief The same, with seq_file.private set. */
int __must_check seq_open_private(struct file *f, seq_generate_fn generate, void *private);
void seq_release(struct file *f);
/**
 * @brief For read methods.
 *
 * A read at offset 0 makes the text again. Any other offset is one in the text
 * that was made last, so that reads in small pieces return one text.
 */
s64 seq_read(struct file *f, struct uio *uio, u64 *pos);
/** @brief For llseek methods: any offset but one relative to the end, which is unknown. */
s64 __must_check seq_llseek(struct file *f, s64 off, int whence);
/** @brief For poll methods. @return true: @p source has changed since the file was opened or this last returned true */
bool seq_poll_changed(struct file *f, struct change_source *source, struct poll_table *table);
/** @brief After seq_open(): count changes of @p source from here on, for seq_poll_changed(). */
void seq_poll_start(struct file *f, struct change_source *source);
/** @brief Copy all that is written, NUL-terminated; the caller frees it. @return length, -EINVAL: more than a page, -ENOMEM, -EFAULT */
s64 __must_check seq_copy_written(struct uio *uio, char **out);
/** @brief Parse a number, with blanks and a newline around it allowed. @return 0 or -EINVAL */
int __must_check seq_parse_number(char *text, s64 *out);
