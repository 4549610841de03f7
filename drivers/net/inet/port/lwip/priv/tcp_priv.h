/* SPDX-License-Identifier: MIT */
/**
 * @file tcp_priv.h  lwIP's header of this name, but pcbs are registered in the table of connections, table.c: lwIP's
 * lists are empty, but for what the table shows it while it has something to do.
 */
#pragma once
#include_next <lwip/priv/tcp_priv.h>

/* As on Linux (tcp_fin_timeout): how long the end of a connection that no program has open is awaited. */
#undef TCP_FIN_WAIT_TIMEOUT
#define TCP_FIN_WAIT_TIMEOUT 60000

/** A pcb is registered where lwIP would put it into one of its lists. */
void table_add(struct tcp_pcb **list, struct tcp_pcb *pcb);
/** A pcb is taken out, if it is there. */
void table_remove(struct tcp_pcb **list, struct tcp_pcb *pcb);
/** Memory for a connection, for which one in TIME_WAIT may end. */
void *inet_tcp_memory(memp_t type);
#undef TCP_REG
#undef TCP_RMV
#define TCP_REG(pcbs, npcb) table_add(pcbs, npcb)
#define TCP_RMV(pcbs, npcb) table_remove(pcbs, npcb)
