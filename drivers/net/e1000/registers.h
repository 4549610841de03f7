/* SPDX-License-Identifier: MIT */
/**
 * @file registers.h  The registers of a card: offsets, and bits of them.
 *
 * Sources: 8254x Software Developer's Manual, 13; 82574L data sheet, 10. What is in the second only has 82574 in its name.
 */
#ifndef E1000_REGISTERS_H
#define E1000_REGISTERS_H

#define REGISTERS_BYTES 0x6000u /* as far as they are used here */
#define ALL_ONES	0xffffffffu

#define REG_CONTROL		 0x0000u
#define CONTROL_MASTER_OFF_82574 (1u << 2)
#define CONTROL_LINK_RESET	 (1u << 3)
#define CONTROL_AUTO_SPEED	 (1u << 5)
#define CONTROL_LINK_UP		 (1u << 6)
#define CONTROL_INVERT_LOSS	 (1u << 7)
#define CONTROL_FORCE_SPEED	 (1u << 11)
#define CONTROL_FORCE_DUPLEX	 (1u << 12)
#define CONTROL_RESET		 (1u << 26)
#define CONTROL_FLOW		 (3u << 27) /* pause frames, both ways */
#define CONTROL_VLAN		 (1u << 30)
#define CONTROL_PHY_RESET	 (1u << 31)

#define REG_STATUS	    0x0008u
#define STATUS_MASTER_82574 (1u << 19)

#define REG_EEPROM_READ	       0x0014u
#define REG_EXTENDED	       0x0018u
#define EXTENDED_AUTO_MASK     (1u << 27) /* as IAM says, which is 0: not all that EIAC clears */
#define EXTENDED_LOADED	       (1u << 28)
#define EXTENDED_PENDING_CLEAR (1u << 31)

#define REG_FLOW_LOW	   0x0028u
#define REG_FLOW_HIGH	   0x002cu
#define REG_FLOW_TYPE	   0x0030u
#define REG_FLOW_TIME	   0x0170u
#define REG_CAUSES	   0x00c0u /* cleared by reading; on 82574 also by writing bits */
#define REG_CAUSES_RAISE   0x00c8u
#define REG_MASK_SET	   0x00d0u
#define REG_MASK_CLEAR	   0x00d8u
#define REG_AUTO_CLEAR	   0x00dcu /* 82574: causes that their message clears */
#define REG_VECTORS	   0x00e4u /* 82574 */
#define CAUSE_SENT	   (1u << 0)
#define CAUSE_LINK	   (1u << 2)
#define CAUSE_FEW	   (1u << 4)
#define CAUSE_OVERRUN	   (1u << 6)
#define CAUSE_RECEIVED	   (1u << 7)
#define CAUSE_RX_82574	   (1u << 20)
#define CAUSE_TX_82574	   (1u << 22)
#define CAUSE_OTHER_82574  (1u << 24)
#define VECTOR_RX_SHIFT	   0u
#define VECTOR_TX_SHIFT	   8u
#define VECTOR_OTHER_SHIFT 16u
#define VECTOR_VALID	   8u

#define REG_RECEIVE_CONTROL 0x0100u
#define RECEIVE_ENABLE	    (1u << 1)
#define RECEIVE_ALL	    (1u << 3)
#define RECEIVE_ALL_GROUPS  (1u << 4)
#define RECEIVE_LONG	    (1u << 5)
#define RECEIVE_BROADCAST   (1u << 15)
#define RECEIVE_BUFFER_1024 (1u << 16)
#define RECEIVE_STRIP	    (1u << 26) /* the checksum of a frame is not written to memory */

#define REG_SEND_CONTROL 0x0400u
#define SEND_ENABLE	 (1u << 1)
#define SEND_PAD	 (1u << 3)
#define SEND_RETRIES	 (15u << 4)
#define SEND_DISTANCE	 (64u << 12)
#define SEND_OWN	 0x003ffffau /* bits that are written here; the others stay */
#define REG_SEND_GAP	 0x0410u
#define SEND_GAP_82540	 0x0060200au

/* Queues: these behind each other from a base on. */
#define REG_RECEIVE	   0x2800u
#define REG_SEND	   0x3800u
#define QUEUE_LOW	   0x00u
#define QUEUE_HIGH	   0x04u
#define QUEUE_BYTES	   0x08u
#define QUEUE_HEAD	   0x10u
#define QUEUE_TAIL	   0x18u
#define QUEUE_DELAY	   0x20u
#define QUEUE_CONTROL	   0x28u
#define QUEUE_DELAY_MOST   0x2cu
#define SEND_COUNTED_82574 (1u << 22) /* of the sending queue's control */

#define REG_RECEIVE_CHECKSUM 0x5000u
#define CHECKSUM_IP	     (1u << 8)
#define CHECKSUM_TCP_UDP     (1u << 9)

#define REG_GROUPS	   0x5200u /* 128 registers: a bit for each hash */
#define REG_ADDRESS(index) (0x5400u + 8u * (index))
#define ADDRESS_VALID	   (1u << 31) /* in its upper half */

#endif
