/* SPDX-License-Identifier: MIT */
/*
 * Programs as files: ordinary ones, odd ones that run all the same, and what is refused, with which
 * error. Files are made here, byte by byte. Where Linux notices too late to return from execve(), the
 * process is killed there; here execve() fails, and both will do.
 */
#include "check.h"
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#define PAGE   4096ul
#define BASE   0x400000ul
#define NAME   "an-image"
#define PHDRS  80
#define FAILED 0x10000 /* in a result of run(): execve() gave this error */

static struct {
	union {
		struct {
			Elf64_Ehdr header;
			Elf64_Phdr segments[PHDRS];
		};
		unsigned char bytes[16 * PAGE];
	};
} program;
static unsigned char *code;

static void emit(const char *bytes, size_t count)
{
	memcpy(code, bytes, count);
	code += count;
}
#define EMIT(bytes) emit(bytes, sizeof(bytes) - 1)

static void emit_exit(unsigned char status)
{
	EMIT("\xb8\x3c\0\0\0\xbf"); /* mov eax, 60; mov edi, status */
	*code++ = status;
	EMIT("\0\0\0\x0f\x05"); /* syscall */
}

/* End with the byte at @addr. */
static void emit_exit_with(unsigned long addr)
{
	EMIT("\x48\xb8"); /* mov rax, addr */
	emit((char *)&addr, 8);
	EMIT("\x0f\xb6\x38\xb8\x3c\0\0\0\x0f\x05"); /* movzx edi, byte [rax]; mov eax, 60; syscall */
}

/*
 * Two pages: the headers, and code, which is yet to be emitted. Page n of the rest of the file holds n.
 * One segment, with all that; more are for the test to add with load().
 */
static void image(int type)
{
	unsigned long base = type == ET_EXEC ? BASE : 0;

	memset(&program, 0, sizeof(program));
	for (unsigned count = 2; count < 16; count++)
		memset(program.bytes + count * PAGE, (int)count, PAGE);
	memcpy(program.header.e_ident, ELFMAG "\2\1\1", 7);
	program.header.e_type = (Elf64_Half)type;
	program.header.e_machine = EM_X86_64;
	program.header.e_version = 1;
	program.header.e_phoff = sizeof(program.header);
	program.header.e_ehsize = sizeof(program.header);
	program.header.e_phentsize = sizeof(Elf64_Phdr);
	program.header.e_phnum = 1;
	program.header.e_entry = base + PAGE + 0x800;
	program.segments[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
					    .p_flags = PF_R | PF_X,
					    .p_vaddr = base,
					    .p_filesz = 2 * PAGE,
					    .p_memsz = 2 * PAGE,
					    .p_align = PAGE };
	code = program.bytes + PAGE + 0x800;
}

static Elf64_Phdr *add(unsigned type)
{
	Elf64_Phdr *segment = &program.segments[program.header.e_phnum++];

	*segment = (Elf64_Phdr){ .p_type = type };
	return segment;
}

static Elf64_Phdr *load(unsigned long vaddr, unsigned long offset, unsigned long filesz,
			unsigned long memsz)
{
	Elf64_Phdr *segment = add(PT_LOAD);

	*segment = (Elf64_Phdr){ .p_type = PT_LOAD,
				 .p_flags = PF_R | PF_W,
				 .p_vaddr = vaddr,
				 .p_offset = offset,
				 .p_filesz = filesz,
				 .p_memsz = memsz,
				 .p_align = PAGE };
	return segment;
}

static void write_file(const char *name, const void *data, size_t count)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, data, count), count);
	close(fd);
}

/* Run the first @count bytes. @return wait status, or FAILED | errno of execve() */
static int run(size_t count)
{
	char *argv[] = { NAME, NULL };
	int fds[2], err = 0, status;
	pid_t pid;

	write_file(NAME, &program, count);
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		execve(NAME, argv, argv + 1);
		err = errno;
		write(fds[1], &err, sizeof(err));
		_exit(0);
	}
	close(fds[1]);
	if (read(fds[0], &err, sizeof(err)) != sizeof(err))
		err = 0;
	close(fds[0]);
	status = wait_status(pid);
	unlink(NAME);
	if (err)
		return FAILED | err;
	return status;
}

static bool is_banos(void)
{
	struct utsname names;

	return !uname(&names) && strstr(names.release, "banos");
}

#define ALL	 sizeof(program.bytes)
#define EXITS(n) ((n) << 8)

/* Refused by execve(), or killed before its first instruction. */
static bool does_not_run(size_t count)
{
	int status = run(count);

	return status & FAILED || WIFSIGNALED(status);
}

TEST(plain_programs_run)
{
	image(ET_EXEC);
	emit_exit(7);
	CHECK_EQ(run(ALL), EXITS(7));
	CHECK_EQ(run(2 * PAGE), EXITS(7));
	image(ET_DYN); /* static-pie */
	emit_exit(8);
	CHECK_EQ(run(ALL), EXITS(8));
}

TEST(programs_start_with_all_registers_zero)
{
	image(ET_EXEC);
	EMIT("\x48\x09\xd8\x48\x09\xc8\x48\x09\xd0\x48\x09\xf0"); /* or rax, rbx; rcx; rdx; rsi */
	EMIT("\x48\x09\xf8\x48\x09\xe8\x4c\x09\xc0\x4c\x09\xc8"); /* rdi; rbp; r8; r9 */
	EMIT("\x4c\x09\xd0\x4c\x09\xd8\x4c\x09\xe0\x4c\x09\xe8"); /* r10; r11; r12; r13 */
	EMIT("\x4c\x09\xf0\x4c\x09\xf8\x40\x0f\x95\xc7\x40\x0f\xb6\xff"); /* r14; r15; setne dil */
	EMIT("\xb8\x3c\0\0\0\x0f\x05");					  /* mov eax, 60; syscall */
	CHECK_EQ(run(ALL), EXITS(0));
}

TEST(a_segment_may_lie_behind_the_end_of_the_file)
{
	image(ET_EXEC);
	load(BASE + 8 * PAGE, 4 * PAGE, 8 * PAGE, 8 * PAGE);
	emit_exit(9);
	CHECK_EQ(run(2 * PAGE), EXITS(9));
	CHECK_EQ(run(5 * PAGE + 1), EXITS(9));
	image(ET_EXEC);
	load(BASE + 8 * PAGE, 4 * PAGE, 8 * PAGE, 8 * PAGE);
	emit_exit_with(BASE + 9 * PAGE);
	CHECK_EQ(run(5 * PAGE + 1), EXITS(5));
	image(ET_EXEC);
	load(BASE + 8 * PAGE, 4 * PAGE, 8 * PAGE, 8 * PAGE);
	emit_exit_with(BASE + 9 * PAGE + 1);
	CHECK_EQ(run(5 * PAGE + 1), EXITS(0));
	image(ET_EXEC);
	load(BASE + 8 * PAGE, 4 * PAGE, 8 * PAGE, 8 * PAGE);
	emit_exit_with(BASE + 10 * PAGE);
	CHECK_EQ(run(5 * PAGE + 1), SIGBUS);
	/* zeroes behind bytes that are not there: Linux kills the program for those it fails to write */
	image(ET_EXEC);
	load(BASE + 8 * PAGE, 4 * PAGE, 100, 3 * PAGE);
	emit_exit_with(BASE + 9 * PAGE);
	if (is_banos())
		CHECK_EQ(run(3 * PAGE), EXITS(0));
	/* the code itself */
	image(ET_EXEC);
	emit_exit(9);
	CHECK_EQ(run(PAGE), SIGBUS);
}

TEST(later_segments_lie_above_earlier_ones)
{
	image(ET_EXEC);
	load(BASE + 8 * PAGE, 4 * PAGE, 4 * PAGE, 4 * PAGE);
	load(BASE + 9 * PAGE, 12 * PAGE, PAGE, PAGE);
	emit_exit_with(BASE + 9 * PAGE);
	CHECK_EQ(run(ALL), EXITS(12));
	image(ET_EXEC);
	load(BASE + 8 * PAGE, 4 * PAGE, 4 * PAGE, 4 * PAGE);
	load(BASE + 9 * PAGE, 12 * PAGE, PAGE, PAGE);
	emit_exit_with(BASE + 10 * PAGE);
	CHECK_EQ(run(ALL), EXITS(6));
	/* in any order */
	image(ET_EXEC);
	load(BASE - 4 * PAGE, 5 * PAGE, PAGE, 2 * PAGE);
	emit_exit_with(BASE - 4 * PAGE);
	CHECK_EQ(run(ALL), EXITS(5));
}

TEST(zeroes_follow_what_the_file_has)
{
	static const struct {
		unsigned long at;
		int value;
	} wanted[] = {
		{ 0, 4 }, { 99, 4 }, { 100, 0 }, { PAGE - 1, 0 }, { PAGE, 0 }, { 3 * PAGE - 1, 0 },
	};

	for (unsigned i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		image(ET_EXEC);
		load(BASE + 8 * PAGE, 4 * PAGE, 100, 3 * PAGE);
		emit_exit_with(BASE + 8 * PAGE + wanted[i].at);
		CHECK_EQ(run(ALL), EXITS(wanted[i].value));
	}
}

/* Zeroes alone, from within the page that the data before ends in. */
TEST(zeroes_alone_leave_the_rest_of_their_first_page)
{
	for (int i = !is_banos(); i < 3;
	     i++) { /* later Linuxes than 6.1 put zeroes over the data, too */
		image(ET_EXEC);
		load(BASE + 8 * PAGE, 4 * PAGE, 0x340, 0x340);
		load(BASE + 8 * PAGE + 0x340, 4 * PAGE + 0x340, 0, 2 * PAGE);
		emit_exit_with(BASE + 8 * PAGE + (unsigned long[]){ 0x33f, 0x340, PAGE + 5 }[i]);
		CHECK_EQ(run(ALL), EXITS(i ? 0 : 4));
	}
}

TEST(segments_of_no_length_and_of_odd_alignment)
{
	static const unsigned long aligns[] = { 0,	   1,	      3,	 0x2001,
						1ul << 21, 1ul << 46, 1ul << 63, -1ul };

	image(ET_EXEC);
	load(BASE + 8 * PAGE, 4 * PAGE, 0, 0);
	emit_exit(3);
	CHECK_EQ(run(ALL), EXITS(3));
	for (unsigned i = 0; i < sizeof(aligns) / sizeof(*aligns); i++)
		for (int type = ET_EXEC; type <= ET_DYN; type++) {
			image(type);
			program.segments[0].p_align = aligns[i];
			emit_exit(4);
			CHECK_EQ(run(ALL), EXITS(4));
		}
}

TEST(segments_that_cannot_be)
{
	static const struct {
		unsigned long vaddr, offset, filesz, memsz;
	} bad[] = {
		{ BASE + 8 * PAGE, 4 * PAGE, 2, 1 },
		{ BASE + 8 * PAGE + 1, 4 * PAGE, 1, 1 },
		{ BASE + 8 * PAGE, 4 * PAGE, 1, 1ul << 46 },
		{ BASE + 8 * PAGE, 4 * PAGE, 1, -1ul },
		{ 0x7ffffffff000, 4 * PAGE, 1, 1 },
		{ 0x7fffffffe000, 4 * PAGE, 1, 2 * PAGE },
		{ 0xffff800000000000, 4 * PAGE, 1, 1 },
		{ -PAGE, 4 * PAGE, PAGE, PAGE },
		{ 0, 4 * PAGE, 1, 1 },
		{ PAGE, 4 * PAGE, 1, 1 },
		{ BASE + 8 * PAGE, -PAGE, 1, 1 },
		{ BASE + 8 * PAGE, 1ul << 63, PAGE, PAGE },
		{ BASE + 8 * PAGE, (1ul << 63) - PAGE, PAGE, PAGE },
		{ BASE + 8 * PAGE, 4 * PAGE, 1ul << 62, 1ul << 62 },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (!is_banos() && bad[i].vaddr <= PAGE)
			continue; /* root may */
		image(ET_EXEC);
		load(bad[i].vaddr, bad[i].offset, bad[i].filesz, bad[i].memsz);
		emit_exit(5);
		if (!does_not_run(ALL))
			CHECK_EQ(i, -1);
	}
}

TEST(a_program_without_segments_dies_at_once)
{
	for (int type = ET_EXEC; type <= ET_DYN; type++) {
		image(type);
		program.segments[0].p_type = PT_NOTE;
		CHECK_EQ(run(ALL), SIGSEGV);
	}
	image(ET_EXEC);
	program.header.e_entry = 0xffff800000000000;
	CHECK(does_not_run(ALL));
	program.header.e_entry = 0x10;
	CHECK_EQ(run(ALL), SIGSEGV);
}

TEST(headers_have_their_limits)
{
	image(ET_EXEC);
	emit_exit(6);
	for (int i = 1; i < 73; i++)
		add(PT_NULL);
	CHECK_EQ(program.header.e_phnum, 73);
	CHECK_EQ(run(ALL), EXITS(6));
	program.header.e_phnum = 0;
	CHECK_EQ(run(ALL), FAILED | ENOEXEC);
	program.header.e_phnum = 0xffff;
	CHECK_EQ(run(ALL), FAILED | ENOEXEC);
	image(ET_EXEC);
	emit_exit(6);
	program.header.e_phoff = 100 * PAGE; /* behind the end */
	CHECK_EQ(run(ALL), FAILED | ENOEXEC);
	program.header.e_phoff = -8ul;
	CHECK_EQ(run(ALL), FAILED | ENOEXEC);
	program.header.e_phoff = 3 * PAGE + 1; /* in no segment, and at an odd place */
	memcpy(program.bytes + 3 * PAGE + 1, program.segments, sizeof(program.segments[0]));
	CHECK_EQ(run(ALL), EXITS(6));
	/* class, byte order and versions are not looked at */
	image(ET_EXEC);
	emit_exit(6);
	memset(program.header.e_ident + 4, 0xee, 12);
	program.header.e_version = 77;
	program.header.e_flags = -1u;
	program.header.e_ehsize = 0;
	CHECK_EQ(run(ALL), EXITS(6));
}

static int run_with_interp(const char *interp, unsigned long size)
{
	Elf64_Phdr *segment;

	image(ET_EXEC);
	emit_exit(1);
	segment = add(PT_INTERP);
	segment->p_offset = 3 * PAGE;
	segment->p_filesz = segment->p_memsz = size;
	memset(program.bytes + 3 * PAGE, 0, PAGE);
	memcpy(program.bytes + 3 * PAGE, interp, strlen(interp) + 1);
	return run(ALL);
}

TEST(interpreters)
{
	char path[64];

	mkdir("interps", 0700);
	image(ET_DYN);
	emit_exit(2);
	write_file("interps/good", &program, ALL);
	program.segments[0].p_type = PT_NOTE;
	write_file("interps/empty", &program, ALL);
	image(ET_EXEC);
	program.header.e_machine = EM_386;
	write_file("interps/foreign", &program, ALL);
	write_file("interps/text",
		   "#!/bin/sh\nexit 0\nand more than a header has of bytes, which is 64 of them",
		   74);
	write_file("interps/short", ELFMAG "\2\1\1", 7);
	CHECK_EQ(run_with_interp("interps/good", 13), EXITS(2));
	CHECK_EQ(run_with_interp("interps/good", 12), FAILED | ENOEXEC); /* without its NUL */
	CHECK_EQ(run_with_interp("interps/good", 1), FAILED | ENOEXEC);
	CHECK_EQ(run_with_interp("interps/good", 4097), FAILED | ENOEXEC);
	CHECK_EQ(run_with_interp("interps/none", 13), FAILED | ENOENT);
	CHECK_EQ(run_with_interp("", 2), FAILED | EACCES);
	CHECK_EQ(run_with_interp("interps", 8), FAILED | EACCES);
	CHECK_EQ(run_with_interp("interps/foreign", 16), FAILED | ELIBBAD);
	CHECK_EQ(run_with_interp("interps/text", 13), FAILED | ELIBBAD);
	CHECK_EQ(run_with_interp("interps/short", 14), FAILED | EIO);
	CHECK((run_with_interp("interps/empty", 14) & 0x7f) != 0); /* an error, or killed */
	/* the first one counts; behind the end of the file there is none */
	image(ET_EXEC);
	*add(PT_INTERP) = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = 3 * PAGE, .p_filesz = 13 };
	*add(PT_INTERP) = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = -5, .p_filesz = 1 };
	strcpy((char *)program.bytes + 3 * PAGE, "interps/good");
	CHECK_EQ(run(ALL), EXITS(2));
	CHECK_EQ(run(3 * PAGE + 6), FAILED | EIO);
	for (const char *const *n =
		     (const char *const[]){ "good", "empty", "foreign", "text", "short", NULL };
	     *n; n++) {
		sprintf(path, "interps/%s", *n);
		unlink(path);
	}
	rmdir("interps");
}

/* Code that runs on the stack, or dies. */
TEST(the_stack_is_executable_if_the_program_asks)
{
	for (int i = 0; i < 3; i++) {
		image(ET_EXEC);
		if (i)
			add(PT_GNU_STACK)->p_flags = PF_R | PF_W | (i == 2 ? PF_X : 0);
		EMIT("\x48\x8d\x44\x24\x80\xc6\x00\xc3\xff\xd0"); /* lea rax, [rsp-128]; mov byte [rax], ret; call rax */
		emit_exit(5);
		CHECK_EQ(run(ALL), i == 2 ? EXITS(5) : SIGSEGV);
	}
}

/* What a shell, or execvp(), does with ENOEXEC: run a shell on the file. @return how that ends */
static int run_as_script(char *shell, char *name)
{
	char *direct[] = { NAME, NULL }, *script[] = { name, NAME, NULL };
	pid_t pid = fork();

	if (!pid) {
		close(2);
		open("/dev/null", O_WRONLY);
		execve(NAME, direct, direct + 1);
		if (errno != ENOEXEC)
			_exit(70);
		execve(shell, script, direct + 1);
		_exit(errno == ENOEXEC ? 71 : 72);
	}
	return wait_status(pid);
}

TEST(programs_for_other_machines_are_refused)
{
	static const struct {
		int machine, type, class;
	} foreign[] = {
		{ EM_386, ET_EXEC, 1 },	    { EM_386, ET_DYN, 1 },     { EM_X86_64, ET_EXEC, 1 },
		{ EM_AARCH64, ET_EXEC, 2 }, { EM_RISCV, ET_DYN, 2 },   { EM_ARM, ET_EXEC, 1 },
		{ EM_X86_64, ET_REL, 2 },   { EM_X86_64, ET_CORE, 2 }, { EM_386, ET_EXEC, 2 },
		{ 0xffff, ET_EXEC, 2 },	    { EM_X86_64, 0, 2 },       { EM_X86_64, 0xfe00, 2 },
	};

	for (unsigned i = 0; i < sizeof(foreign) / sizeof(*foreign); i++) {
		image(ET_EXEC);
		emit_exit(1);
		program.header.e_machine = (Elf64_Half)foreign[i].machine;
		program.header.e_type = (Elf64_Half)foreign[i].type;
		program.header.e_ident[EI_CLASS] = (unsigned char)foreign[i].class;
		if (foreign[i].class == 1)
			program.header.e_phentsize = 32;
		CHECK_EQ(run(ALL), FAILED | ENOEXEC);
	}
	/* Cut off anywhere in its header, it is still no script. */
	for (unsigned count = 4; count < sizeof(Elf64_Ehdr); count += 7)
		CHECK_EQ(run(count), FAILED | ENOEXEC);
	if (!is_banos())
		return;
	write_file(NAME, &program, ALL);
	CHECK_EQ(run_as_script("/bin/sh", "sh"), EXITS(71));
	CHECK_EQ(run_as_script("/bin/sh", "/bin/bash"), EXITS(71));
	/* An emulator gets its file, and a script is a script. */
	CHECK_EQ(run_as_script("/bin/true", "true"), EXITS(0));
	write_file(NAME, "exit 17\n", 8);
	CHECK_EQ(run_as_script("/bin/sh", "sh"), EXITS(17));
	unlink(NAME);
}

int main(void)
{
	RUN(plain_programs_run);
	RUN(programs_start_with_all_registers_zero);
	RUN(a_segment_may_lie_behind_the_end_of_the_file);
	RUN(later_segments_lie_above_earlier_ones);
	RUN(zeroes_follow_what_the_file_has);
	RUN(zeroes_alone_leave_the_rest_of_their_first_page);
	RUN(segments_of_no_length_and_of_odd_alignment);
	RUN(segments_that_cannot_be);
	RUN(a_program_without_segments_dies_at_once);
	RUN(headers_have_their_limits);
	RUN(interpreters);
	RUN(the_stack_is_executable_if_the_program_asks);
	RUN(programs_for_other_machines_are_refused);
	return check_done();
}
