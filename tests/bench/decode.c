// SPDX-License-Identifier: MIT
/*
 * Instructions known by their bytes: Intel SDM vol. 2, 2.1 (prefixes) and the opcode maps in
 * its appendix A; vol. 3, 9.1.2 says which instructions lock.
 */
#include "decode.h"
#include <stdbool.h>

#define PREFIX_OPERAND 0x66
#define PREFIX_REPNE   0xf2
#define PREFIX_REP     0xf3
#define PREFIX_LOCK    0xf0
#define REX	       0x40
#define REX_R	       0x04
#define ESCAPE	       0x0f
#define GROUP_7	       0x01 /* INVLPG and others, after ESCAPE */
#define GROUP_15       0xae /* MFENCE and others, after ESCAPE */
#define MOV_TO_CR      0x22 /* after ESCAPE */
#define ESCAPE_38      0x38 /* after ESCAPE */
#define INVPCID	       0x82 /* after ESCAPE_38 */
#define MOD_REGISTER   3

/* An instruction without its prefixes. */
struct insn {
	const uint8_t *opcode;
	size_t len;
	bool locked, mandatory; /* has a lock prefix; one that may be a part of the opcode */
	uint8_t rex;
};

static bool is_legacy_prefix(uint8_t byte)
{
	switch (byte) {
	case PREFIX_OPERAND:
	case PREFIX_REPNE:
	case PREFIX_REP:
	case PREFIX_LOCK:
	case 0x2e: /* segments */
	case 0x36:
	case 0x3e:
	case 0x26:
	case 0x64:
	case 0x65:
	case 0x67: /* size of addresses */ return true;
	default: return false;
	}
}

static struct insn without_prefixes(const uint8_t *code, size_t len)
{
	struct insn insn = { .opcode = code, .len = len };

	while (insn.len && is_legacy_prefix(*insn.opcode)) {
		insn.locked |= *insn.opcode == PREFIX_LOCK;
		insn.mandatory |= *insn.opcode == PREFIX_OPERAND || *insn.opcode == PREFIX_REPNE ||
				  *insn.opcode == PREFIX_REP;
		insn.opcode++;
		insn.len--;
	}
	if (insn.len && (*insn.opcode & 0xf0) == REX) {
		insn.rex = *insn.opcode++;
		insn.len--;
	}
	return insn;
}

/* The fields of a ModRM byte. */
static unsigned int mod_of(uint8_t modrm)
{
	return modrm >> 6;
}
static unsigned int reg_of(uint8_t modrm)
{
	return modrm >> 3 & 7;
}

/* Of the map of two bytes; @opcode is the second one, and what follows it. */
static unsigned int escaped_kinds(const struct insn *insn, const uint8_t *opcode, size_t len)
{
	if (len < 2)
		return 0;
	switch (opcode[0]) {
	case GROUP_7:
		return mod_of(opcode[1]) != MOD_REGISTER && reg_of(opcode[1]) == 7 ? INSN_FLUSH : 0;
	case GROUP_15:
		if (insn->mandatory) /* TPAUSE and others */
			return 0;
		return mod_of(opcode[1]) == MOD_REGISTER && reg_of(opcode[1]) == 6 ? INSN_LOCKED
										   : 0;
	case ESCAPE_38: return opcode[1] == INVPCID && insn->mandatory ? INSN_FLUSH : 0;
	case MOV_TO_CR:
		if (insn->rex & REX_R) /* CR8 and above */
			return 0;
		if (reg_of(opcode[1]) == 3)
			return INSN_CR3 | INSN_FLUSH;
		return reg_of(opcode[1]) == 4 ? INSN_FLUSH : 0;
	default: return 0;
	}
}

unsigned int insn_kinds(const uint8_t *code, size_t len)
{
	const struct insn insn = without_prefixes(code, len);

	if (insn.locked)
		return INSN_LOCKED;
	if (!insn.len)
		return 0;
	switch (insn.opcode[0]) {
	case 0x6c: /* INS */
	case 0x6d:
	case 0x6e: /* OUTS */
	case 0x6f: return INSN_PORT_STRING;
	case 0xe4: /* IN, OUT of a port that the instruction names */
	case 0xe5:
	case 0xe6:
	case 0xe7:
	case 0xec: /* of one in DX */
	case 0xed:
	case 0xee:
	case 0xef: return INSN_PORT;
	case 0x86: /* XCHG, but not of two registers */
	case 0x87: return insn.len > 1 && mod_of(insn.opcode[1]) != MOD_REGISTER ? INSN_LOCKED : 0;
	case ESCAPE: return escaped_kinds(&insn, insn.opcode + 1, insn.len - 1);
	default: return 0;
	}
}
