/* SPDX-License-Identifier: MIT */
/** @file exec.h  What the files of execve() share. */
#pragma once
#include "elf_image.h"
#include "exec_stack.h"
#include "internal.h"
#include "script_line.h"

#define EXEC_STRING_MAX 131072u /* one argument, with its NUL */
#define EXEC_HEAD	1024u	/* bytes of a file that are looked at first */

/** Arguments and environment: one block of strings, and the offset of each. */
struct exec_args {
	char *buf;
	u32 used, size;
	u32 *offsets;
	u32 nr, room;
	u32 argc, envc;
	u64 limit; /* bytes, with a pointer for each string */
};

/** A vector of strings, in user memory, or in the kernel (for the first process). */
struct exec_vector {
	bool is_user;
	u64 user;
	const char *const *kernel;
};

/** @brief An empty block. exec_args_free() frees it, after an error, too. @return 0 or -ENOMEM */
int __must_check exec_args_init(struct exec_args *args);
/** @brief Free the block and the offsets. */
void exec_args_free(struct exec_args *args);
/** @brief Append copies of all strings of a vector. @return strings added, -EFAULT, -E2BIG, -ENOMEM, -EINTR */
s64 __must_check exec_args_add_vector(struct exec_args *args, const struct exec_vector *vector);
/** @brief Append a copy of a string of the kernel. @return 0, -E2BIG, -ENOMEM */
int __must_check exec_args_add(struct exec_args *args, const char *string);
/** @brief Replace the first string, if there is one, by @p nr_strings others. @return 0, -E2BIG, -ENOMEM */
int __must_check exec_args_replace_first(struct exec_args *args, const char *const *strings,
					 u32 nr_strings);

/** A file that is executed: the program, or its interpreter. */
struct exec_file {
	struct file *file; /* counted, and file_deny_write() */
	u64 *head;	   /* EXEC_HEAD bytes */
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
	bool secure;		/* AT_SECURE: the program has more privileges than its caller */
	bool unreadable;	/* the caller may execute the file, but not read it */
	u64 entry, sp;
	u64 heads[2][EXEC_HEAD / 8]; /* last: not cleared */
};

/** @brief Open a file for execution. @return 0; -ETXTBSY: it is open for writing; or why it cannot be opened */
int __must_check exec_file_open(struct exec_file *image, int dirfd, const char *path, u32 at_flags);
/** @brief Read the first EXEC_HEAD bytes of an open file. @return 0 or an error of reading */
int __must_check exec_file_read_head(struct exec_file *image);
/** @brief Check the headers of an ELF file, whose head has been read. @return 0, -ENOEXEC, -EINVAL, -ENOMEM, or an error of reading */
int __must_check exec_file_check(struct exec_file *image);
/** @brief Close the file, if it is open, and free its headers. */
void exec_file_close(struct exec_file *image);
/** @brief Make the new address space: segments, interpreter, vDSO, heap, stack with its contents. @return 0 or -errno */
int __must_check exec_build_space(struct exec *exec);
/** @brief execve() fails with ENOEXEC: if the file is ELF, log for which system it is, and remember it for the next call. */

void exec_note_refused(struct exec *exec);
/**
 * @brief Does a shell try to run the file that was refused just before as a script? It gets ENOEXEC again.
 * Call it when the arguments are collected.
 */
bool exec_is_refused_script(const struct exec *exec);
