/* SPDX-License-Identifier: MIT */
/** @file registers.h  Registers of AHCI: AHCI 1.3.1, 3; and what is in the memory of a port: 4. */
#ifndef AHCI_REGISTERS_H
#define AHCI_REGISTERS_H

/* The controller, 3.1. */
#define HBA_CAP		0x00
#define HBA_CONTROL	0x04
#define HBA_INTERRUPTS	0x08 /* ports that have one */
#define HBA_PORTS	0x0c /* a bit each */
#define HBA_CAP2	0x24
#define HBA_HANDOFF	0x28
#define CAP_SLOTS(cap)	(((cap) >> 8 & 31) + 1)
#define CAP_NCQ		0x40000000u
#define CAP_64_BITS	0x80000000u
#define CONTROL_RESET	0x00000001u
#define CONTROL_ENABLED 0x00000002u /* of interrupts */
#define CONTROL_AHCI	0x80000000u
#define CAP2_HANDOFF	1u
#define HANDOFF_BIOS	1u
#define HANDOFF_SYSTEM	2u

/* A port, 3.3. */
#define PORT_BASE(number) (0x100u + (number)*0x80u)
#define PORT_BYTES	  0x80u
#define PORTS_MAX	  32u
#define PORT_LIST	  0x00
#define PORT_RECEIVED	  0x08
#define PORT_INTERRUPT	  0x10
#define PORT_ENABLED	  0x14
#define PORT_COMMAND	  0x18
#define PORT_TASK	  0x20
#define PORT_SIGNATURE	  0x24
#define PORT_LINK	  0x28
#define PORT_LINK_CONTROL 0x2c
#define PORT_LINK_ERROR	  0x30
#define PORT_ACTIVE	  0x34 /* queued commands that are out */
#define PORT_ISSUED	  0x38

#define INTERRUPT_CONNECTED 0x00000040u
#define INTERRUPT_LINK	    0x00400000u
#define INTERRUPT_ERRORS    0x7d000000u
#define INTERRUPT_WANTED    0x7dc0007fu

#define COMMAND_START	  0x0001u
#define COMMAND_SPIN_UP	  0x0002u
#define COMMAND_POWER	  0x0004u
#define COMMAND_RECEIVE	  0x0010u
#define COMMAND_RECEIVING 0x4000u
#define COMMAND_RUNNING	  0x8000u
#define TASK_ERROR	  0x01u
#define TASK_DATA	  0x08u
#define TASK_BUSY	  0x80u
#define LINK_DETECT(link) ((link)&15)
#define LINK_UP		  3u
#define LINK_RESET	  1u
#define SIGNATURE_PACKET  0xeb140101u

/* The memory of a port. */
#define LIST_BYTES	1024u /* 32 headers */
#define HEADER_WORDS	8u
#define TABLE_BYTES	1024u
#define TABLE_PACKET	0x40u
#define TABLE_PIECES	0x80u
#define PIECES_MAX	((TABLE_BYTES - TABLE_PIECES) / 16)
#define PIECE_BYTES_MAX 0x400000u

#define HEADER_FIS_WORDS 5u
#define HEADER_PACKET	 0x20u
#define HEADER_WRITE	 0x40u
#define HEADER_PIECES_AT 16

/* Commands of ATA: ACS-3, 7. */
#define ATA_READ	    0x25
#define ATA_WRITE	    0x35
#define ATA_READ_QUEUED	    0x60
#define ATA_WRITE_QUEUED    0x61
#define ATA_FLUSH	    0xea
#define ATA_RANGES	    0x06
#define ATA_PACKET	    0xa0
#define ATA_IDENTIFY_PACKET 0xa1
#define ATA_IDENTIFY	    0xec
#define ATA_RANGES_TRIM	    1u
#define ATA_PACKET_DMA	    1u

#endif
