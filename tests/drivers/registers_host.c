/* SPDX-License-Identifier: MIT */
/*
 * Runs src/registers.c against a device that is not there: its page cannot be accessed, and
 * each access is decoded, noted and carried out here, as a kernel could do that some
 * day. Nothing but a move of a general register to or from memory is understood.
 *
 * Prints one line for each access: r or w, width in bits, offset, value; with what
 * memory held at that moment where it matters.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define PAGE 4096

struct memory {
	uint64_t address;
	uint32_t length, flags;
	uint32_t done, received;
	unsigned char bytes[64];
};

uint64_t run_widths(char *registers);
uint64_t run_tests(char *registers);
void run_doorbell(char *registers, struct memory *memory);
uint32_t run_poll(char *registers, const struct memory *memory);
void run_blocks(char *registers, struct memory *memory);
void run_queues(char *registers, struct memory *memory);

static char *registers;
static struct memory memory;
static int shows_memory;
static unsigned reads;

/* ---- the device ---- */

#define STATUS 0x40 /* 0 three times, then 1; the length is in memory then */

static uint64_t device_read(uint64_t offset, int bits)
{
	uint64_t value;

	reads++;
	if (offset == STATUS) {
		if (reads % 4)
			return 0;
		memory.received++;
		memory.done = 1;
		return 1;
	}
	value = 0x0807060504030201 + 0x1010101010101010 * reads;
	if (bits < 64)
		value &= (UINT64_C(1) << bits) - 1;
	return value;
}

static void note(char direction, int bits, uint64_t offset, uint64_t value)
{
	printf("%c%d %llx=%llx", direction, bits, (unsigned long long)offset,
	       (unsigned long long)value);
	if (shows_memory)
		printf(" (%llx %u %u)", (unsigned long long)memory.address, memory.length,
		       memory.flags);
	putchar('\n');
}

/* ---- the instruction ---- */

struct instruction {
	unsigned length, operand; /* bytes; number of the register */
	int bits, writes;
};

/* Bytes of a ModRM byte that names memory, with what follows. */
static unsigned address_length(const unsigned char *modrm)
{
	unsigned mod = modrm[0] >> 6, rm = modrm[0] & 7, length = 1;

	if (rm == 4) {
		length++;
		if (!mod && (modrm[1] & 7) == 5)
			length += 4;
	}
	if (mod == 1)
		length++;
	else if (mod == 2 || (!mod && rm == 5))
		length += 4;
	return length;
}

/* @return 0: it is no move between a general register and memory */
static int decode(const unsigned char *code, struct instruction *it)
{
	const unsigned char *start = code;
	unsigned rex = 0, word = 0;

	if (*code == 0x66) {
		word = 1;
		code++;
	}
	if (*code >> 4 == 4)
		rex = *code++;
	if (*code < 0x88 || *code > 0x8b || code[1] >> 6 == 3)
		return 0;
	it->writes = *code < 0x8a;
	it->bits = 32;
	if (rex & 8)
		it->bits = 64;
	else if (word)
		it->bits = 16;
	if (!(*code & 1))
		it->bits = 8;
	it->operand = (code[1] >> 3 & 7) | (rex & 4) << 1;
	it->length = (unsigned)(code + 1 - start) + address_length(code + 1);
	return it->bits != 8 || rex || it->operand < 4; /* else it is ah, ch, dh or bh */
}

static void complain(const unsigned char *code)
{
	fflush(stdout);
	fprintf(stderr, "no move:");
	for (int i = 0; i < 12; i++)
		fprintf(stderr, " %02x", code[i]);
	fputc('\n', stderr);
	_Exit(2);
}

static void access_device(int signal_number, siginfo_t *info, void *context)
{
	static const int number_of[] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
					 REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
					 REG_R12, REG_R13, REG_R14, REG_R15 };
	greg_t *gregs = ((ucontext_t *)context)->uc_mcontext.gregs;
	const unsigned char *code = (const unsigned char *)gregs[REG_RIP];
	uint64_t offset = (uint64_t)((char *)info->si_addr - registers), mask = ~UINT64_C(0), value;
	struct instruction it;
	greg_t *operand;

	(void)signal_number;
	if (offset >= PAGE || !decode(code, &it))
		complain(code);
	operand = &gregs[number_of[it.operand]];
	if (it.bits < 64)
		mask = (UINT64_C(1) << it.bits) - 1;
	if (it.writes) {
		note('w', it.bits, offset, (uint64_t)*operand & mask);
	} else {
		value = device_read(offset, it.bits);
		note('r', it.bits, offset, value);
		if (it.bits == 32)
			*operand = (greg_t)value;
		else
			*operand = (greg_t)(((uint64_t)*operand & ~mask) | value);
	}
	gregs[REG_RIP] += it.length;
}

static void print_bytes(void)
{
	for (int i = 0; i < 34; i++)
		printf("%02x", memory.bytes[i]);
	putchar('\n');
}

static void restart(const char *name)
{
	printf("%s\n", name);
	memset(&memory, 0, sizeof(memory));
	reads = 0;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = access_device, .sa_flags = SA_SIGINFO };

	registers = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (registers == MAP_FAILED || sigaction(SIGSEGV, &action, NULL))
		return 1;
	restart("widths");
	printf("%llx\n", (unsigned long long)run_widths(registers));
	restart("tests");
	printf("%llx\n", (unsigned long long)run_tests(registers));
	restart("doorbell");
	shows_memory = 1;
	run_doorbell(registers, &memory);
	shows_memory = 0;
	restart("poll");
	printf("%x\n", run_poll(registers, &memory));
	restart("blocks");
	run_blocks(registers, &memory);
	print_bytes();
	restart("queues");
	run_queues(registers, &memory);
	print_bytes();
	return 0;
}
