/* SPDX-License-Identifier: MIT */
/**
 * @file elf.h  The 64-bit ELF structures (gABI chapters 4 and 5; x86-64 psABI).
 *
 * On the host the C library's <elf.h> has the same names.
 */
#pragma once
#include <kernel/types.h>

/* Newer than the C libraries of the hosts. */
#define SHT_CREL 0x40000014 /* compact relocations, LLVM 19 */
#define SHT_LLVM_FIRST \
	0x6fff4c00 /* LLVM's range: address significance, call graphs, bitcode beside code... */
#define SHT_LLVM_LAST  0x6fff4cff
#define SHT_GNU_SFRAME 0x6ffffff4 /* stack traces; PROGBITS before LLVM 22 */

#ifdef __BANOS_HOST__
#include <elf.h>
#ifndef SHT_X86_64_UNWIND /* musl has no names for some */
#define SHT_X86_64_UNWIND 0x70000001
#endif
#else
typedef u64 Elf64_Addr;
typedef u64 Elf64_Off;
typedef u16 Elf64_Half;
typedef u32 Elf64_Word;
typedef s32 Elf64_Sword;
typedef u64 Elf64_Xword;
typedef s64 Elf64_Sxword;
typedef u16 Elf64_Section;

#define EI_NIDENT     16
#define EI_MAG0	      0
#define EI_CLASS      4
#define EI_DATA	      5
#define EI_VERSION    6
#define EI_OSABI      7
#define EI_ABIVERSION 8
#define ELFMAG	      "\177ELF"
#define SELFMAG	      4
#define ELFCLASS32    1
#define ELFCLASS64    2
#define ELFDATA2LSB   1
#define ELFDATA2MSB   2
#define EV_CURRENT    1
#define ELFOSABI_NONE 0
#define ELFOSABI_GNU  3

#define ET_NONE 0
#define ET_REL	1
#define ET_EXEC 2
#define ET_DYN	3
#define ET_CORE 4
#define EM_386	3

typedef struct {
	u8 e_ident[EI_NIDENT];
	Elf64_Half e_type, e_machine;
	Elf64_Word e_version;
	Elf64_Addr e_entry;
	Elf64_Off e_phoff, e_shoff;
	Elf64_Word e_flags;
	Elf64_Half e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx;
} Elf64_Ehdr;

typedef struct {
	Elf64_Word p_type, p_flags;
	Elf64_Off p_offset;
	Elf64_Addr p_vaddr, p_paddr;
	Elf64_Xword p_filesz, p_memsz, p_align;
} Elf64_Phdr;

#define PT_NULL		0
#define PT_LOAD		1
#define PT_DYNAMIC	2
#define PT_INTERP	3
#define PT_NOTE		4
#define PT_SHLIB	5
#define PT_PHDR		6
#define PT_TLS		7
#define PT_GNU_EH_FRAME 0x6474e550
#define PT_GNU_STACK	0x6474e551
#define PT_GNU_RELRO	0x6474e552
#define PT_GNU_PROPERTY 0x6474e553
#define PF_X		1
#define PF_W		2
#define PF_R		4

typedef struct {
	Elf64_Word sh_name, sh_type;
	Elf64_Xword sh_flags;
	Elf64_Addr sh_addr;
	Elf64_Off sh_offset;
	Elf64_Xword sh_size;
	Elf64_Word sh_link, sh_info;
	Elf64_Xword sh_addralign, sh_entsize;
} Elf64_Shdr;

#define SHT_NULL	     0
#define SHT_PROGBITS	     1
#define SHT_SYMTAB	     2
#define SHT_STRTAB	     3
#define SHT_RELA	     4
#define SHT_HASH	     5
#define SHT_DYNAMIC	     6
#define SHT_NOTE	     7
#define SHT_NOBITS	     8
#define SHT_REL		     9
#define SHT_SHLIB	     10
#define SHT_DYNSYM	     11
#define SHT_INIT_ARRAY	     14
#define SHT_FINI_ARRAY	     15
#define SHT_PREINIT_ARRAY    16
#define SHT_GROUP	     17
#define SHT_SYMTAB_SHNDX     18
#define SHT_GNU_ATTRIBUTES   0x6ffffff5
#define SHT_X86_64_UNWIND    0x70000001
#define SHF_WRITE	     0x1
#define SHF_ALLOC	     0x2
#define SHF_EXECINSTR	     0x4
#define SHF_MERGE	     0x10
#define SHF_STRINGS	     0x20
#define SHF_INFO_LINK	     0x40
#define SHF_LINK_ORDER	     0x80
#define SHF_OS_NONCONFORMING 0x100
#define SHF_GROUP	     0x200
#define SHF_TLS		     0x400
#define SHF_COMPRESSED	     0x800
#define SHF_EXCLUDE	     0x80000000
#define SHN_UNDEF	     0
#define SHN_LORESERVE	     0xff00
#define SHN_ABS		     0xfff1
#define SHN_COMMON	     0xfff2
#define SHN_XINDEX	     0xffff
#define SHN_HIRESERVE	     0xffff
#define GRP_COMDAT	     1

typedef struct {
	Elf64_Word st_name;
	u8 st_info, st_other;
	Elf64_Section st_shndx;
	Elf64_Addr st_value;
	Elf64_Xword st_size;
} Elf64_Sym;

#define ELF64_ST_BIND(i)       ((i) >> 4)
#define ELF64_ST_TYPE(i)       ((i)&0xf)
#define ELF64_ST_INFO(b, t)    (((b) << 4) + ((t)&0xf))
#define ELF64_ST_VISIBILITY(o) ((o)&3)
#define STB_LOCAL	       0
#define STB_GLOBAL	       1
#define STB_WEAK	       2
#define STB_GNU_UNIQUE	       10
#define STT_NOTYPE	       0
#define STT_OBJECT	       1
#define STT_FUNC	       2
#define STT_SECTION	       3
#define STT_FILE	       4
#define STT_COMMON	       5
#define STT_TLS		       6
#define STT_GNU_IFUNC	       10
#define STV_DEFAULT	       0
#define STV_INTERNAL	       1
#define STV_HIDDEN	       2
#define STV_PROTECTED	       3

typedef struct {
	Elf64_Addr r_offset;
	Elf64_Xword r_info;
} Elf64_Rel;
typedef struct {
	Elf64_Addr r_offset;
	Elf64_Xword r_info;
	Elf64_Sxword r_addend;
} Elf64_Rela;
#define ELF64_R_SYM(i)	       ((i) >> 32)
#define ELF64_R_TYPE(i)	       ((i)&0xffffffff)
#define ELF64_R_INFO(s, t)     (((Elf64_Xword)(s) << 32) + (t))
#endif
