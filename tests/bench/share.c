// SPDX-License-Identifier: MIT
/*
 * A QEMU plugin: which cache lines do processors take from each other?
 *
 *	-plugin share.so,out=FILE
 *
 * Each processor notes the lines that it reads and writes between its marks
 * (mark.h), in a table of its own. When the last one is past its end mark,
 * FILE gets one line for each cache line that one processor wrote and another
 * touched:
 *
 *	WRITES OTHERS ADDRESS WRITER TOUCHER
 *
 * how often it was written and how often touched by processors other than the one
 * that writes it most; the virtual address, and those of an instruction that wrote,
 * and of one by which another processor touched it. After these comes "end IPIS", how many
 * inter-processor interrupts the processors sent between their marks.
 */
#include <stdio.h>
#include <stdlib.h>
#include "plugin.h"

#define MAX_CPUS   64
#define LINE_SHIFT 6
#define SLOTS	   (1u << 20) /* a power of two, a few times what is touched */

EXPORTED int qemu_plugin_version = 1;

struct line {
	uint64_t number;	  /* physical; 0: free */
	uint64_t address, writer; /* of the last write */
	uint64_t toucher;	  /* of the last access */
	uint32_t reads, writes;
};

static struct line *tables[MAX_CPUS];
static bool inside[MAX_CPUS];
static int running;
static unsigned long ipis;
static FILE *out;

/* The line's place in a table; NULL: it is not there and is not to be made. */
static struct line *find(struct line *table, uint64_t number, bool make)
{
	uint32_t i = (number * 0x9e3779b97f4a7c15ull) >> 44;

	for (uint32_t tries = 0; tries < SLOTS; tries++, i++) {
		struct line *line = &table[i & (SLOTS - 1)];

		if (line->number == number)
			return line;
		if (line->number)
			continue;
		if (!make)
			return NULL;
		line->number = number;
		return line;
	}
	abort();
}

static void accessed(unsigned int cpu, uint32_t info, uint64_t address, void *arg)
{
	const struct qemu_plugin_hwaddr *hwaddr;
	struct line *line;

	if (cpu >= MAX_CPUS || !inside[cpu])
		return;
	hwaddr = qemu_plugin_get_hwaddr(info, address);
	if (!hwaddr)
		return;
	if (qemu_plugin_hwaddr_is_io(hwaddr)) {
		if (sends_ipi(info, hwaddr))
			__atomic_add_fetch(&ipis, 1, __ATOMIC_SEQ_CST);
		return;
	}
	line = find(tables[cpu], (qemu_plugin_hwaddr_phys_addr(hwaddr) >> LINE_SHIFT) + 1, true);
	line->toucher = (uint64_t)arg;
	if (!qemu_plugin_mem_is_store(info)) {
		line->reads++;
		return;
	}
	line->writes++;
	line->address = address;
	line->writer = (uint64_t)arg;
}

/* @line is of processor @cpu: is it the one that writes the line most, and what do others do there? */
static void report(unsigned int cpu, const struct line *line)
{
	uint64_t writes = line->writes, others = 0, toucher = 0;

	for (unsigned int i = 0; i < MAX_CPUS; i++) {
		const struct line *other =
			i != cpu && tables[i] ? find(tables[i], line->number, false) : NULL;

		if (!other)
			continue;
		if (other->writes > line->writes || (other->writes == line->writes && i < cpu))
			return;
		writes += other->writes;
		others += other->reads + other->writes;
		toucher = other->toucher;
	}
	if (others)
		fprintf(out, "%llu %llu %llx %llx %llx\n", (unsigned long long)writes,
			(unsigned long long)others, (unsigned long long)line->address,
			(unsigned long long)line->writer, (unsigned long long)toucher);
}

static void begin(unsigned int cpu, void *arg)
{
	(void)arg;
	if (cpu >= MAX_CPUS)
		return;
	if (!tables[cpu])
		tables[cpu] = calloc(SLOTS, sizeof(struct line));
	if (!tables[cpu])
		abort();
	__atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
	inside[cpu] = true;
}

static void end(unsigned int cpu, void *arg)
{
	(void)arg;
	if (cpu >= MAX_CPUS || !inside[cpu])
		return;
	inside[cpu] = false;
	if (__atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST))
		return;
	for (unsigned int i = 0; i < MAX_CPUS; i++)
		for (uint32_t round = 0; tables[i] && round < SLOTS; round++)
			if (tables[i][round].writes)
				report(i, &tables[i][round]);
	fprintf(out, "end %lu\n", ipis);
	ipis = 0;
	fflush(out);
	for (unsigned int i = 0; i < MAX_CPUS; i++) {
		free(tables[i]); /* another one is zero without being touched */
		tables[i] = NULL;
	}
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (!watch_mark(insn, begin, end))
			qemu_plugin_register_vcpu_mem_cb(insn, accessed, NO_REGISTERS, READS_WRITES,
							 (void *)qemu_plugin_insn_vaddr(insn));
	}
}

EXPORTED int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4) || !(out = fopen(argv[0] + 4, "w"))) {
		fprintf(stderr, "share.so: out=FILE, please\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
