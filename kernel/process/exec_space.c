// SPDX-License-Identifier: MIT
/*
 * execve(): the new program's address space.
 *
  * It is built completely, with its stack, while the old program still exists: a failure
 * is an error of execve(), not the end of the process. So
 * memory of the new space is written through vm_space_access().
 *
 * An ET_EXEC image is mapped at the addresses in the file; an ET_DYN one (static-pie, or a program
 * with an interpreter) at two thirds of the user half, plus a random distance; an
 * interpreter where other mappings are placed.
 */
#include "exec.h"
#include <asm/cpu.h>
#include <asm/sigframe.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/random.h>
#include <kernel/uaccess.h>
#include <kernel/vdso.h>
#include <kernel/vm.h>
#include <uapi/auxvec.h>
#include <uapi/fcntl.h>
#include <uapi/mman.h>
#include <uapi/personality.h>
#include <uapi/times.h>

#define MOVABLE_BASE  0x555555554000ull
#define MOVABLE_PAGES (1ull << 28) /* random distance, pages */
#define HEAP_PAGES    0x2000ull	   /* random distance behind the image */
#define STACK_FIRST   (128u << 10) /* below the initial contents */

/* ---- files ---- */

int exec_file_open(struct exec_file *image, int dirfd, const char *path, u32 at_flags)
{
	struct file *file = file_open_exec(dirfd, path, at_flags);
	int err;

	if (IS_ERR(file))
		return (int)PTR_ERR(file);
	err = file_deny_write(file);
	if (err) {
		file_put(file);
		return err;
	}
	image->file = file;
	return 0;
}

int exec_file_read_head(struct exec_file *image)
{
	u64 pos = 0;
	s64 result = file_read_kernel(image->file, image->head, EXEC_HEAD, &pos);

	if (result < 0)
		return (int)result;
	image->head_len = (u32)result;
	return 0;
}

static int exec_read_exactly(struct file *file, void *buf, u64 len, u64 pos)
{
	s64 result = file_read_kernel(file, buf, len, &pos);

	if (result < 0)
		return (int)result;
	if ((u64)result != len)
		return -EIO;
	return 0;
}

int exec_file_check(struct exec_file *image)
{
	const struct elf_limits limits = { USER_BASE, USER_END };
	const Elf64_Phdr *phdrs;
	u64 off;
	u32 nr;
	int err = elf_header_check(image->head, image->head_len, &off, &nr);

	if (err)
		return err;
	if (off % 8 == 0 && off + nr * sizeof(*phdrs) <= image->head_len) {
		phdrs = (const void *)((const u8 *)image->head + off);
	} else {
		image->phdrs = kvzalloc(nr * sizeof(*phdrs));
		if (!image->phdrs)
			return -ENOMEM;
		err = exec_read_exactly(image->file, image->phdrs, nr * sizeof(*phdrs), off);
		if (err == -EIO)
			return -ENOEXEC;
		if (err)
			return err;
		phdrs = image->phdrs;
	}
	return elf_image_check((const Elf64_Ehdr *)image->head, phdrs, nr, &limits, &image->elf);
}

void exec_file_close(struct exec_file *image)
{
	if (image->file) {
		file_allow_write(image->file);
		file_put(image->file);
	}
	kvfree(image->phdrs);
	image->file = NULL;
	image->phdrs = NULL;
}

/* ---- segments ---- */

/* Does the file end before the last page that is mapped of it? Then there is nothing to clear. */
static bool mapping_ends_before(const struct exec_file *image, const struct elf_mapping *mapping)
{
	return mapping->file_offset + mapping->file_len - PAGE_SIZE >=
	       READ_ONCE(image->file->inode->size);
}

static int exec_map_segment(struct exec *exec, struct exec_file *image, const Elf64_Phdr *segment)
{
	struct elf_mapping mapping;
	s64 result = 0;

	elf_segment_mapping(segment, &mapping);
	if (mapping.file_len)
		result = vm_map(exec->space, image->bias + mapping.start, mapping.file_len,
				mapping.prot, MAP_PRIVATE | MAP_FIXED, image->file,
				mapping.file_offset);
	if (result >= 0 && mapping.anon_len)
		result = vm_map(exec->space, image->bias + mapping.anon_start, mapping.anon_len,
				mapping.anon_prot, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, NULL,
				0);
	if (result < 0)
		return (int)result;
	if (mapping.zero_len && !mapping_ends_before(image, &mapping) &&
	    vm_space_access(exec->space, image->bias + mapping.zero_start, NULL, mapping.zero_len,
			    true) != mapping.zero_len)
		return -EFAULT;
	return 0;
}

static int exec_map_segments(struct exec *exec, struct exec_file *image)
{
	for (u32 i = 0; i < image->elf.nr_phdrs; i++) {
		const Elf64_Phdr *segment = &image->elf.phdrs[i];
		int err;

		if (segment->p_type != PT_LOAD)
			continue;
		err = exec_map_segment(exec, image, segment);
		if (err)
			return err;
	}
	return 0;
}

/* Choose the address of an ET_DYN image. @return 0; -ENOMEM: there is no space */
static int exec_place_movable(struct exec *exec, struct exec_file *image, bool is_interp)
{
	u64 size = image->elf.high - image->elf.low, align = image->elf.align, base;
	s64 result;

	if (align > USER_END / 4)
		align = PAGE_SIZE; /* no such address: the alignment is ignored, as on Linux */
	if (!is_interp) {
		base = (MOVABLE_BASE + vm_random_offset(MOVABLE_PAGES)) & ~(align - 1);
		if (base < USER_BASE || size > USER_END - base)
			return -ENOMEM;
	} else {
		/* No other thread uses this space: the range stays free. */
		result = vm_map(exec->space, 0, size + align, PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, NULL, 0);
		if (result < 0)
			return (int)result;
		if (vm_unmap(exec->space, (u64)result, size + align))
			return -ENOMEM;
		base = ALIGN_UP((u64)result, align);
	}
	image->bias = base - image->elf.low;
	return 0;
}

static int exec_load_file(struct exec *exec, struct exec_file *image, bool is_interp)
{
	int err = 0;

	if (image->elf.is_movable && image->elf.high)
		err = exec_place_movable(exec, image, is_interp);
	if (!err)
		err = exec_map_segments(exec, image);
	return err;
}

/* @return the interpreter's name, to be freed, or ERR_PTR */
static char *exec_interp_name(struct exec *exec)
{
	const struct elf_image *elf = &exec->program.elf;
	char *name;
	int err;

	if (elf->interp_size < 2 || elf->interp_size > ELF_INTERP_MAX)
		return ERR_PTR(-ENOEXEC);
	if (elf->interp_offset > INT64_MAX - ELF_INTERP_MAX)
		return ERR_PTR(-EINVAL);
	name = kmalloc(elf->interp_size);
	if (!name)
		return ERR_PTR(-ENOMEM);
	err = exec_read_exactly(exec->program.file, name, elf->interp_size, elf->interp_offset);
	if (!err && name[elf->interp_size - 1])
		err = -ENOEXEC;
	if (!err && !name[0])
		err = -EACCES; /* an empty name, which is the working directory, as on Linux */
	if (!err)
		return name;
	kfree(name);
	return ERR_PTR(err);
}

static int exec_open_interp(struct exec *exec)
{
	char *name = exec_interp_name(exec);
	int err;

	if (IS_ERR(name))
		return (int)PTR_ERR(name);
	err = exec_file_open(&exec->interp, AT_FDCWD, name, 0);
	kfree(name);
	if (err)
		return err;
	err = exec_file_read_head(&exec->interp);
	if (!err && exec->interp.head_len < sizeof(Elf64_Ehdr))
		return -EIO;
	if (!err)
		err = exec_file_check(&exec->interp);
	if (!err && !exec->interp.elf.high)
		err = -EINVAL; /* no segments */
	/* Linux's error for a broken interpreter; not ENOEXEC, which a shell takes for a script. */
	if (err == -ENOEXEC || err == -EINVAL)
		return -ELIBBAD;
	return err;
}

/* ---- the stack ---- */

static u32 exec_fill_aux(const struct exec *exec, const struct exec_stack *stack, u64 execfn,
			 u64 *aux)
{
	const struct elf_image *elf = &exec->program.elf;
	u64 bias = exec->program.bias;
	u64 *cursor = aux;

#define AUX(tag, value)                   \
	do {                              \
		*cursor++ = (tag);        \
		*cursor++ = (u64)(value); \
	} while (0)
	if (exec->space->vdso)
		AUX(AT_SYSINFO_EHDR, exec->space->vdso);
	AUX(AT_HWCAP, cpu_hwcap());
	AUX(AT_PAGESZ, PAGE_SIZE);
	AUX(AT_CLKTCK, USER_HZ);
	AUX(AT_PHDR, elf->phdr_addr ? elf->phdr_addr + bias : 0);
	AUX(AT_PHENT, sizeof(Elf64_Phdr));
	AUX(AT_PHNUM, elf->nr_phdrs);
	AUX(AT_BASE, exec->interp.file ? exec->interp.bias + exec->interp.elf.low : 0);
	AUX(AT_FLAGS, 0);
	AUX(AT_ENTRY, elf->entry + bias);
	AUX(AT_UID, exec->cred->uid);
	AUX(AT_EUID, exec->cred->euid);
	AUX(AT_GID, exec->cred->gid);
	AUX(AT_EGID, exec->cred->egid);
	AUX(AT_SECURE, exec->secure);
	AUX(AT_RANDOM, stack->random);
	AUX(AT_HWCAP2, 0);
	AUX(AT_MINSIGSTKSZ, arch_sigframe_max_size());
	AUX(AT_EXECFN, execfn);
	AUX(AT_PLATFORM, stack->platform);
	AUX(AT_NULL, 0);
#undef AUX
	return (u32)(cursor - aux) / 2;
}

static int exec_write_stack(struct exec *exec, const struct exec_stack *stack, const u64 *aux)
{
	struct vm_space *space = exec->space;
	u8 random[EXEC_RANDOM_BYTES];
	void *image = kvzalloc(stack->image_bytes);
	int err = -ENOMEM;

	if (!image)
		return -ENOMEM;
	random_bytes(random, sizeof(random));
	exec_stack_build(stack, image, exec->args.offsets, aux, random);
	if (vm_space_access(space, stack->strings, exec->args.buf, stack->string_bytes, true) ==
		    stack->string_bytes &&
	    vm_space_access(space, stack->sp, image, stack->image_bytes, true) ==
		    stack->image_bytes)
		err = 0;
	kvfree(image);
	return err;
}

static int exec_place_stack(struct exec *exec, u64 execfn_offset)
{
	u64 room = MAX(current->proc ? current_limit(RLIMIT_STACK) : STACK_FIRST * 2,
		       2ull * STACK_FIRST);
	u64 aux[2 * EXEC_AUX_MAX], top = exec->space->stack_top, env_offset;
	const struct exec_args *args = &exec->args;
	struct vm_space *space = exec->space;
	struct exec_stack stack = { .argc = args->argc,
				    .envc = args->envc,
				    .string_bytes = args->used };
	s64 result;

	/* The number of pairs does not depend on the addresses. */
	stack.nr_aux = exec_fill_aux(exec, &stack, 0, aux);
	if (!exec_stack_plan(&stack, top, MIN(room, top)))
		return -E2BIG;
	exec_fill_aux(exec, &stack, stack.strings + execfn_offset, aux);
	result = vm_map_stack(space, PAGE_ALIGN(top - stack.sp) + STACK_FIRST,
			      PROT_READ | PROT_WRITE |
				      (exec->program.elf.wants_exec_stack ? PROT_EXEC : 0));
	if (result < 0)
		return (int)result;
	env_offset = args->envc ? args->offsets[args->argc] : execfn_offset;
	space->arg_start = stack.strings;
	space->arg_end = space->env_start = stack.strings + env_offset;
	space->env_end = stack.strings + execfn_offset;
	space->auxv_len = 2 * stack.nr_aux;
	memcpy(space->saved_auxv, aux, 16 * (u64)stack.nr_aux);
	exec->sp = stack.sp;
	return exec_write_stack(exec, &stack, aux);
}

/* ---- all of it ---- */

static int exec_note_layout(struct exec *exec)
{
	const struct elf_image *elf = &exec->program.elf;
	struct vm_space *space = exec->space;
	u64 bias = exec->program.bias;

	file_get(exec->program.file);
	/* as long as the program runs; it is denied already, so this cannot fail */
	(void)file_deny_write(exec->program.file);
	space->exe = exec->program.file;
	space->code_start = elf->code_start + bias;
	space->code_end = elf->code_end + bias;
	space->data_start = elf->data_start + bias;
	space->data_end = elf->data_end + bias;
	space->brk_start =
		MAX(PAGE_ALIGN(elf->brk + bias), USER_BASE) + vm_random_offset(HEAP_PAGES);
	space->brk = space->brk_start;
	exec->entry = elf->entry + bias;
	if (exec->interp.file)
		exec->entry = exec->interp.elf.entry + exec->interp.bias;
	if (exec->entry >= USER_END)
		return -EINVAL;
	return 0;
}

int exec_build_space(struct exec *exec)
{
	u64 execfn_offset = exec->args.used;
	int err;

	if (exec->program.elf.has_interp) {
		err = exec_open_interp(exec);
		if (err)
			return err;
	}
	err = exec_args_add(&exec->args, exec->path);
	if (err)
		return err;
	exec->space = vm_space_create();
	if (!exec->space)
		return -ENOMEM;
	err = exec_load_file(exec, &exec->program, false);
	if (!err && exec->interp.file)
		err = exec_load_file(exec, &exec->interp, true);
	if (err)
		return err;
	exec->space->vdso = vdso_map(exec->space);
	err = exec_note_layout(exec);
	if (err)
		return err;
	return exec_place_stack(exec, execfn_offset);
}
