/* SPDX-License-Identifier: MIT */
/* What tests of packets have in common. */
#pragma once
#include <kernel/packet.h>

#define TABLE_ENTRIES 2048u /* far more than a test uses at once */
#define TABLE_FRAME   200u

/* The table of packets grows with what is in use at once, and stays. */
static inline void packet_table_grow(void)
{
	struct packet_list packets = { 0 };

	for (u32 i = 0; i < TABLE_ENTRIES; i++) {
		struct packet *packet = packet_alloc(TABLE_FRAME, 0);

		if (packet)
			packet_list_add(&packets, packet);
	}
	packets_free(&packets);
}
