// SPDX-License-Identifier: MIT
/*
 * Relocation: x86-64 psABI, 4.4. S is the symbol's value, A the addend, P the
 * place, G the address of the symbol's GOT slot, GOT the start of the GOT.
 *
 * S + A - P is computed modulo 2^64 and has to equal the sign- (32: zero-)
 * extension of the stored value. One loop applies the common types; all others, and
 * those that are not obviously valid, are left to relocate_slowly(), which checks
 * them in full and composes the message. Pure: it also runs in host tests and tools.
 */
#include <asm/elf.h>
#include <kernel/err.h>
#include <kernel/loader.h>
#include <kernel/string.h>

typedef u64 __attribute__((may_alias, aligned(1))) u64_any;
typedef u32 __attribute__((may_alias, aligned(1))) u32_any;

static const struct {
	u8 type;
	const char *name;
} types[] = {
	{ R_X86_64_NONE, "NONE" },
	{ R_X86_64_64, "64" },
	{ R_X86_64_PC32, "PC32" },
	{ R_X86_64_GOT32, "GOT32" },
	{ R_X86_64_PLT32, "PLT32" },
	{ R_X86_64_GOTPCREL, "GOTPCREL" },
	{ R_X86_64_32, "32" },
	{ R_X86_64_32S, "32S" },
	{ R_X86_64_16, "16" },
	{ R_X86_64_PC16, "PC16" },
	{ R_X86_64_8, "8" },
	{ R_X86_64_PC8, "PC8" },
	{ R_X86_64_DTPMOD64, "DTPMOD64" },
	{ R_X86_64_DTPOFF64, "DTPOFF64" },
	{ R_X86_64_TPOFF64, "TPOFF64" },
	{ R_X86_64_TLSGD, "TLSGD" },
	{ R_X86_64_TLSLD, "TLSLD" },
	{ R_X86_64_DTPOFF32, "DTPOFF32" },
	{ R_X86_64_GOTTPOFF, "GOTTPOFF" },
	{ R_X86_64_TPOFF32, "TPOFF32" },
	{ R_X86_64_PC64, "PC64" },
	{ R_X86_64_GOTOFF64, "GOTOFF64" },
	{ R_X86_64_GOTPC32, "GOTPC32" },
	{ R_X86_64_GOT64, "GOT64" },
	{ R_X86_64_GOTPCREL64, "GOTPCREL64" },
	{ R_X86_64_GOTPC64, "GOTPC64" },
	{ R_X86_64_GOTPLT64, "GOTPLT64" },
	{ R_X86_64_PLTOFF64, "PLTOFF64" },
	{ R_X86_64_GOTPCRELX, "GOTPCRELX" },
	{ R_X86_64_REX_GOTPCRELX, "REX_GOTPCRELX" },
	{ R_X86_64_CODE_4_GOTPCRELX, "CODE_4_GOTPCRELX" },
	{ R_X86_64_CODE_5_GOTPCRELX, "CODE_5_GOTPCRELX" },
	{ R_X86_64_CODE_6_GOTPCRELX, "CODE_6_GOTPCRELX" },
	{ R_X86_64_COPY, "COPY" },
	{ R_X86_64_GLOB_DAT, "GLOB_DAT" },
	{ R_X86_64_JUMP_SLOT, "JUMP_SLOT" },
	{ R_X86_64_RELATIVE, "RELATIVE" },
	{ R_X86_64_IRELATIVE, "IRELATIVE" },
	{ R_X86_64_SIZE32, "SIZE32" },
	{ R_X86_64_SIZE64, "SIZE64" },
	{ R_X86_64_GOTPC32_TLSDESC, "GOTPC32_TLSDESC" },
	{ R_X86_64_TLSDESC_CALL, "TLSDESC_CALL" },
	{ R_X86_64_TLSDESC, "TLSDESC" },
	{ R_X86_64_CODE_4_GOTTPOFF, "CODE_4_GOTTPOFF" },
	{ R_X86_64_CODE_4_GOTPC32_TLSDESC, "CODE_4_GOTPC32_TLSDESC" },
	{ R_X86_64_CODE_5_GOTTPOFF, "CODE_5_GOTTPOFF" },
	{ R_X86_64_CODE_5_GOTPC32_TLSDESC, "CODE_5_GOTPC32_TLSDESC" },
	{ R_X86_64_CODE_6_GOTTPOFF, "CODE_6_GOTTPOFF" },
	{ R_X86_64_CODE_6_GOTPC32_TLSDESC, "CODE_6_GOTPC32_TLSDESC" },
};

static const char *type_name(u32 type)
{
	for (u32 i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].type == type)
			return types[i].name;
	return "of no known kind";
}

/* What is being looked at, for messages. */
struct place {
	struct loader *l;
	u32 section; /* that is relocated */
	const file_rela *r;
	const file_sym *symbol;
};

static const char *target_name(const struct place *place)
{
	u32 section = symbol_section(place->l, place->symbol);

	if (ELF64_ST_TYPE(place->symbol->st_info) == STT_SECTION && section)
		return section_name(place->l, section);
	if (place->symbol == place->l->symbols)
		return "nothing";
	return symbol_name(place->l, place->symbol);
}

static int relocation_refuse(const struct place *place, int err, const char *why)
{
	u32 type = ELF64_R_TYPE(place->r->r_info);

	return report_add(place->l->report, err, "relocation %u (%s) of %s+0x%lx to %s %s", type,
			  type_name(type), section_name(place->l, place->section),
			  (unsigned long)place->r->r_offset, target_name(place), why);
}

/* What a kind that is not done is for. */
static const char *why_unsupported(u32 type)
{
	switch (type) {
	case R_X86_64_DTPMOD64 ... R_X86_64_TPOFF32:
	case R_X86_64_GOTPC32_TLSDESC ... R_X86_64_TLSDESC:
	case R_X86_64_CODE_4_GOTTPOFF:
	case R_X86_64_CODE_4_GOTPC32_TLSDESC:
	case R_X86_64_CODE_5_GOTTPOFF:
	case R_X86_64_CODE_5_GOTPC32_TLSDESC:
	case R_X86_64_CODE_6_GOTTPOFF:
	case R_X86_64_CODE_6_GOTPC32_TLSDESC:
		return "is not supported: drivers cannot have thread-local variables";
	case R_X86_64_16 ... R_X86_64_PC8:
		return "is not supported: no address fits into 8 or 16 bits";
	case R_X86_64_COPY ... R_X86_64_RELATIVE:
	case R_X86_64_IRELATIVE:
		return "is not supported: it belongs to programs and shared libraries, not to object files";
	default:
		return "is not supported: it is none of those of the kernel, small, medium and large code models";
	}
}

static int field_overflows(const struct place *place, u64 value)
{
	if (ELF64_R_TYPE(place->r->r_info) == R_X86_64_32)
		return relocation_refuse(
			place, -EOVERFLOW,
			"does not fit: compile with -mcmodel=kernel or -fPIE (in assembly: lea reg, [rel name], or 64 bits)");
	return relocation_refuse(place, -EOVERFLOW, "does not fit into 32 bits");
}

static u32 store_size(u32 type)
{
	switch (type) {
	case R_X86_64_NONE: return 0;
	case R_X86_64_64:
	case R_X86_64_PC64:
	case R_X86_64_GOTOFF64:
	case R_X86_64_GOT64:
	case R_X86_64_GOTPCREL64:
	case R_X86_64_GOTPC64:
	case R_X86_64_GOTPLT64:
	case R_X86_64_PLTOFF64: return 8;
	case R_X86_64_PC32:
	case R_X86_64_PLT32:
	case R_X86_64_32:
	case R_X86_64_32S:
	case R_X86_64_GOTPCREL:
	case R_X86_64_GOTPCRELX:
	case R_X86_64_REX_GOTPCRELX:
	case R_X86_64_CODE_4_GOTPCRELX:
	case R_X86_64_CODE_5_GOTPCRELX:
	case R_X86_64_CODE_6_GOTPCRELX:
	case R_X86_64_GOTPC32: return 4;
	default: return ~0u;
	}
}

/* The value of a symbol that is not simply its address. @return false: nothing to do, or refused */
static bool special_value(const struct place *place, u64 *s, int *err)
{
	const file_sym *symbol = place->symbol;
	u32 type = ELF64_R_TYPE(place->r->r_info);

	if (symbol->st_shndx == SHN_ABS)
		return true;	   /* a large number, no more */
	if (*s != VALUE_SPECIAL) { /* an absent weak import */
		bool is_call = type == R_X86_64_PLT32 || type == R_X86_64_PLTOFF64;

		if (is_call)
			*s += place->l->image.addr - VALUE_SPECIAL - 1;
		else
			*s = 0;
		return true;
	}
	if (symbol->st_shndx != SHN_UNDEF)
		*err = relocation_refuse(place, -ENOEXEC,
					 "leads into a section that is not loaded");
	else if (ELF64_ST_BIND(symbol->st_info) == STB_LOCAL)
		*err = relocation_refuse(
			place, -ENOEXEC,
			"leads nowhere: that symbol is local and undefined (dropped by ld --gc-sections? keep it with -u or KEEP)");
	return false; /* a missing import was reported by resolve() */
}

/* The GOT slot of a symbol, with its value in it. */
static int got_slot(const struct place *place, u64 s, u64 *slot)
{
	struct loader *l = place->l;
	u32 i = place->symbol - l->symbols;

	if (!i)
		return relocation_refuse(place, -ENOEXEC, "makes no sense");
	if (i < l->got_first) {
		l->got_first = 1;
		return LOADER_AGAIN;
	}
	*slot = l->got + (i - l->got_first) * 8;
	*(u64_any *)(l->image.mem + *slot) = s;
	*slot += l->image.addr;
	return 0;
}

static bool goes_through_got(u32 type)
{
	switch (type) {
	case R_X86_64_GOTPCREL:
	case R_X86_64_GOTPCRELX:
	case R_X86_64_REX_GOTPCRELX:
	case R_X86_64_CODE_4_GOTPCRELX:
	case R_X86_64_CODE_5_GOTPCRELX:
	case R_X86_64_CODE_6_GOTPCRELX:
	case R_X86_64_GOT64:
	case R_X86_64_GOTPCREL64:
	case R_X86_64_GOTPLT64: return true;
	default: return false;
	}
}

/* @s: the symbol's value, or G */
static int relocation_store(const struct place *place, u64 s)
{
	const struct load_section *section = &place->l->where[place->section];
	u64 a = place->r->r_addend, at = section->addr + place->r->r_offset,
	    got = place->l->image.addr + place->l->got, value;
	u8 *mem = section->mem + place->r->r_offset;

	switch (ELF64_R_TYPE(place->r->r_info)) {
	case R_X86_64_NONE: return 0;
	case R_X86_64_64: *(u64_any *)mem = s + a; return 0;
	case R_X86_64_GOTPC64: s = got; __attribute__((fallthrough));
	case R_X86_64_PC64:
	case R_X86_64_GOTPCREL64: *(u64_any *)mem = s + a - at; return 0;
	case R_X86_64_GOTOFF64:
	case R_X86_64_GOT64:
	case R_X86_64_GOTPLT64:
	case R_X86_64_PLTOFF64: *(u64_any *)mem = s + a - got; return 0;
	case R_X86_64_32:
		value = s + a;
		if (value != (u32)value)
			return field_overflows(place, value);
		break;
	case R_X86_64_GOTPC32: s = got; __attribute__((fallthrough));
	case R_X86_64_GOTPCREL:
	case R_X86_64_GOTPCRELX:
	case R_X86_64_REX_GOTPCRELX:
	case R_X86_64_CODE_4_GOTPCRELX:
	case R_X86_64_CODE_5_GOTPCRELX:
	case R_X86_64_CODE_6_GOTPCRELX:
	case R_X86_64_PC32:
	case R_X86_64_PLT32: a -= at; __attribute__((fallthrough));
	default: /* R_X86_64_32S */
		value = s + a;
		if (value != (u64)(s64)(s32)value)
			return field_overflows(place, value);
		break;
	}
	*(u32_any *)mem = value;
	return 0;
}

static int relocate_slowly(struct loader *l, u32 section, const file_rela *r)
{
	struct place place = { l, section, r, l->symbols };
	u32 size = store_size(ELF64_R_TYPE(r->r_info)), symbol = ELF64_R_SYM(r->r_info);
	u64 limit = l->sections[section].sh_size, s;
	int err = 0;

	if (symbol >= l->nsymbols)
		return report_add(l->report, -ENOEXEC,
				  "a relocation of %s refers to symbol %u of %u",
				  section_name(l, section), symbol, l->nsymbols);
	place.symbol += symbol;
	if (size == ~0u)
		return relocation_refuse(&place, -ENOEXEC,
					 why_unsupported(ELF64_R_TYPE(r->r_info)));
	if (r->r_offset > limit || size > limit - r->r_offset)
		return relocation_refuse(&place, -ENOEXEC, "lies outside of the section");
	s = l->value[symbol];
	if (value_special(s) && !special_value(&place, &s, &err))
		return err;
	if (goes_through_got(ELF64_R_TYPE(r->r_info)))
		err = got_slot(&place, s, &s);
	return err ?: relocation_store(&place, s);
}

/* Elf64_Rela as it lies in memory: r_info in its two halves. */
struct rela {
	u64 offset;
	u32 type, symbol;
	u64 addend;
} __attribute__((may_alias, packed));
_Static_assert(sizeof(struct rela) == sizeof(Elf64_Rela), "the same bytes");

/* What the loop below needs; few things, so that they stay in registers. */
struct quick {
	const u64 *value;
	u64 nsymbols;
	u64 limit; /* offsets below it leave room for eight bytes */
	u64 addr;  /* of the section */
	u8 *mem;
};

#define HALF_OF_32_BITS (1ull << 31)
#define RUN_LENGTH	64 /* relocations between two looks at whether all values fit */

/* Of values below 2^31 and not below -2^31 all bits of the upper half are left. */
static inline bool all_fit(u64 within)
{
	return within >> 32 == (u32)~0u;
}

/*
 * A 32-bit value that does not fit is stored nonetheless and clears a bit in the upper
 * half of @within; relocate_slowly() comes back to it. So does a special value, which is
 * far from all addresses: only 64 bits can hold it. (An addend that was chosen to bring it
 * near makes a number of no meaning, as it does with any other symbol.)
 * @return false: it needs relocate_slowly(), and nothing was done
 */
static inline __attribute__((always_inline)) bool relocate_one(const struct quick *q,
							       const struct rela *rela, u64 *within)
{
	u64 offset = rela->offset, value;

	if (unlikely(offset >= q->limit || rela->symbol >= q->nsymbols))
		return false;
	value = q->value[rela->symbol] + rela->addend;
	if (likely(rela->type == R_X86_64_PLT32)) {
		value -= q->addr + offset;
	} else {
		/* The type is compared in memory: the asm makes the compiler forget it. */
		__asm__("" : "+r"(rela));
		if (rela->type == R_X86_64_64) {
			if (unlikely(value_special(q->value[rela->symbol])))
				return false;
			*(u64_any *)(q->mem + offset) = value;
			return true;
		}
		if (rela->type == R_X86_64_PC32)
			value -= q->addr + offset;
		else if (rela->type != R_X86_64_32S)
			return false;
	}
	*within &= value - HALF_OF_32_BITS;
	*(u32_any *)(q->mem + offset) = value;
	return true;
}

/*
 * Loading a large driver spends most of its time here: types are tested in the order
 * of their frequency in drivers, four relocations are done between two looks at the end,
 * and RUN_LENGTH between two looks at whether all values fit. One that fails is looked for
 * from the beginning of its run: relocations may be done twice, since nothing is read
 * from where they are stored.
 * @return the first relocation that needs relocate_slowly(), or @end
 */
static __noinline const struct rela *
relocate_quickly(const struct quick *quick, const struct rela *rela, const struct rela *end)
{
	const struct quick q = *quick;
	u64 within = ~0ull;

	while (end - rela >= RUN_LENGTH) {
		const struct rela *next = rela, *run_end = rela + RUN_LENGTH;

		for (; next < run_end; next += 4)
			if (!relocate_one(&q, next, &within) ||
			    !relocate_one(&q, next + 1, &within) ||
			    !relocate_one(&q, next + 2, &within) ||
			    !relocate_one(&q, next + 3, &within))
				break;
		if (unlikely(!all_fit(within)))
			break;
		rela = next;
		if (next < run_end)
			break;
	}
	for (within = ~0ull; rela < end; rela++)
		if (!relocate_one(&q, rela, &within) || !all_fit(within))
			break;
	return rela;
}

int arch_elf_relocate(struct loader *l, u32 section, const void *first, const void *end)
{
	const struct load_section *w = &l->where[section];
	u64 size = l->sections[section].sh_size;
	const struct quick q = { l->value, l->nsymbols, size >= 8 ? size - 7 : 0, w->addr, w->mem };
	const struct rela *rela = first;
	int err = 0, bad;

	while ((rela = relocate_quickly(&q, rela, end)) < (const struct rela *)end) {
		bad = relocate_slowly(l, section, (const file_rela *)rela++);
		if (bad == LOADER_AGAIN)
			return bad;
		err = err ?: bad;
	}
	return err;
}
