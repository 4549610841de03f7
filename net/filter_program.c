// SPDX-License-Identifier: MIT
/*
 * The classic Berkeley packet filter: an accumulator, an index, 16 words of memory, jumps forward only.
 *
 * So a program ends after as many steps as it has. filter_is_valid() is asked once, when a program attaches it; the
 * memory is zeroed. McCanne and Jacobson, "The BSD Packet Filter" (1993); Linux's extensions (linux/filter.h): the offsets from SKF_AD_OFF
 * on that say EtherType, kind and interface, and those from SKF_NET_OFF and SKF_LL_OFF on.
 */
#include "filter_program.h"

#define CLASS(code) ((code)&7)
#define LD	    0
#define LDX	    1
#define ST	    2
#define STX	    3
#define ALU	    4
#define JMP	    5
#define RET	    6

#define SIZE(code) ((code)&0x18)
#define WORD	   0x00
#define HALF	   0x08
#define BYTE	   0x10
#define MODE(code) ((code)&0xe0)
#define IMM	   0x00
#define ABS	   0x20
#define IND	   0x40
#define MEM	   0x60
#define LEN	   0x80
#define MSH	   0xa0

#define OPERATION(code) ((code)&0xf0)
#define ADD		0x00
#define SUB		0x10
#define MUL		0x20
#define DIV		0x30
#define OR		0x40
#define AND		0x50
#define LSH		0x60
#define RSH		0x70
#define NEG		0x80
#define MOD		0x90
#define XOR		0xa0
#define JA		0x00
#define JEQ		0x10
#define JGT		0x20
#define JGE		0x30
#define JSET		0x40
#define BY_X		0x08

#define RET_A 0x10
#define TAX   0x00
#define TXA   0x80
#define WORDS 16u

#define AT_EXTRA    (-0x1000)
#define AT_NETWORK  (-0x100000)
#define AT_LINK	    (-0x200000)
#define AT_END	    0 /* of the special offsets */
#define EXTRA_TYPE  0
#define EXTRA_KIND  4
#define EXTRA_INDEX 8

/* ---- checking ---- */

static bool load_is_valid(const struct filter_step *step)
{
	switch (MODE(step->code)) {
	case IMM:
	case LEN: return SIZE(step->code) == WORD;
	case MEM: return SIZE(step->code) == WORD && step->k < WORDS;
	case ABS:
	case IND: return CLASS(step->code) == LD && SIZE(step->code) != 0x18;
	case MSH: return CLASS(step->code) == LDX && SIZE(step->code) == BYTE;
	}
	return false;
}

static bool operation_is_valid(const struct filter_step *step)
{
	u32 operation = OPERATION(step->code);

	if (operation > XOR)
		return false;
	if (step->code & BY_X)
		return operation != NEG;
	if (operation == DIV || operation == MOD)
		return step->k;
	if (operation != LSH && operation != RSH)
		return true;
	return step->k < 32;
}

static bool jump_is_valid(const struct filter_step *step, u32 left)
{
	if (OPERATION(step->code) > JSET)
		return false;
	if (OPERATION(step->code) == JA)
		return step->k < left;
	return step->if_true < left && step->if_false < left;
}

/* @left: steps behind it */
static bool step_is_valid(const struct filter_step *step, u32 left)
{
	if (step->code & ~0xffu)
		return false;
	switch (CLASS(step->code)) {
	case LD:
	case LDX: return load_is_valid(step);
	case ST:
	case STX: return !(step->code & ~7) && step->k < WORDS;
	case ALU: return operation_is_valid(step);
	case JMP: return jump_is_valid(step, left);
	case RET: return !(step->code & ~(7 | RET_A));
	}
	return (step->code & ~7) == TAX || (step->code & ~7) == TXA;
}

bool filter_is_valid(const struct filter_step *steps, u32 count)
{
	if (!count || count > FILTER_STEPS_MAX)
		return false;
	for (u32 i = 0; i < count; i++)
		if (!step_is_valid(&steps[i], count - 1 - i))
			return false;
	return CLASS(steps[count - 1].code) == RET;
}

/* ---- running ---- */

struct filter_state {
	u32 a, x, memory[WORDS];
};

/* @return false: it is not there */
static bool filter_load_bytes(const struct filter_frame *frame, s64 offset, u32 size, u32 *value)
{
	u32 bytes = 4;

	if (size == HALF)
		bytes = 2;
	if (size == BYTE)
		bytes = 1;
	if (offset < -(s64)frame->before || offset + bytes > frame->length)
		return false;
	*value = 0;
	for (u32 i = 0; i < bytes; i++)
		*value = *value << 8 | frame->bytes[offset + i];
	return true;
}

static bool filter_load(const struct filter_frame *frame, u32 k, s64 index, u32 size, u32 *value)
{
	s64 offset = (s32)k;

	if (offset >= AT_END)
		return offset + index >= 0 && filter_load_bytes(frame, offset + index, size, value);
	if (offset >= AT_EXTRA) {
		switch (offset - AT_EXTRA) {
		case EXTRA_TYPE: *value = frame->ethertype; return true;
		case EXTRA_KIND: *value = frame->kind; return true;
		case EXTRA_INDEX: *value = frame->interface; return true;
		}
		return false;
	}
	if (offset >= AT_NETWORK)
		return filter_load_bytes(frame, offset - AT_NETWORK + index + frame->network, size,
					 value);
	if (offset >= AT_LINK)
		return filter_load_bytes(frame, offset - AT_LINK + index - frame->before, size,
					 value);
	return false;
}

static bool step_load(const struct filter_step *step, struct filter_state *state,
		      const struct filter_frame *frame)
{
	u32 *to = CLASS(step->code) == LD ? &state->a : &state->x, byte;

	switch (MODE(step->code)) {
	case IMM: *to = step->k; return true;
	case LEN: *to = frame->whole; return true;
	case MEM: *to = state->memory[step->k]; return true;
	case ABS: return filter_load(frame, step->k, 0, SIZE(step->code), to);
	case IND: return filter_load(frame, step->k, state->x, SIZE(step->code), to);
	}
	if (!filter_load(frame, step->k, 0, BYTE, &byte))
		return false;
	*to = (byte & 15) * 4;
	return true;
}

static u32 step_operand(const struct filter_step *step, const struct filter_state *state)
{
	if (step->code & BY_X)
		return state->x;
	return step->k;
}

static bool step_compute(const struct filter_step *step, struct filter_state *state)
{
	u32 by = step_operand(step, state);

	switch (OPERATION(step->code)) {
	case ADD: state->a += by; break;
	case SUB: state->a -= by; break;
	case MUL: state->a *= by; break;
	case OR: state->a |= by; break;
	case AND: state->a &= by; break;
	case XOR: state->a ^= by; break;
	case LSH: state->a = by < 32 ? state->a << by : 0; break;
	case RSH: state->a = by < 32 ? state->a >> by : 0; break;
	case NEG: state->a = -state->a; break;
	default:
		if (!by)
			return false;
		if (OPERATION(step->code) == DIV)
			state->a /= by;
		else
			state->a %= by;
	}
	return true;
}

static u32 step_jump(const struct filter_step *step, const struct filter_state *state)
{
	u32 with = step_operand(step, state);
	bool holds;

	switch (OPERATION(step->code)) {
	case JA: return step->k;
	case JEQ: holds = state->a == with; break;
	case JGT: holds = state->a > with; break;
	case JGE: holds = state->a >= with; break;
	default: holds = state->a & with;
	}
	if (holds)
		return step->if_true;
	return step->if_false;
}

u32 filter_run(const struct filter_step *steps, const struct filter_frame *frame)
{
	struct filter_state state = { 0 };

	for (const struct filter_step *step = steps;; step++) {
		bool good = true;

		switch (CLASS(step->code)) {
		case LD:
		case LDX: good = step_load(step, &state, frame); break;
		case ST: state.memory[step->k] = state.a; break;
		case STX: state.memory[step->k] = state.x; break;
		case ALU: good = step_compute(step, &state); break;
		case JMP: step += step_jump(step, &state); break;
		case RET: return step->code & RET_A ? state.a : step->k;
		default:
			if ((step->code & ~7) == TAX)
				state.x = state.a;
			else
				state.a = state.x;
		}
		if (!good)
			return 0;
	}
}
