/* SPDX-License-Identifier: MIT */
/*
 * Compiled so that each indirect branch and each return goes through the kernel's
 * thunks: calls, jumps at the end, computed gotos, methods, arguments in all
 * registers; then each register's thunk by name.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/print.h>

typedef int64_t (*six)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);

static int64_t weigh(int64_t first, int64_t second, int64_t third, int64_t fourth, int64_t fifth,
		     int64_t sixth)
{
	return first + 2 * second + 3 * third + 4 * fourth + 5 * fifth + 6 * sixth;
}
static int64_t twice(int64_t value)
{
	return 2 * value;
}

static six volatile weigh_at = weigh;
static int64_t (*volatile twice_at)(int64_t) = twice;

struct shape {
	int64_t side;
	int64_t (*area)(struct shape *shape);
};
static int64_t square(struct shape *shape)
{
	return shape->side * shape->side;
}

/* The last call of a function becomes a jump. */
static __attribute__((noinline)) int64_t jump_last(int64_t value)
{
	return twice_at(value);
}

static __attribute__((noinline)) int64_t area_of(struct shape *shape)
{
	return shape->area(shape) + 1;
}

static __attribute__((noinline)) int64_t follow(const uint8_t *codes, int64_t value)
{
	static void *const steps[] = { &&stop, &&add, &&doubled, &&negate };

	goto *steps[*codes];
add:
	value++;
	goto *steps[*++codes];
doubled:
	value = twice_at(value);
	goto *steps[*++codes];
negate:
	value = -value;
	goto *steps[*++codes];
stop:
	return value;
}

/* Continue at label 1, through one register's thunk: there 7 is returned. */
#define THROUGH(reg)                                                                            \
	({                                                                                      \
		int64_t result;                                                                 \
		__asm__ volatile("push %%rbx; push %%rbp; mov %%rsp, %%rbx; and $-16, %%rsp;"   \
				 "push %%rbx; push %%rbx; lea 1f(%%rip), %%" #reg ";"           \
				 "call __x86_indirect_thunk_" #reg                              \
				 "; pop %%rbx; mov %%rbx, %%rsp;"                               \
				 "pop %%rbp; pop %%rbx; jmp 2f;"                                \
				 "1: lea 7(%%" #reg "), %%rax; lea 1b(%%rip), %%rcx;"           \
				 "sub %%rcx, %%rax; jmp __x86_return_thunk; 2:"                 \
				 : "=a"(result)                                                 \
				 :                                                              \
				 : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", \
				   "r13", "r14", "r15", "memory", "cc");                        \
		result;                                                                         \
	})

static int64_t each_register(void)
{
	int64_t sum = 0;

	sum += THROUGH(rax) + THROUGH(rbx) + THROUGH(rcx) + THROUGH(rdx) + THROUGH(rsi);
	sum += THROUGH(rdi) + THROUGH(rbp) + THROUGH(r8) + THROUGH(r9) + THROUGH(r10);
	sum += THROUGH(r11) + THROUGH(r12) + THROUGH(r13) + THROUGH(r14) + THROUGH(r15);
	return sum;
}

static int64_t thunks_init(banos_owner self)
{
	static const uint8_t codes[] = { 1, 2, 3, 1, 0 };
	struct shape shape = { 9, square };
	uint64_t failed = 0;

	failed |= (uint64_t)(weigh_at(1, 2, 3, 4, 5, 6) != 91) << 0;
	failed |= (uint64_t)(jump_last(21) != 42) << 1;
	failed |= (uint64_t)(area_of(&shape) != 82) << 2;
	failed |= (uint64_t)(follow(codes, 4) != -9) << 3;
	failed |= (uint64_t)(each_register() != 15 * 7) << 4;
	if (failed) {
		banos_print(self, "checks 0x%lx failed", failed);
		return -EIO;
	}
	banos_print(self, "PASS thunks: 5 checks");
	return 0;
}

BANOS_DRIVER(thunks, "1.0", "MIT", "Branches through the kernel's thunks", thunks_init, NULL);
