/* SPDX-License-Identifier: MIT */
/**
 * @file plugin.h  QEMU's plugin interface, version 1 (QEMU 4.2 to 8.1;
 * docs/devel/tcg-plugins), as far as it is used here, since Debian's packages come
 * without its header; and the instructions of the program that are marks.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "mark.h"

#define EXPORTED __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;
typedef void translated_fn(uint64_t id, struct qemu_plugin_tb *tb);
typedef void executed_fn(unsigned int cpu, void *arg);
typedef void accessed_fn(unsigned int cpu, uint32_t info, uint64_t address, void *arg);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, translated_fn *fn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, executed_fn *fn,
					    int registers, void *arg);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, accessed_fn *fn, int registers,
				      int rw, void *arg);
#define NO_REGISTERS 0
#define READS_WRITES 3
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
bool qemu_plugin_mem_is_store(uint32_t info);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(uint32_t info, uint64_t address);
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *hwaddr);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *hwaddr);
void qemu_plugin_outs(const char *text);

/** @brief If @p insn is the mark of these bytes (mark.h), have @p fn called there. @return was it? */
static inline bool watch_mark(struct qemu_plugin_insn *insn, const uint8_t mark[MARK_SIZE],
			      executed_fn *fn)
{
	if (qemu_plugin_insn_size(insn) != MARK_SIZE ||
	    memcmp(qemu_plugin_insn_data(insn), mark, MARK_SIZE))
		return false;
	qemu_plugin_register_vcpu_insn_exec_cb(insn, fn, NO_REGISTERS, NULL);
	return true;
}

#define APIC_ICR 0xfee00300u /* where every PC has it after reset */

/**
 * @brief Does this access to a device send an inter-processor interrupt: is it a write to the
 * lower half of the local APIC's command register (Intel SDM vol. 3, 11.6.1)?
 * @note This QEMU has no x2APIC, whose command register is an MSR.
 */
static inline bool sends_ipi(uint32_t info, const struct qemu_plugin_hwaddr *hwaddr)
{
	return qemu_plugin_mem_is_store(info) && qemu_plugin_hwaddr_phys_addr(hwaddr) == APIC_ICR;
}
