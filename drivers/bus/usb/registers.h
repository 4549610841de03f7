/* SPDX-License-Identifier: MIT */
/**
 * @file registers.h  Registers and memory structures of a controller: xHCI 1.2, chapters 5 and 6.
 *
 * Capability registers are read by 32 bits only: there are controllers (QEMU's) on which a
 * narrower read returns 0.
 */
#ifndef USB_REGISTERS_H
#define USB_REGISTERS_H

/* Capability registers, 5.3. */
#define CAP_LENGTH	0x00 /* low byte: offset of the operational registers */
#define CAP_STRUCTURAL1 0x04
#define CAP_STRUCTURAL2 0x08
#define CAP_PARAMETERS	0x10
#define CAP_DOORBELLS	0x14
#define CAP_RUNTIME	0x18
#define PARAMETER_64BIT 0x1u /* addresses have 64 bits */
#define PARAMETER_CSZ	0x4u /* contexts have 64 bytes */

/* Operational registers, 5.4. */
#define OP_COMMAND	  0x00
#define COMMAND_RUN	  0x1u
#define COMMAND_RESET	  0x2u
#define COMMAND_INTERRUPT 0x4u
#define COMMAND_HOST_ERR  0x8u
#define OP_STATUS	  0x04
#define STATUS_HALTED	  0x0001u
#define STATUS_HOST_ERROR 0x0004u
#define STATUS_INTERRUPT  0x0008u
#define STATUS_NOT_READY  0x0800u
#define STATUS_ERROR	  0x1000u
#define OP_PAGE_SIZE	  0x08
#define OP_COMMAND_RING	  0x18
#define OP_CONTEXTS	  0x30
#define OP_CONFIG	  0x38
#define OP_PORTS	  0x400
#define PORT_STRIDE	  0x10

/* Port status and control, 5.4.8. */
#define PORT_CONNECTED	    0x00000001u
#define PORT_ENABLED	    0x00000002u /* writing 1 disables the port */
#define PORT_RESET	    0x00000010u
#define PORT_POWER	    0x00000200u
#define PORT_SPEED(status)  ((status) >> 10 & 15)
#define PORT_CONNECT_CHANGE 0x00020000u
#define PORT_CHANGES	    0x00fe0000u
#define PORT_WARM_RESET	    0x80000000u
#define PORT_KEEP	    0x0e00c200u /* bits that are written as they were read */

/* Runtime registers of interrupter 0, 5.5.2; from the start of the runtime registers. */
#define RUN_MANAGEMENT	   0x20
#define MANAGEMENT_PENDING 1u
#define MANAGEMENT_ENABLE  2u
#define RUN_MODERATION	   0x24 /* in units of 250 ns */
#define RUN_SEGMENTS	   0x28
#define RUN_SEGMENT_TABLE  0x30
#define RUN_DEQUEUE	   0x38
#define DEQUEUE_BUSY	   8u
#define RUN_BYTES	   0x40

/* Extended capabilities, 7. */
#define EXTENDED_LEGACY	  1u
#define LEGACY_BIOS	  0x00010000u
#define LEGACY_OS	  0x01000000u
#define LEGACY_CONTROL	  4
#define LEGACY_KEEP	  0x000e1feeu /* all but the enables of SMIs */
#define LEGACY_EVENTS	  0xe0000000u
#define EXTENDED_PROTOCOL 2u

/* Types of TRBs, 6.4.6, as they stand in the control word. */
#define TRB_TYPE(control)    ((control) >> 10 & 63)
#define TRB_NORMAL	     (1u << 10)
#define TRB_SETUP	     (2u << 10)
#define TRB_DATA	     (3u << 10)
#define TRB_STATUS	     (4u << 10)
#define TRB_LINK	     (6u << 10)
#define TRB_ENABLE_SLOT	     (9u << 10)
#define TRB_DISABLE_SLOT     (10u << 10)
#define TRB_ADDRESS_DEVICE   (11u << 10)
#define TRB_CONFIGURE	     (12u << 10)
#define TRB_EVALUATE	     (13u << 10)
#define TRB_RESET_ENDPOINT   (14u << 10)
#define TRB_STOP_ENDPOINT    (15u << 10)
#define TRB_SET_DEQUEUE	     (16u << 10)
#define TRB_EVENT_TRANSFER   32
#define TRB_EVENT_COMMAND    33
#define TRB_EVENT_PORT	     34
#define TRB_EVENT_CONTROLLER 37

/* Bits of the control word. */
#define TRB_CYCLE		0x01u
#define TRB_TOGGLE		0x02u /* of a link */
#define TRB_ON_SHORT		0x04u
#define TRB_ON_DONE		0x20u
#define TRB_IMMEDIATE		0x40u
#define TRB_IN			0x10000u
#define TRB_SETUP_OUT		(2u << 16)
#define TRB_SETUP_IN		(3u << 16)
#define TRB_SLOT(slot)		((uint32_t)(slot) << 24)
#define TRB_ENDPOINT(number)	((uint32_t)(number) << 16)
#define TRB_SLOT_TYPE(number)	((uint32_t)(number) << 16)
#define EVENT_SLOT(control)	((control) >> 24)
#define EVENT_ENDPOINT(control) ((control) >> 16 & 31)
#define EVENT_CODE(status)	((status) >> 24)
#define EVENT_LEFT(status)	((status)&0xffffff)
#define EVENT_PORT(parameter)	((uint32_t)((parameter) >> 24) & 0xff)

/* Completion codes, 6.4.5. */
#define CODE_SUCCESS	  1u
#define CODE_BABBLE	  3u
#define CODE_TRANSACTION  4u
#define CODE_STALL	  6u
#define CODE_NO_RESOURCE  7u
#define CODE_NO_BANDWIDTH 8u
#define CODE_NO_SLOTS	  9u
#define CODE_SHORT	  13u
#define CODE_UNDERRUN	  14u
#define CODE_OVERRUN	  15u
#define CODE_STOPPED	  26u
#define CODE_STOPPED_AT	  27u
#define CODE_STOPPED_LOW  28u

/* Contexts, 6.2: indexes of words. */
#define INPUT_DROP		    0
#define INPUT_ADD		    1
#define SLOT_SPEED(speed)	    ((uint32_t)(speed) << 20)
#define SLOT_ENTRIES(count)	    ((uint32_t)(count) << 27)
#define SLOT_ENTRIES_MASK	    0xf8000000u
#define SLOT_PORT(port)		    ((uint32_t)(port) << 16)
#define ENDPOINT_STATE(word)	    ((word)&7)
#define ENDPOINT_RUNNING	    1u
#define ENDPOINT_HALTED		    2u
#define ENDPOINT_INTERVAL(exponent) ((uint32_t)(exponent) << 16)
#define ENDPOINT_RETRIES	    (3u << 1)
#define ENDPOINT_CONTROL	    (4u << 3)
#define ENDPOINT_INTERRUPT_IN	    (7u << 3)
#define ENDPOINT_BURST(burst)	    ((uint32_t)(burst) << 8)
#define ENDPOINT_PACKET(bytes)	    ((uint32_t)(bytes) << 16)
#define ENDPOINT_PAYLOAD(bytes)	    ((uint32_t)(bytes) << 16)

#define CONTROL_ENDPOINT 1  /* number of endpoint 0's context */
#define ENDPOINTS	 32 /* contexts of a device, with that of the slot */

#endif
