// SPDX-License-Identifier: MIT
/*
 * Damaged programs: a small ELF file of two segments, an odd number or byte in its
 * headers, executed in a child. Also scripts with odd first lines, and random code.
 */
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include "fuzz.h"

#define LOAD_ADDRESS 0x400000UL
#define CODE_OFFSET  0x200
#define IMAGE_SIZE   0x1200
#define NR_SEGMENTS  4

struct image {
	Elf64_Ehdr header;
	Elf64_Phdr segments[NR_SEGMENTS];
	uint8_t rest[IMAGE_SIZE - sizeof(Elf64_Ehdr) - NR_SEGMENTS * sizeof(Elf64_Phdr)];
};

static void image_make(struct image *image)
{
	/* getpid, then exit_group(3) */
	static const uint8_t code[] = { 0xb8, 39, 0,	0,   0, 0x0f, 0x05, 0xbf, 3,	0,
					0,    0,  0xb8, 231, 0, 0,    0,    0x0f, 0x05, 0xf4 };

	for (size_t i = 0; i < sizeof(*image); i++)
		((uint8_t *)image)[i] = 0;
	image->header = (Elf64_Ehdr){
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = LOAD_ADDRESS + CODE_OFFSET,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = NR_SEGMENTS,
	};
	image->segments[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
					   .p_flags = PF_R | PF_X,
					   .p_vaddr = LOAD_ADDRESS,
					   .p_filesz = 0x1000,
					   .p_memsz = 0x1000,
					   .p_align = PAGE };
	image->segments[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
					   .p_flags = PF_R | PF_W,
					   .p_offset = 0x1000,
					   .p_vaddr = LOAD_ADDRESS + 0x1000,
					   .p_filesz = 0x200,
					   .p_memsz = 0x3000,
					   .p_align = PAGE };
	image->segments[2] = (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W };
	image->segments[3] = (Elf64_Phdr){ .p_type = PT_NOTE,
					   .p_offset = 0x180,
					   .p_filesz = 0x20,
					   .p_vaddr = LOAD_ADDRESS + 0x180,
					   .p_memsz = 0x20 };
	for (size_t i = 0; i < sizeof(code); i++)
		((uint8_t *)image)[CODE_OFFSET + i] = code[i];
}

static void image_damage(struct worker *worker, struct image *image)
{
	uint8_t *bytes = (uint8_t *)image;
	uint32_t headers = sizeof(image->header) + sizeof(image->segments);

	for (uint32_t i = 0; i <= random_below(&worker->random, 3); i++) {
		uint32_t offset = random_below(&worker->random, headers);

		switch (random_below(&worker->random, 4)) {
		case 0: bytes[offset] ^= (uint8_t)(1 << random_below(&worker->random, 8)); break;
		case 1: *(uint64_t *)(bytes + (offset & ~7u)) = value_of(worker, ANY); break;
		case 2:
			*(uint32_t *)(bytes + (offset & ~3u)) = (uint32_t)value_of(worker, ANY);
			break;
		default:
			image->segments[offset % NR_SEGMENTS].p_type =
				random_below(&worker->random, 8);
			break;
		}
	}
	if (one_in(&worker->random, 4)) /* the code itself is random */
		value_fill(&worker->random, bytes + CODE_OFFSET, 128);
}

static size_t script_make(struct worker *worker, char *to)
{
	static const char *const lines[] = { "#!",
					     "#! ",
					     "#!prog",
					     "#!/proc/self/exe a b c",
					     "#!/nowhere x\n",
					     "#!a\n",
					     "#!\n",
					     "#!/dev/null\n",
					     "#!d\n" };
	const char *line = lines[random_below(&worker->random, ARRAY_SIZE(lines))];
	size_t size = 0;

	for (; line[size]; size++)
		to[size] = line[size];
	while (one_in(&worker->random, 2) && size < 600)
		for (uint32_t i = 0; i < 100; i++)
			to[size++] = one_in(&worker->random, 10) ? ' ' : 'x';
	return size;
}

/* Run it in a child; it gets some milliseconds. */
static void program_run(struct worker *worker, const char *name)
{
	const char *argv[] = { name, "x", NULL }, *envp[] = { "A=b", NULL };
	int64_t child, limits[2] = { 1, 1 };
	struct {
		int64_t seconds, nanoseconds;
	} pause = { 0, 1000000 };

	child = RAW(SYS_fork);
	if (!child) {
		RAW(SYS_prlimit64, 0, 0 /* RLIMIT_CPU */, limits, 0);
		RAW(SYS_execve, name, argv, envp);
		RAW(SYS_exit_group, 8);
	}
	if (child < 0)
		return;
	control->programs++;
	for (uint32_t i = 0; i < 5; i++) {
		if (RAW(SYS_wait4, child, 0, 1 /* WNOHANG */, 0))
			return;
		RAW(SYS_nanosleep, &pause, 0);
	}
	RAW(SYS_kill, child, SIGKILL);
	RAW(SYS_wait4, child, 0, 0, 0);
	(void)worker;
}

void program_call(struct worker *worker)
{
	char name[] = {
		'p', 'r', 'o', 'g', (char)('0' + worker->number % 10), (char)('0' + worker->thread),
		0
	};
	struct image image;
	size_t size = sizeof(image);
	int64_t fd;

	image_make(&image);
	if (one_in(&worker->random, 8))
		size = script_make(worker, (char *)&image);
	else
		image_damage(worker, &image);
	if (one_in(&worker->random, 6))
		size = random_below(&worker->random, (uint32_t)size + 1);
	RAW(SYS_unlink, name);
	fd = RAW(SYS_open, name, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0755);
	if (fd < 0)
		return;
	RAW(SYS_write, fd, &image, size);
	RAW(SYS_close, fd);
	program_run(worker, name);
	worker->slot->calls += 6;
}
