/* SPDX-License-Identifier: MIT */
/**
 * @file registers.h  Registers and commands of a controller: NVM Express 1.4, chapters 3, 5 and 6.
 *
 * Registers of 64 bits are accessed by halves, which every controller allows (3.1).
 */
#ifndef NVME_REGISTERS_H
#define NVME_REGISTERS_H

/* Registers, 3.1. */
#define REG_CAPABILITIES 0x00
#define REG_VERSION	 0x08
#define REG_MASK_SET	 0x0c /* of interrupts; not to be touched while messages are used */
#define REG_CONFIG	 0x14
#define REG_STATUS	 0x1c
#define REG_ADMIN_SIZES	 0x24
#define REG_ADMIN_SUBMIT 0x28
#define REG_ADMIN_DONE	 0x30
#define REG_DOORBELLS	 0x1000

#define CONFIG_ENABLE	   0x00000001u
#define CONFIG_PAGE_AT	   7	       /* bits that tell the page's size: its shift - 12 */
#define CONFIG_SHUTDOWN	   0x00004000u /* a normal one is announced */
#define CONFIG_ENTRY_SIZES 0x00460000u /* of completions 2^4, of submissions 2^6 */

#define STATUS_READY	     0x1u
#define STATUS_FATAL	     0x2u
#define STATUS_SHUTDOWN	     0xcu
#define STATUS_SHUTDOWN_DONE 0x8u

/* Commands for the admin queue, 5, and their arguments. */
#define ADMIN_DELETE_SUBMISSION 0x00
#define ADMIN_CREATE_SUBMISSION 0x01
#define ADMIN_DELETE_COMPLETION 0x04
#define ADMIN_CREATE_COMPLETION 0x05
#define ADMIN_IDENTIFY		0x06
#define ADMIN_SET_FEATURES	0x09
#define IDENTIFY_NAMESPACE	0u
#define IDENTIFY_CONTROLLER	1u
#define IDENTIFY_NAMESPACES	2u /* the list of the active ones; since 1.1 */
#define FEATURE_QUEUES		7u
#define QUEUE_CONTIGUOUS	1u
#define QUEUE_INTERRUPTS	2u
#define QUEUE_VECTOR_AT		16

/* Commands of the NVM command set, 6. */
#define NVM_FLUSH	 0x00
#define NVM_WRITE	 0x01
#define NVM_READ	 0x02
#define NVM_WRITE_ZEROES 0x08
#define NVM_RANGES	 0x09	     /* dataset management */
#define WRITE_DURABLE	 0x40000000u /* with the number of blocks */
#define ZEROES_UNMAP	 0x02000000u
#define RANGES_DISCARD	 4u

/* A completion's status without its phase: 4.6.1. */
#define STATUS_CODE(status) ((status) >> 1 & 0xff)
#define STATUS_TYPE(status) ((status) >> 9 & 7)

#define STATUS_WHICH(status) ((status) >> 1 & 0x7ff) /* both */
#define FAULT_OPCODE	     0x001u
#define FAULT_CAPACITY	     0x081u
#define FAULT_PROTECTED	     0x020u

#define VERSION_1_1 0x00010100u

#endif
