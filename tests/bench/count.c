// SPDX-License-Identifier: MIT
/*
 * A QEMU plugin: what runs between two marks of the program under test.
 *
 *	-plugin count.so,out=FILE [-d plugin,int -D LOG]
 *
 * A mark is a NOP that nobody else writes (mark.h). At each end mark FILE gets
 * one line for every instruction that ran since the begin mark:
 *
 *	SPAN ADDRESS COUNT KINDS DEVICES IPIS
 *
 * where SPAN counts from 0 and KINDS is a set of INSN_* (decode.h). DEVICES is how often
 * it accessed a device: a port, or memory that QEMU answers by code; the local APIC is such
 * memory. IPIS is how often it sent an inter-processor interrupt. Instructions of all processors
 * are counted; use one.
 *
 * Version 1 of the interface shows neither registers nor interrupts. So whether a load of CR3 or CR4
 * flushes is not known: each is told. Interrupts are in QEMU's log, one line "Servicing hardware
 * INT=0x.." each; LOG also gets BEGIN and END at the marks, which say what was taken between them.
 * An instruction that faults is counted again when it is repeated.
 */
#include <stdio.h>
#include <stdlib.h>
#include "decode.h"
#include "plugin.h"

EXPORTED int qemu_plugin_version = 1;

/* One translation of one instruction. */
struct site {
	struct site *next;
	uint64_t address, count;
	uint64_t devices, ipis;
	unsigned int kinds;
};

static struct site *sites;
static bool inside;
static unsigned int span;
static FILE *out;

static void executed(unsigned int cpu, void *arg)
{
	struct site *site = arg;

	(void)cpu;
	site->count += inside;
	if (site->kinds & INSN_PORT)
		site->devices += inside;
}

static void accessed(unsigned int cpu, uint32_t info, uint64_t address, void *arg)
{
	const struct qemu_plugin_hwaddr *hwaddr;
	struct site *site = arg;

	(void)cpu;
	if (!inside)
		return;
	if (site->kinds & INSN_PORT_STRING)
		site->devices++;
	hwaddr = qemu_plugin_get_hwaddr(info, address);
	if (!hwaddr || !qemu_plugin_hwaddr_is_io(hwaddr))
		return;
	site->devices++;
	if (sends_ipi(info, hwaddr))
		site->ipis++;
}

static void begin(unsigned int cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	if (inside) /* the program ended before its end mark */
		for (struct site *site = sites; site; site = site->next)
			site->count = site->devices = site->ipis = 0;
	inside = true;
	qemu_plugin_outs("BEGIN\n");
}

static void end(unsigned int cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	inside = false;
	qemu_plugin_outs("END\n");
	for (struct site *site = sites; site; site = site->next) {
		if (site->count || site->devices) /* an access may be translated alone */
			fprintf(out, "%u %llx %llu %u %llu %llu\n", span,
				(unsigned long long)site->address, (unsigned long long)site->count,
				site->kinds, (unsigned long long)site->devices,
				(unsigned long long)site->ipis);
		site->count = site->devices = site->ipis = 0;
	}
	span++;
	fflush(out);
}

static void watch(struct qemu_plugin_insn *insn)
{
	static const uint8_t begin_mark[] = { MARK_BEGIN }, end_mark[] = { MARK_END };
	struct site *site;

	if (watch_mark(insn, begin_mark, begin) || watch_mark(insn, end_mark, end))
		return;
	site = calloc(1, sizeof(*site));
	if (!site)
		abort();
	site->address = qemu_plugin_insn_vaddr(insn);
	site->kinds = insn_kinds(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn));
	site->next = sites;
	sites = site;
	qemu_plugin_register_vcpu_insn_exec_cb(insn, executed, NO_REGISTERS, site);
	qemu_plugin_register_vcpu_mem_cb(insn, accessed, NO_REGISTERS, READS_WRITES, site);
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
