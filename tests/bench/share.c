// SPDX-License-Identifier: MIT
/*
 * A QEMU plugin: which cache lines do processors take from each other?
 *
 *	-plugin share.so,out=FILE
 *
 * Each processor notes the lines that it reads and writes between its marks
 * (mark.h), in a table of its own. At the mark that tells that all have ended, FILE gets
 * one line for each cache line that one processor wrote and another touched:
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

#define MAX_CPUS    64
#define LINE_SHIFT  6
#define FIRST_SLOTS 4096u

EXPORTED int qemu_plugin_version = 1;

/* What one processor did to a line, or what all did. */
struct line {
	uint64_t number;	  /* physical; 0: free */
	uint64_t address, writer; /* of the last write; of all: of the one that writes most */
	uint64_t toucher;	  /* of the last access; of all: of one of the others */
	uint64_t reads, writes;
	uint64_t most_writes, most_touches, most_toucher; /* of the one that writes most */
};

/* Lines by number: open addressing, at most half full. */
struct table {
	struct line *lines;
	uint32_t nslots, nused; /* slots: a power of two */
};

static struct table tables[MAX_CPUS];
static bool inside[MAX_CPUS];
static unsigned long ipis;
static FILE *out;

static struct line *find_slot(const struct table *table, uint64_t number)
{
	uint32_t i = number * 0x9e3779b97f4a7c15ull >> 32;

	while (table->lines[i & (table->nslots - 1)].number &&
	       table->lines[i & (table->nslots - 1)].number != number)
		i++;
	return &table->lines[i & (table->nslots - 1)];
}

static void resize_table(struct table *table, uint32_t nslots)
{
	const struct table old = *table;

	table->nslots = nslots;
	table->lines = calloc(nslots, sizeof(struct line));
	if (!table->lines)
		abort();
	for (uint32_t i = 0; i < old.nslots; i++)
		if (old.lines[i].number)
			*find_slot(table, old.lines[i].number) = old.lines[i];
	free(old.lines);
}

/* The line's place, a new one if it has none. */
static struct line *line_of(struct table *table, uint64_t number)
{
	struct line *line;

	if (!table->lines)
		resize_table(table, FIRST_SLOTS);
	line = find_slot(table, number);
	if (line->number)
		return line;
	if (++table->nused > table->nslots / 2) {
		resize_table(table, table->nslots * 2);
		line = find_slot(table, number);
	}
	line->number = number;
	return line;
}

static void empty_table(struct table *table)
{
	free(table->lines);
	*table = (struct table){ 0 };
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
	line = line_of(&tables[cpu], (qemu_plugin_hwaddr_phys_addr(hwaddr) >> LINE_SHIFT) + 1);
	line->toucher = (uint64_t)arg;
	if (!qemu_plugin_mem_is_store(info)) {
		line->reads++;
		return;
	}
	line->writes++;
	line->address = address;
	line->writer = (uint64_t)arg;
}

/* Add what one processor did to what all did. */
static void add_line(struct line *all, const struct line *line)
{
	all->reads += line->reads;
	all->writes += line->writes;
	if (line->writes <= all->most_writes) {
		all->toucher = line->toucher;
		return;
	}
	if (all->most_writes)
		all->toucher = all->most_toucher;
	all->most_writes = line->writes;
	all->most_touches = line->reads + line->writes;
	all->most_toucher = line->toucher;
	all->address = line->address;
	all->writer = line->writer;
}

static void report(const struct line *all)
{
	const uint64_t others = all->reads + all->writes - all->most_touches;

	if (all->writes && others)
		fprintf(out, "%llu %llu %llx %llx %llx\n", (unsigned long long)all->writes,
			(unsigned long long)others, (unsigned long long)all->address,
			(unsigned long long)all->writer, (unsigned long long)all->toucher);
}

static void report_tables(void)
{
	struct table all = { 0 };

	for (unsigned int i = 0; i < MAX_CPUS; i++) {
		for (uint32_t slot = 0; slot < tables[i].nslots; slot++)
			if (tables[i].lines[slot].number)
				add_line(line_of(&all, tables[i].lines[slot].number),
					 &tables[i].lines[slot]);
		empty_table(&tables[i]);
	}
	for (uint32_t slot = 0; slot < all.nslots; slot++)
		report(&all.lines[slot]);
	empty_table(&all);
}

static void begin(unsigned int cpu, void *arg)
{
	(void)arg;
	if (cpu < MAX_CPUS)
		inside[cpu] = true;
}

static void end(unsigned int cpu, void *arg)
{
	(void)arg;
	if (cpu < MAX_CPUS)
		inside[cpu] = false;
}

static void tell(unsigned int cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	report_tables();
	fprintf(out, "end %lu\n", ipis);
	ipis = 0;
	fflush(out);
}

static void watch(struct qemu_plugin_insn *insn)
{
	static const uint8_t begin_mark[] = { MARK_BEGIN }, end_mark[] = { MARK_END },
			     tell_mark[] = { MARK_TELL };

	if (!watch_mark(insn, begin_mark, begin) && !watch_mark(insn, end_mark, end) &&
	    !watch_mark(insn, tell_mark, tell))
		qemu_plugin_register_vcpu_mem_cb(insn, accessed, NO_REGISTERS, READS_WRITES,
						 (void *)qemu_plugin_insn_vaddr(insn));
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++)
		watch(qemu_plugin_tb_get_insn(tb, i));
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
