/* SPDX-License-Identifier: MIT */
/**
 * @file decode.h  Instructions that cost more than others, known by their bytes: what the
 * plugin count.c counts beside all instructions. Pure: tests/host/test_decode.c.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/** Locks the bus or the cache line: a lock prefix, an exchange with memory, a full fence. */
#define INSN_LOCKED 0x01u
/** Accesses an I/O port once: IN, OUT. */
#define INSN_PORT 0x02u
/** Accesses an I/O port at each access to memory: INS, OUTS, also repeated. */
#define INSN_PORT_STRING 0x04u
/** Loads CR3. */
#define INSN_CR3 0x08u
/**
 * Flushes the TLB, or a page of it: INVLPG, INVPCID, a load of CR3 or of CR4. Whether a load of
 * CR3 has the bit that keeps the TLB, and whether one of CR4 changes PGE, its bytes don't tell:
 * they are counted in any case.
 */
#define INSN_FLUSH 0x10u

/**
 * @brief Which of these is the instruction?
 * @param code	its bytes, of 64-bit code
 * @param len	how many these are; no more are read
 * @return a set of INSN_*, 0 for most
 */
unsigned int insn_kinds(const uint8_t *code, size_t len);
