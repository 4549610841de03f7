// SPDX-License-Identifier: MIT
/*
 * What is handed over where a driver should be, and what its owner can do about
 * it: check_format() for what is no x86_64 object file, by its first bytes;
 * check_origin() for object files of another kind, by the names of their sections.
 *
 * Sources: file formats' own specifications; LLVM, docs/BitCodeFormat; GCC,
 * gcc/lto-section-in.cc; Linux, scripts/mod/modpost.c.
 */
#include <asm/elf.h>
#include <kernel/err.h>
#include <kernel/loader.h>
#include <kernel/string.h>

/* ---- by the first bytes ---- */

#define MAGIC(bytes, words)                     \
	{                                       \
		bytes, sizeof(bytes) - 1, words \
	}
static const struct {
	const char *bytes;
	u8 size;
	const char *words;
} magics[] = {
	MAGIC("!<arch>\n",
	      "an archive (.a, .rlib): make one object of what it holds: ld -r --whole-archive -o X.ko FILE"),
	MAGIC("!<thin>\n",
	      "a thin archive: make one object of what it names: ld -r --whole-archive -o X.ko FILE"),
	MAGIC("\x1f\x8b", "compressed with gzip: unpack it (gunzip)"),
	MAGIC("\xfd"
	      "7zXZ\0",
	      "compressed with xz: unpack it (unxz)"),
	MAGIC("\x28\xb5\x2f\xfd", "compressed with zstd: unpack it (unzstd)"),
	MAGIC("BZh", "compressed with bzip2: unpack it (bunzip2)"),
	MAGIC("\x04\x22\x4d\x18", "compressed with lz4: unpack it (unlz4)"),
	MAGIC("\x02\x21\x4c\x18", "compressed with lz4: unpack it (unlz4 -l)"),
	MAGIC("\x89LZO\0\r\n\x1a\n", "compressed with lzop: unpack it (lzop -d)"),
	MAGIC("\x5d\0\0", "compressed with lzma: unpack it (unlzma)"),
	MAGIC("PK\3\4", "a zip archive: unpack it (unzip)"),
	MAGIC("7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it"),
	MAGIC("070701", "a cpio archive: unpack it (cpio -i)"),
	MAGIC("BC\xc0\xde",
	      "LLVM bitcode: compile without -flto (or with llc -filetype=obj, then ld -r)"),
	MAGIC("\xde\xc0\x17\x0b", "LLVM bitcode: compile without -flto"),
	MAGIC("\x64\x86",
	      "a COFF object, for Windows: compile for ELF (clang --target=x86_64-elf, nasm -f elf64)"),
	MAGIC("\x4c\x01",
	      "a COFF object for i386: compile for ELF and 64 bits (-m64, nasm -f elf64)"),
	MAGIC("MZ",
	      "a program or library for Windows: a driver is an ELF object file (cc -c, ld -r)"),
	MAGIC("\xcf\xfa\xed\xfe",
	      "a Mach-O file, for macOS: compile for ELF (clang --target=x86_64-elf)"),
	MAGIC("\xce\xfa\xed\xfe",
	      "a Mach-O file, for macOS: compile for ELF (clang --target=x86_64-elf)"),
	MAGIC("\xca\xfe\xba\xbe",
	      "Java, or a Mach-O file for several machines: a driver is an ELF object file"),
	MAGIC("\0asm", "WebAssembly: a driver is an ELF object file for x86_64"),
	MAGIC("#!", "a script: a driver is an object file (cc -c, ld -r)"),
};

static bool is_text(const u8 *file, u64 size)
{
	for (u64 i = 0; i < MIN(size, 512ul); i++)
		if (file[i] == 0x7f || (file[i] < ' ' && !(file[i] >= '\t' && file[i] <= '\r')))
			return false;
	return true;
}

static const char *format_words(const u8 *file, u64 size)
{
	if (!size)
		return "it is empty";
	for (u32 i = 0; i < ARRAY_SIZE(magics); i++)
		if (size >= magics[i].size && !memcmp(file, magics[i].bytes, magics[i].size))
			return magics[i].words;
	if (size >= 262 && !memcmp(file + 257, "ustar", 5))
		return "a tar archive: unpack it (tar -xf)";
	if (is_text(file, size))
		return "a text file: if it is a driver's source, compile it (cc -c)";
	return "a driver is an object file (cc -c, ld -r)";
}

/* ---- ELF files of another kind ---- */

static const char *elf_type_words(u32 type)
{
	switch (type) {
	case ET_EXEC: return "a program";
	case ET_DYN: return "a shared library or a position-independent program";
	case ET_CORE: return "a core dump";
	default: return "an ELF file of no known kind";
	}
}

static const char *machine_words(u32 machine)
{
	static const struct {
		u16 machine;
		const char *words;
	} names[] = {
		{ 3, " (i386; compile with -m64)" },
		{ 40, " (32-bit ARM)" },
		{ 183, " (arm64)" },
		{ 243, " (RISC-V)" },
		{ 8, " (MIPS)" },
		{ 20, " (PowerPC)" },
		{ 21, " (64-bit PowerPC)" },
		{ 22, " (S/390)" },
		{ 2, " (SPARC)" },
		{ 43, " (64-bit SPARC)" },
		{ 258, " (LoongArch)" },
		{ 247, " (BPF)" },
		{ 190, " (CUDA)" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].machine == machine)
			return names[i].words;
	return "";
}

static const char *osabi_words(u32 osabi)
{
	static const struct {
		u8 osabi;
		const char *words;
	} names[] = {
		{ 1, "HP-UX" },
		{ 2, "NetBSD" },
		{ 6, "Solaris" },
		{ 9, "FreeBSD" },
		{ 12, "OpenBSD" },
		{ 64, "ARM" },
		{ 255, "no system at all" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].osabi == osabi)
			return names[i].words;
	return "an unknown one";
}

int check_format(struct loader *l)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)l->file;
	struct report *report = l->report;

	if (l->file_size < SELFMAG || memcmp(header->e_ident, ELFMAG, SELFMAG))
		return report_add(report, -ENOEXEC, "not an ELF file: %s",
				  format_words(l->file, l->file_size));
	if (l->file_size < sizeof(*header))
		return report_add(report, -ENOEXEC,
				  "not an ELF file, but %lu bytes from the beginning of one",
				  (unsigned long)l->file_size);
	if (header->e_ident[EI_DATA] == ELFDATA2MSB)
		return report_add(
			report, -ENOEXEC,
			"not a little-endian ELF file, but a big-endian one for machine %u%s",
			__builtin_bswap16(header->e_machine),
			machine_words(__builtin_bswap16(header->e_machine)));
	if (header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_ident[EI_CLASS] < ELFCLASS32 ||
	    header->e_ident[EI_CLASS] > ELFCLASS64)
		return report_add(
			report, -ENOEXEC,
			"neither a 32-bit nor a 64-bit ELF file: its first bytes were damaged");
	if (header->e_ident[EI_CLASS] != ELFCLASS64) {
		const char *words = machine_words(header->e_machine);

		if (header->e_machine == ELF_MACHINE)
			words = " with 32-bit pointers (compile with -m64, not -mx32)";
		return report_add(report, -ENOEXEC,
				  "not a 64-bit ELF file, but a 32-bit one for machine %u%s",
				  header->e_machine, words);
	}
	if (header->e_machine != ELF_MACHINE)
		return report_add(report, -ENOEXEC, "for machine %u%s, not for x86_64",
				  header->e_machine, machine_words(header->e_machine));
	if (header->e_type != ET_REL)
		return report_add(report, -ENOEXEC, "%s: a driver is an object file (cc -c, ld -r)",
				  elf_type_words(header->e_type));
	if (header->e_ident[EI_VERSION] != EV_CURRENT || header->e_version != EV_CURRENT)
		return report_add(report, -ENOEXEC, "ELF version %u is unknown", header->e_version);
	if (header->e_ident[EI_OSABI] != ELFOSABI_NONE && header->e_ident[EI_OSABI] != ELFOSABI_GNU)
		return report_add(report, -ENOEXEC, "for the ABI of another system (%u): %s",
				  header->e_ident[EI_OSABI],
				  osabi_words(header->e_ident[EI_OSABI]));
	if (header->e_ehsize < sizeof(*header) || header->e_shentsize != sizeof(Elf64_Shdr))
		return report_add(report, -ENOEXEC, "its ELF headers have the wrong size");
	return 0;
}

/* ---- object files that are no drivers ---- */

static const struct {
	const char *section, *words;
} origins[] = {
	{ ".gnu.lto_*",
	  "GCC's intermediate code alone is in it (-flto): compile without -flto, or join the objects with gcc -r -flto -flinker-output=nolto-rel" },
	{ ".gnu.linkonce.this_module",
	  "it is a module of Linux, which Banos cannot run: drivers are compiled with <banos/driver.h>" },
	{ ".debug_*.dwo",
	  "it holds debugging information alone (-gsplit-dwarf): take the .o beside it" },
	{ ".go.buildinfo", "it was made by Go, whose programs need Go's runtime" },
};

/* A text in a table of strings, as the beginning of one of them. */
static bool has_string(const struct loader *l, const file_shdr *section, const char *text)
{
	const u8 *bytes = l->file + section->sh_offset, *end = bytes + section->sh_size;
	size_t wanted_len = strlen(text);

	while ((u64)(end - bytes) > wanted_len) {
		if (!*bytes && !memcmp(bytes + 1, text, wanted_len))
			return true;
		bytes = memchr(bytes + 1, 0, end - bytes - 1);
		if (!bytes)
			return false;
	}
	return false;
}

/* The macros' records are there, but in another section. */
static bool lost_its_sections(const struct loader *l)
{
	for (u32 i = 1; i < l->nsections; i++) {
		const file_shdr *section = &l->sections[i];

		if (section->sh_type == SHT_STRTAB && section->sh_offset <= l->file_size &&
		    section->sh_size <= l->file_size - section->sh_offset &&
		    has_string(l, section, "banos_record_"))
			return true;
	}
	return false;
}

int check_origin(struct loader *l)
{
	const char *words = NULL;

	if (l->has_driver)
		return 0;
	for (u32 i = 1; i < l->nsections; i++) {
		const char *name = section_name(l, i);

		for (u32 nth = 0; nth < ARRAY_SIZE(origins) && !words; nth++)
			if (strnlen(name, 128) < 128 && glob_match(origins[nth].section, name))
				words = origins[nth].words;
	}
	if (words)
		return report_add(l->report, -ENOEXEC, "not a driver: %s", words);
	if (lost_its_sections(l))
		return report_add(
			l->report, -ENOEXEC,
			"it has no .banos-driver, although it has a BANOS_DRIVER(): the compiler did not see __attribute__((section)), which headers of the C library define away for tcc; #undef __attribute__ behind them");
	return report_add(
		l->report, -ENOEXEC,
		"it has no .banos-driver, so it is not a driver: its BANOS_DRIVER() is missing, or in another object (join them: ld -r -o X.ko A.o B.o)");
}
