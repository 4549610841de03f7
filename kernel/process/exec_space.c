// SPDX-License-Identifier: MIT
/*
 * execve(): the new program's address space.
 *
 * Built complete, stack and all, while the old program still stands: whatever
 * goes wrong is an error of execve(), not the end of the process. That is why
 * memory of the new space is written through vm_space_access().
 *
 * An ET_EXEC image goes where it says; an ET_DYN one (static-pie, or a program
 * with an interpreter) two thirds up the user half, at a random distance; an
 * interpreter where mappings go.
 */
#include "exec.h"
#include <asm/cpu.h>
#include <kernel/fs.h>
#include <kernel/random.h>
#include <kernel/vdso.h>
#include <kernel/vm.h>
#include <uapi/auxvec.h>
#include <uapi/mman.h>
#include <uapi/personality.h>
#include <uapi/times.h>

#define MOVABLE_BASE  0x555555554000ull
#define MOVABLE_PAGES (1ull << 28) /* random distance, pages */
#define HEAP_PAGES    0x2000ull	   /* random distance behind the image */
#define STACK_FIRST   (128u << 10) /* below what is on it from the start */

/* ---- files ---- */

int exec_file_open(struct exec_file *f, int dirfd, const char *path, u32 at_flags)
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
	f->file = file;
	return 0;
}

int exec_file_read_head(struct exec_file *f)
{
	u64 pos = 0;
	s64 n = file_read_kernel(f->file, f->head, sizeof(f->head), &pos);

	if (n < 0)
		return (int)n;
	f->head_len = (u32)n;
	return 0;
}

static int read_exactly(struct file *file, void *buf, u64 len, u64 pos)
{
	s64 n = file_read_kernel(file, buf, len, &pos);

	if (n < 0)
		return (int)n;
	return (u64)n == len ? 0 : -EIO;
}

int exec_file_check(struct exec_file *f)
{
	const struct elf_limits limits = { USER_BASE, USER_END };
	const Elf64_Phdr *phdrs;
	u64 off;
	u32 nr;
	int err = elf_header_check(f->head, f->head_len, &off, &nr);

	if (err)
		return err;
	if (off % 8 == 0 && off + nr * sizeof(*phdrs) <= f->head_len) {
		phdrs = (const void *)((const u8 *)f->head + off);
	} else {
		f->phdrs = kvzalloc(nr * sizeof(*phdrs));
		if (!f->phdrs)
			return -ENOMEM;
		err = read_exactly(f->file, f->phdrs, nr * sizeof(*phdrs), off);
		if (err)
			return err == -EIO ? -ENOEXEC : err;
		phdrs = f->phdrs;
	}
	return elf_image_check((const Elf64_Ehdr *)f->head, phdrs, nr, &limits, &f->elf);
}

void exec_file_close(struct exec_file *f)
{
	if (f->file) {
		file_allow_write(f->file);
		file_put(f->file);
	}
	kvfree(f->phdrs);
	f->file = NULL;
	f->phdrs = NULL;
}

/* ---- segments ---- */

/* Does the file end in front of the last page that is mapped of it? Then there is nothing to clear. */
static bool ends_before(const struct exec_file *f, const struct elf_mapping *m)
{
	return m->file_offset + m->file_len - PAGE_SIZE >= READ_ONCE(f->file->inode->size);
}

static int clear_tail(struct vm_space *space, u64 start, u64 len)
{
	static const u8 zeroes[256];

	while (len) {
		u64 n = MIN(len, (u64)sizeof(zeroes));

		if (vm_space_access(space, start, (void *)zeroes, n, true) != n)
			return -EFAULT;
		start += n;
		len -= n;
	}
	return 0;
}

static int map_segment(struct exec *e, struct exec_file *f, const Elf64_Phdr *ph)
{
	struct elf_mapping m;
	s64 r = 0;

	elf_segment_mapping(ph, &m);
	if (m.file_len)
		r = vm_map(e->space, f->bias + m.start, m.file_len, m.prot, MAP_PRIVATE | MAP_FIXED,
			   f->file, m.file_offset);
	if (r >= 0 && m.anon_len)
		r = vm_map(e->space, f->bias + m.anon_start, m.anon_len, m.anon_prot,
			   MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, NULL, 0);
	if (r < 0)
		return (int)r;
	if (m.zero_len && !ends_before(f, &m))
		return clear_tail(e->space, f->bias + m.zero_start, m.zero_len);
	return 0;
}

static int map_segments(struct exec *e, struct exec_file *f)
{
	for (u32 i = 0; i < f->elf.nr_phdrs; i++) {
		const Elf64_Phdr *ph = &f->elf.phdrs[i];
		int err;

		if (ph->p_type != PT_LOAD)
			continue;
		err = map_segment(e, f, ph);
		if (err)
			return err;
	}
	return 0;
}

/* Where an ET_DYN image goes. @return -ENOMEM: nowhere */
static int place_movable(struct exec *e, struct exec_file *f, bool is_interp)
{
	u64 size = f->elf.high - f->elf.low, align = f->elf.align, base;
	s64 r;

	if (align > USER_END / 4)
		align = PAGE_SIZE; /* no such place: taken for a whim, as Linux does */
	if (!is_interp) {
		base = (MOVABLE_BASE + vm_random_offset(MOVABLE_PAGES)) & ~(align - 1);
		if (base < USER_BASE || size > USER_END - base)
			return -ENOMEM;
	} else {
		/* Nobody else is in this space: what was free stays free. */
		r = vm_map(e->space, 0, size + align, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, NULL, 0);
		if (r < 0)
			return (int)r;
		if (vm_unmap(e->space, (u64)r, size + align))
			return -ENOMEM;
		base = ALIGN_UP((u64)r, align);
	}
	f->bias = base - f->elf.low;
	return 0;
}

static int load(struct exec *e, struct exec_file *f, bool is_interp)
{
	int err = 0;

	if (f->elf.is_movable && f->elf.high)
		err = place_movable(e, f, is_interp);
	if (!err)
		err = map_segments(e, f);
	return err;
}

/* @return the interpreter's name, to be freed, or ERR_PTR */
static char *interp_name(struct exec *e)
{
	const struct elf_image *elf = &e->program.elf;
	char *name;
	int err;

	if (elf->interp_size < 2 || elf->interp_size > ELF_INTERP_MAX)
		return ERR_PTR(-ENOEXEC);
	if (elf->interp_offset > INT64_MAX - ELF_INTERP_MAX)
		return ERR_PTR(-EINVAL);
	name = kmalloc(elf->interp_size);
	if (!name)
		return ERR_PTR(-ENOMEM);
	err = read_exactly(e->program.file, name, elf->interp_size, elf->interp_offset);
	if (!err && name[elf->interp_size - 1])
		err = -ENOEXEC;
	if (!err && !name[0])
		err = -EACCES; /* the working directory, as Linux reads it */
	if (!err)
		return name;
	kfree(name);
	return ERR_PTR(err);
}

static int open_interp(struct exec *e)
{
	char *name = interp_name(e);
	int err;

	if (IS_ERR(name))
		return (int)PTR_ERR(name);
	err = exec_file_open(&e->interp, AT_FDCWD, name, 0);
	kfree(name);
	if (err)
		return err;
	err = exec_file_read_head(&e->interp);
	if (!err && e->interp.head_len < sizeof(Elf64_Ehdr))
		return -EIO;
	if (!err)
		err = exec_file_check(&e->interp);
	if (!err && !e->interp.elf.high)
		err = -EINVAL; /* no segments */
	/* Linux's word for a broken interpreter; not ENOEXEC, which a shell takes for a script. */
	return err == -ENOEXEC || err == -EINVAL ? -ELIBBAD : err;
}

/* ---- the stack ---- */

static u32 fill_aux(const struct exec *e, const struct exec_stack *s, u64 execfn, u64 *aux)
{
	const struct elf_image *elf = &e->program.elf;
	u64 bias = e->program.bias;
	u64 *w = aux;

#define AUX(tag, value)              \
	do {                         \
		*w++ = (tag);        \
		*w++ = (u64)(value); \
	} while (0)
	if (e->space->vdso)
		AUX(AT_SYSINFO_EHDR, e->space->vdso);
	AUX(AT_HWCAP, cpu_features.hwcap);
	AUX(AT_PAGESZ, PAGE_SIZE);
	AUX(AT_CLKTCK, USER_HZ);
	AUX(AT_PHDR, elf->phdr_addr ? elf->phdr_addr + bias : 0);
	AUX(AT_PHENT, sizeof(Elf64_Phdr));
	AUX(AT_PHNUM, elf->nr_phdrs);
	AUX(AT_BASE, e->interp.file ? e->interp.bias + e->interp.elf.low : 0);
	AUX(AT_FLAGS, 0);
	AUX(AT_ENTRY, elf->entry + bias);
	AUX(AT_UID, e->cred->uid);
	AUX(AT_EUID, e->cred->euid);
	AUX(AT_GID, e->cred->gid);
	AUX(AT_EGID, e->cred->egid);
	AUX(AT_SECURE, e->secure);
	AUX(AT_RANDOM, s->random);
	AUX(AT_HWCAP2, 0);
	AUX(AT_MINSIGSTKSZ, sigframe_max_size());
	AUX(AT_EXECFN, execfn);
	AUX(AT_PLATFORM, s->platform);
	AUX(AT_NULL, 0);
#undef AUX
	return (u32)(w - aux) / 2;
}

static int write_stack(struct exec *e, const struct exec_stack *s, const u64 *aux)
{
	struct vm_space *space = e->space;
	u8 random[EXEC_RANDOM_BYTES];
	void *image = kvzalloc(s->image_bytes);
	int err = -ENOMEM;

	if (!image)
		return -ENOMEM;
	random_bytes(random, sizeof(random));
	exec_stack_build(s, image, e->args.offsets, aux, random);
	if (vm_space_access(space, s->strings, e->args.buf, s->string_bytes, true) ==
		    s->string_bytes &&
	    vm_space_access(space, s->sp, image, s->image_bytes, true) == s->image_bytes)
		err = 0;
	kvfree(image);
	return err;
}

static int build_stack(struct exec *e, u64 execfn_offset)
{
	u64 room = MAX(current->proc ? current_limit(RLIMIT_STACK) : STACK_FIRST * 2,
		       2ull * STACK_FIRST);
	u64 aux[2 * EXEC_AUX_MAX], top = e->space->stack_top, env_offset;
	const struct exec_args *a = &e->args;
	struct vm_space *space = e->space;
	struct exec_stack s = { .argc = a->argc, .envc = a->envc, .string_bytes = a->used };
	s64 r;

	/* The number of pairs does not depend on the addresses. */
	s.nr_aux = fill_aux(e, &s, 0, aux);
	if (!exec_stack_plan(&s, top, MIN(room, top)))
		return -E2BIG;
	fill_aux(e, &s, s.strings + execfn_offset, aux);
	r = vm_map_stack(space, PAGE_ALIGN(top - s.sp) + STACK_FIRST,
			 PROT_READ | PROT_WRITE |
				 (e->program.elf.wants_exec_stack ? PROT_EXEC : 0));
	if (r < 0)
		return (int)r;
	env_offset = a->envc ? a->offsets[a->argc] : execfn_offset;
	space->arg_start = s.strings;
	space->arg_end = space->env_start = s.strings + env_offset;
	space->env_end = s.strings + execfn_offset;
	space->auxv_len = 2 * s.nr_aux;
	memcpy(space->saved_auxv, aux, 16 * (u64)s.nr_aux);
	e->sp = s.sp;
	return write_stack(e, &s, aux);
}

/* ---- all of it ---- */

static int note_layout(struct exec *e)
{
	const struct elf_image *elf = &e->program.elf;
	struct vm_space *space = e->space;
	u64 bias = e->program.bias;

	file_get(e->program.file);
	(void)file_deny_write(e->program.file); /* as long as it runs; denied already for now */
	space->exe = e->program.file;
	space->code_start = elf->code_start + bias;
	space->code_end = elf->code_end + bias;
	space->data_start = elf->data_start + bias;
	space->data_end = elf->data_end + bias;
	space->brk_start =
		MAX(PAGE_ALIGN(elf->brk + bias), USER_BASE) + vm_random_offset(HEAP_PAGES);
	space->brk = space->brk_start;
	e->entry = elf->entry + bias;
	if (e->interp.file)
		e->entry = e->interp.elf.entry + e->interp.bias;
	return e->entry < USER_END ? 0 : -EINVAL;
}

int exec_build_space(struct exec *e)
{
	u64 execfn_offset = e->args.used;
	int err;

	if (e->program.elf.has_interp) {
		err = open_interp(e);
		if (err)
			return err;
	}
	err = exec_args_add(&e->args, e->path);
	if (err)
		return err;
	e->space = vm_space_create();
	if (!e->space)
		return -ENOMEM;
	err = load(e, &e->program, false);
	if (!err && e->interp.file)
		err = load(e, &e->interp, true);
	if (err)
		return err;
	e->space->vdso = vdso_map(e->space);
	err = note_layout(e);
	if (err)
		return err;
	return build_stack(e, execfn_offset);
}
