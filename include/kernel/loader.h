/* SPDX-License-Identifier: MIT */
/**
 * @file loader.h  Loading drivers (banos/loader/): from the bytes of a driver file to a driver in memory.
 *
 * Pure: the same code runs in the kernel, in banos-check and in the tests. What
 * it needs from outside is in struct loader_env. All that is allocated is linked
 * to struct loader, and loader_free() frees it.
 *
 * load.c is the table of contents; each stage is a file or function of its own
 * and adds the errors that it finds to the report. The file's content is hostile:
 * nothing is used as an offset, index or size before it was checked.
 */
#pragma once
#include <kernel/driver_api.h>
#include <kernel/report.h>
#include <kernel/types.h>
#include <uapi/elf.h>

#define LOADER_FILE_MAX	       (32ul << 20) /* bytes of a file */
#define LOADER_MEMORY_MAX      (32ul << 20) /* bytes in memory */
#define LOADER_EXPORT_NAME_MAX 127	    /* bytes of an exported name */
#define LOADER_WORDS_NAME_MAX  512	    /* bytes of a name whose origin is looked for */

/* Tables of the file: some assemblers put them at any offset, so they are read at any address. */
typedef Elf64_Shdr __attribute__((aligned(1))) file_shdr;
typedef Elf64_Sym __attribute__((aligned(1))) file_sym;
typedef Elf64_Rela __attribute__((aligned(1))) file_rela;
typedef u32 __attribute__((may_alias, aligned(1))) file_word;

/** Parts of the memory, in this order; each begins on a page. */
enum load_part { PART_TEXT, PART_RODATA, PART_DATA, PARTS, PART_NONE = PARTS };

/** What the name of a section says of it, found out once. */
enum section_role {
	ROLE_OTHER,
	ROLE_DRIVER,	 /* .banos-driver */
	ROLE_EXPORT,	 /* .banos-export */
	ROLE_INIT_ARRAY, /* or .init_array.ORDER */
	ROLE_FINI_ARRAY,
	ROLE_RELRO,	/* .data.rel.ro and the like */
	ROLE_DROPPED,	/* of use to tools only, and never referred to by what runs */
	ROLE_OLD_ARRAY, /* .ctors, .dtors */
	ROLE_CREL,
};

/** The treatment of a section of the file. */
struct load_section {
	u64 addr;      /* where the driver will see it */
	u8 *mem;       /* where we can write it; NULL: not loaded */
	u64 offset;    /* in its part */
	u8 part;       /* enum load_part; PART_NONE: not loaded */
	u8 role;       /* enum section_role; set by check_file() */
	bool excluded; /* of a COMDAT group that another copy replaces */
};

/** The target of an imported name. */
struct load_import {
	u64 address; /* function of the kernel, or 0 */
	u64 slot;    /* function of a driver: what its stub hands to env->slot_entry */
};

struct loader;
/** A draft of a header of the driver API (<banos/draft.h>), as it is or was. */
struct draft {
	const char *header, *fingerprint;
};
/** The functions that the loader needs from outside. */
struct loader_env {
	u32 level;		      /**< of the API that is offered */
	const struct draft *drafts;   /**< offered, too; the last has no header. NULL: none */
	u64 file_max, memory_max;     /**< of a driver, in bytes; at most LOADER_..._MAX */
	u64 slot_entry, absent_entry; /**< where stubs lead: with the slot, or the name */
	void *(*alloc)(void *arg,
		       size_t size); /**< not zeroed; NULL: no memory; @p arg: the loader's */
	void (*free)(void *arg, void *memory); /**< NULL is fine */
	/** @p npages pages, with any content, within reach of the kernel's text; *@p addr is where the driver will see them. */
	u8 *(*alloc_memory)(struct loader *l, u64 npages, u64 *addr);
	/** Free what alloc_memory() returned, and undo what find() and depend() did since. */
	void (*free_memory)(struct loader *l);
	/**
	 * Resolve an imported name.
	 * @return 0, -ENOENT: no exporter is installed; another errno ends the loading
	 */
	int (*find)(struct loader *l, const char *name, struct load_import *out);
	/**
	 * Does the driver that exports @p name state other letters than @p letters?
	 * @param words  SIGNATURE_WORDS_SIZE bytes: who states what, where it does
	 */
	bool (*disagrees)(struct loader *l, const char *name, const char *letters, char *words);
	/** A hint where a missing name is found ("level 3 has it"), or NULL. May be NULL. */
	const char *(*hint)(struct loader *l, const char *name);
	/** A driver that must be installed (BANOS_DEPENDS). @return 0, -ENOENT; another errno ends the loading */
	int (*depend)(struct loader *l, const char *name);
};

struct load_export {
	const char *name;
	u64 address;
	const char *letters; /* its signature, in the records; NULL: none */
};
/** A function of the driver, for backtraces. */
struct load_function {
	u32 offset, size; /* from image->addr; bytes */
	u32 name;	  /* in image->names */
};

/** A driver in memory: what loading makes of its file. */
struct load_image {
	u8 *mem;  /* NULL: none, or built in */
	u64 addr; /* where the driver sees it */
	u64 npages;
	u64 part_offset[PARTS], part_size[PARTS]; /* in bytes */
	char *names;				  /* of functions */
	struct load_function *functions;
	u32 nfunctions;
	u64 *init_calls; /* constructors, in the order of their calls */
	u64 *fini_calls; /* destructors */
	u32 ninit, nfini;
	u64 init, exit; /* addresses; exit may be 0 */
};

struct loader {
	const struct loader_env *env;
	void *arg; /* env's */
	const u8 *file;
	u64 file_size;
	const char *params;    /* "name=value ...", or NULL */
	struct report *report; /* begun, and destroyed, by the caller */

	/* The file; set by check_file(), within bounds from then on. */
	const file_shdr *sections;
	u32 nsections, section_strings, symbol_section, shndx_section;
	const file_sym *symbols;
	u32 nsymbols, first_global;
	u32 functions_max;   /* symbols that are functions */
	const char *strings; /* of symbols; NUL-terminated */
	u64 strings_size;
	const file_word *shndx; /* of symbols with SHN_XINDEX, or NULL */
	bool has_groups, has_arrays, has_exports, has_driver; /* sections of that kind */
	u8 *referenced; /* bit per symbol, or NULL; see symbol_referenced() */

	/* The descriptor; as in the file, so pointers in it are not relocated. */
	const u8 *records; /* of all sections .banos-driver, 8-aligned */
	u64 records_size;
	const u8 *relocated; /* the same in memory; set by place_records() */
	u8 *records_copy,
		*relocated_copy; /* where they are not so in the file, or memory; or NULL */
	const struct banos_driver_record *driver;

	/* The memory; set by lay_out(). */
	struct load_section *where;    /* of each section; from check_file() on */
	u64 code_size;		       /* of the text; stubs follow it */
	u64 stubs, nstubs, stubs_used; /* offset in memory, number */
	u64 got, got_first;	       /* offset in memory; symbol with the first slot */

	/* Symbols; set by resolve(). */
	u64 *value;	    /* of each symbol; see VALUE_SPECIAL */
	u64 elsewhere_work; /* of value_elsewhere() */

	struct load_export *exports;
	u32 nexports;
	struct load_image image; /* the caller takes it over, and clears it here */
};

/**
 * value[] of symbols that need a closer look; no address of the kernel or a
 * driver is that large, seen as a signed number. VALUE_SPECIAL itself: missing,
 * or in a section that is not loaded. Above: an absent weak import, and its stub.
 */
#define VALUE_SPECIAL 0x7000000000000000ll
static inline bool value_special(u64 value)
{
	return (s64)value >= VALUE_SPECIAL;
}

/** relocate(): the GOT must have slots for all symbols. Set got_first and start over from lay_out(). */
#define LOADER_AGAIN 1

/**
 * @brief Load a driver up to, not including, its first instruction.
 * @param l  zeroed but for env, arg, file, file_size, params, report
 * @return 0, or the error, with the reasons in l->report; then all is undone but for
 *	   loader_free().
 */
int __must_check loader_run(struct loader *l);
/** @brief Free what is still the loader's. Not the memory of a driver that was loaded. */
void loader_free(struct loader *l);

/* ---- stages, in order; 0 or negative errno with a reason added ---- */

int check_format(struct loader *l); /* foreign.c: is it an object file of our kind at all? */
int __must_check check_file(struct loader *l); /* check.c: ELF header and sections */
int check_origin(struct loader *l); /* foreign.c: an object file, but is it of a driver? */
int __must_check check_symbols(struct loader *l); /* symbols.c */
int __must_check check_groups(struct loader *l);  /* groups.c: COMDAT */
int check_driver(struct loader *l);		  /* descriptor.c */
int lay_out(struct loader *l);			  /* layout.c: places the sections */
int copy_sections(struct loader *l);		  /* layout.c */
int __must_check resolve(struct loader *l);	  /* resolve.c: symbols to addresses */
int __must_check relocate(struct loader *l);	  /* relocate.c */
int place_records(struct loader *l);		  /* descriptor.c: finds them in memory */
int find_entry_points(struct loader *l);	  /* entries.c: init, exit, constructors, exports */
int find_exports(struct loader *l);		  /* exports.c */
int check_imports(struct loader *l);  /* exports.c: are they what the exporters state? */
int set_parameters(struct loader *l); /* params.c */

/**
 * @brief The machine's part of relocate() (arch/x86_64/elf_relocate.c): do the relocations of section
 * number @p section, which are [@p first, @p end) of the file. Pure.
 * @return 0; LOADER_AGAIN at once; or the first error after all have been looked at
 */
int __must_check arch_elf_relocate(struct loader *l, u32 section, const void *first,
				   const void *end);

/* ---- shared by stages ---- */

static inline void *loader_alloc(struct loader *l, size_t size)
{
	return l->env->alloc(l->arg, size);
}
static inline void loader_release(struct loader *l, void *memory)
{
	l->env->free(l->arg, memory);
}
static inline const char *section_name(const struct loader *l, u32 index)
{
	return (const char *)l->file + l->sections[l->section_strings].sh_offset +
	       l->sections[index].sh_name;
}
static inline const char *symbol_name(const struct loader *l, const file_sym *symbol)
{
	return l->strings + symbol->st_name;
}
/** Section of a defined symbol, 0: none. Only after check_symbols(). */
static inline u32 symbol_section(const struct loader *l, const file_sym *symbol)
{
	if (symbol->st_shndx == SHN_XINDEX)
		return l->shndx[symbol - l->symbols];
	return symbol->st_shndx < SHN_LORESERVE ? symbol->st_shndx : 0;
}
/** Does [addr, addr + size) lie in a part of the memory? */
bool in_part(const struct loader *l, enum load_part part, u64 addr, u64 size);
/** Writable copy of driver memory that is known to be in some part. */
static inline u8 *memory_at(const struct loader *l, u64 addr)
{
	return l->image.mem + (addr - l->image.addr);
}
/** Is this in the driver's own code? The text is the first part, and stubs follow the code. */
static inline bool in_code(const struct loader *l, u64 addr)
{
	return addr - l->image.addr < l->code_size;
}
bool name_valid(const char *name, size_t size);
/** Will this section be in memory, according to its header? COMDAT groups may leave it out still. */
bool section_kept(const struct loader *l, u32 index);
/** Is it one of those that the loader reads: descriptor, exports, constructors? */
static inline bool section_is_table(const struct loader *l, u32 index)
{
	u32 role = l->where[index].role;

	return role >= ROLE_DRIVER && role <= ROLE_FINI_ARRAY;
}
/**
 * @brief Does a relocation of a section that will be in memory refer to this symbol? After check_file(). (references.c)
 * Linkers leave undefined symbols of what they dropped. The first question reads all relocations.
 * @return 1, 0; -ENOMEM (the reason was added)
 */
int __must_check symbol_referenced(struct loader *l, u32 index);
/** @brief For an unresolved name: its probable origin and what to do, as half a sentence; NULL: unknown. (words.c) */
const char *missing_name_words(const char *name);
/** @brief Why an undefined name cannot be had, and what to do: a compiler's flag; NULL: nothing against it. (words.c) */
const char *forbidden_name_words(const char *name);

/* ---- records of .banos-driver, also of built-in drivers ---- */

struct record_header {
	u32 size, kind;
};
/**
 * @brief Next record.
 * @param pos  in/out: offset; start with 0
 * @return it; NULL at the end, or with *@p pos < @p size where the bytes make no sense
 */
const struct record_header *record_next(const u8 *records, u64 size, u64 *pos);
/** @brief Check records, as far as that is possible without relocating. @p env: what is offered. @return 0 or the first error */
int __must_check check_records(struct report *report, const u8 *records, u64 size,
			       const struct loader_env *env,
			       const struct banos_driver_record **driver);
/** @brief Does a driver that is not of the tree have one of the names that are the tree's? Of a record that was checked. */
bool descriptor_takes_tree_name(const struct banos_driver_record *record);
#define TREE_NAME_WORDS \
	"this name is kept for a driver of Banos itself, which may come later: call another one vendor_NAME"
/** @brief Do type, bounds and size of a parameter's variable agree? Of a record that is large enough. */
bool param_consistent(const struct banos_param_record *record);
/** The memory of the driver in which variables of parameters are set. */
struct param_target {
	const u8 *records;   /* checked */
	const u8 *relocated; /* the same in the driver's memory */
	u64 size;
	u64 data, data_size; /* where variables lie */
	u8 *mem;	     /* of @p data */
};
/** @brief Check the addresses of the variables; then set them from @p params. */
int __must_check params_apply(struct report *report, const struct param_target *target,
			      const char *params);
/** @brief Find the signatures of exported functions in the records. @return 0 or -ENOEXEC with a reason */
int __must_check exports_take_letters(struct report *report, const u8 *records, u64 size,
				      struct load_export *exports, u32 nexports);
/**
 * @brief Does an exporter's signature fit what an importer states?
 * @param exported  NULL: none
 * @param words     SIGNATURE_WORDS_SIZE bytes: "hub states \"hq\"", where it does not
 */
bool signatures_agree(const char *exporter, const char *exported, const char *imported,
		      char *words);
/** @brief Is this name one that a driver called @p driver may export? */
bool export_name_allowed(const char *driver, const char *name);
