/* SPDX-License-Identifier: MIT */
/** @file exec.h  What the files of execve() share. */
#pragma once
#include "elf_image.h"
#include "exec_stack.h"
#include "internal.h"
#include "script_line.h"

#define EXEC_STRING_MAX 131072u /* one argument, with its NUL */
#define EXEC_HEAD	1024u	/* bytes of a file that are looked at first */

/** Arguments and environment: one block of strings, and where each begins. */
struct exec_args {
	char *buf;
	u32 used, size;
	u32 *offsets;
	u32 nr, room;
	u32 argc, envc;
	u64 limit; /* bytes, with a pointer for each string */
};

/** A vector of strings: in user memory, or the kernel's own (the first process). */
struct exec_vector {
	bool is_user;
	u64 user;
	const char *const *kernel;
};

int __must_check exec_args_init(struct exec_args *args);
void exec_args_free(struct exec_args *args);
/** @return strings added, -EFAULT, -E2BIG, -ENOMEM, -EINTR */
s64 __must_check exec_args_add_vector(struct exec_args *args, const struct exec_vector *vector);
int __must_check exec_args_add(struct exec_args *args, const char *string);
/** @brief Put @p nr_strings strings in the place of the first one (there may be none). */
int __must_check exec_args_replace_first(struct exec_args *args, const char *const *strings,
					 u32 nr_strings);

/** One program file: the one called, or its interpreter. */
struct exec_file {
	struct file *file; /* counted, and file_deny_write() */
	u64 head[EXEC_HEAD / 8];
	u32 head_len;
	struct elf_image elf;
	Elf64_Phdr *phdrs; /* allocated; NULL: within head */
	u64 bias;	   /* added to the file's addresses */
};

struct exec {
	const char *path; /* as called: name of the program, AT_EXECFN */
	struct exec_args args;
	struct exec_file program, interp;
	struct vm_space *space; /* the new one */
	struct cred *cred;	/* the new ones */
	bool secure;		/* AT_SECURE: the program has more power than its caller */
	bool unreadable;	/* the caller may run it, but not read it */
	u64 entry, sp;
};

/** @brief Open what is to be run. @return 0, -ETXTBSY: somebody writes to it, or why not */
int __must_check exec_file_open(struct exec_file *image, int dirfd, const char *path, u32 at_flags);
/** @brief Read the head of @p image->file and check it as ELF. */
int exec_file_read_head(struct exec_file *image);
int __must_check exec_file_check(struct exec_file *image);
void exec_file_close(struct exec_file *image);
/** @brief Make the new space: segments, interpreter, vDSO, heap, stack with all that is on it. */
int __must_check exec_build_space(struct exec *exec);
/** @brief execve() is about to fail with ENOEXEC: if it is about an ELF file, say so in the log and remember it. */
void exec_note_refused(struct exec *exec);
/** @brief Arguments are collected: are they a shell and the file that was refused just before? Then ENOEXEC again. */
bool exec_is_refused_script(const struct exec *exec);
