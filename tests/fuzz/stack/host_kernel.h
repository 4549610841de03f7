/* SPDX-License-Identifier: MIT */
/**
 * @file host_kernel.h  As much of a kernel as a TCP/IP stack asks for, in a program: host_kernel.c has what its driver calls,
 * network.c what calls its driver. One thread, a clock that the test sets, and nothing is left when the driver goes.
 */
#pragma once
#include <banos/driver.h>
#include <banos/packet_hook.h>
#include <banos/protocol.h>
#include <banos/socket_family.h>
#include <stdbool.h>

#define HOST_SECOND UINT64_C(1000000000)

/** Stop with @p what if a promise is broken. */
void require(int holds, const char *what);

/** The kernel's side of a socket. */
struct banos_socket_ {
	void *own;
	uint32_t family, type;
	bool is_open;
};

/** A program's memory: @p size bytes, of which the last ones may be unreadable. */
struct banos_buffer_ {
	uint8_t *bytes;
	uint64_t size, good, at;
};

/** A frame that was sent. */
struct sent_frame {
	uint8_t *bytes;
	uint32_t length, interface;
};

/** What a run of the kernel depends on. */
struct host_settings {
	uint64_t memory_limit; /**< banos_net_memory_limit() */
	uint32_t fail_every;   /**< of allocations; 0: none fails */
	uint32_t hooks;	       /**< points that have a hook */
	uint32_t hook_drops;   /**< every so many-th frame is dropped there; 0: none */
};

/** Install the driver of that name, as if no one had run before; init() succeeds. */
void host_install(const char *name, const struct host_settings *settings);
/** From now on allocations fail as the settings say. */
void host_begin_failing(void);
/** Remove it. What it holds must be given back. */
void host_remove(void);

void host_pass_time(uint64_t ns);
/** A frame arrives. @p cut: it comes in two packets, that many bytes in the first one; 0: in one */
void host_receive(uint32_t interface, const uint8_t *bytes, uint32_t length, uint32_t flags,
		  uint32_t cut);
/** @return the frame that was sent first and not taken yet; bytes NULL: none. The caller frees its bytes */
struct sent_frame host_take_sent(void);

int64_t host_interface(uint32_t event, uint32_t index, uint32_t flags, uint32_t mtu);
int64_t host_configure(uint32_t event, const struct banos_net_setting *setting);
/** @return the methods of its sockets */
const struct banos_family_ops *host_family(void);
int64_t host_create(struct banos_socket_ *socket, uint32_t family, uint32_t type,
		    uint32_t protocol);
int64_t host_accept(struct banos_socket_ *listener, struct banos_socket_ *fresh);
void host_release(struct banos_socket_ *socket);
/** Is any lock held? */
bool host_is_locked(void);
