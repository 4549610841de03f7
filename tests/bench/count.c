// SPDX-License-Identifier: MIT
/*
 * A QEMU plugin: what runs between two marks of the program under test.
 *
 *	-plugin count.so,out=FILE
 *
 * A mark is a NOP that nobody else writes (mark.h). At each end mark FILE gets
 * one line for every instruction that ran since the begin mark:
 *
 *	SPAN ADDRESS COUNT LOCKED
 *
 * where SPAN counts from 0, and LOCKED is 1 for what locks the bus or the cache
 * line: a lock prefix, an exchange with memory, a full fence. Instructions of
 * all processors are counted; use one.
 */
#include <stdio.h>
#include <stdlib.h>
#include "plugin.h"

EXPORTED int qemu_plugin_version = 1;

/* One translation of one instruction. */
struct site {
	struct site *next;
	uint64_t address, count;
	bool locked;
};

static struct site *sites;
static bool inside;
static unsigned int span;
static FILE *out;

/* Intel SDM vol. 3, 9.1.2: which instructions lock. */
static bool locks(const uint8_t *code, size_t len)
{
	size_t i = 0;

	while (i < len && (strchr("\x66\xf2\xf3\x2e\x36\x3e\x26\x64\x65\x67", code[i]) && code[i]))
		i++;
	if (i < len && code[i] == 0xf0)
		return true;
	if (i < len && (code[i] & 0xf0) == 0x40) /* REX */
		i++;
	if (i + 1 < len && (code[i] & 0xfe) == 0x86) /* XCHG, but not of two registers */
		return code[i + 1] >> 6 != 3;
	return i + 2 < len && code[i] == 0x0f && code[i + 1] == 0xae &&
	       code[i + 2] == 0xf0; /* MFENCE */
}

static void executed(unsigned int cpu, void *arg)
{
	struct site *site = arg;

	(void)cpu;
	site->count += inside;
}

static void begin(unsigned int cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	inside = true;
}

static void end(unsigned int cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	inside = false;
	for (struct site *site = sites; site; site = site->next) {
		if (site->count)
			fprintf(out, "%u %llx %llu %d\n", span, (unsigned long long)site->address,
				(unsigned long long)site->count, site->locked);
		site->count = 0;
	}
	span++;
	fflush(out);
}

static void watch(struct qemu_plugin_insn *insn)
{
	struct site *site;

	if (watch_mark(insn, begin, end))
		return;
	site = calloc(1, sizeof(*site));
	if (!site)
		abort();
	site->address = qemu_plugin_insn_vaddr(insn);
	site->locked = locks(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn));
	site->next = sites;
	sites = site;
	qemu_plugin_register_vcpu_insn_exec_cb(insn, executed, NO_REGISTERS, site);
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
		fprintf(stderr, "count.so: out=FILE, please\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
