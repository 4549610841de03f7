// SPDX-License-Identifier: MIT
/*
 * Fuzzing a whole TCP/IP stack with libFuzzer: inet with lwIP behind its check of shape, or minip ("--stack=minip").
 *
 * An input is a row of steps: a frame arrives; a frame that the stack has sent comes back or reaches its other end, as it
 * was or damaged; a segment answers the last one that was sent, with numbers that fit; time passes; a program calls its sockets;
 * interfaces, addresses and routes change. So both ends of a connection are in the input's hands. Interface 1 is lo, whose frames
 * come back by themselves; of interface 2 the input is the other station.
 */
#include "host_kernel.h"
#include <banos/errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOCKETS	  10u
#define FRAME_MAX 2048u
#define HEADER	  14u
#define MS	  UINT64_C(1000000)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	const uint8_t *at;
	size_t left;
} input;
static struct banos_socket_ sockets[SOCKETS];
static const char *stack = "inet";
static uint64_t frames;

/* The last TCP segment that was sent by interface 2. */
static struct {
	uint8_t addresses[32];
	uint16_t from, to;
	uint32_t sequence, answer;
	bool six, is_known;
} last;

void require(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "a promise is broken: %s\n", what);
	abort();
}

static uint64_t take(unsigned count)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < count && input.left; i++, input.at++, input.left--)
		number |= (uint64_t)*input.at << 8 * i;
	return number;
}

static uint64_t take_if(bool wanted, unsigned count)
{
	return wanted ? take(count) : 0;
}

static uint32_t either(bool first, uint32_t one, uint32_t other)
{
	return first ? one : other;
}

static uint32_t header_bytes(bool six)
{
	return either(six, 40, 20);
}

/* Of an address, and of one as programs write it. */
static uint32_t address_bytes(uint32_t family)
{
	return either(family == BANOS_FAMILY_IPV6, 16, 4);
}

static uint32_t name_bytes(uint32_t family)
{
	return either(family == BANOS_FAMILY_IPV6, 28, 16);
}

static uint32_t take_data(uint8_t *to, uint32_t most)
{
	uint32_t length = (uint32_t)take(2) % (most + 1);

	if (length > input.left)
		length = (uint32_t)input.left;
	memcpy(to, input.at, length);
	input.at += length;
	input.left -= length;
	return length;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
	return get16(at) << 16 | get16(at + 2);
}

/* ---- frames ---- */

static void arrives(uint32_t interface, const uint8_t *frame, uint32_t length, uint32_t how)
{
	uint32_t flags = either(how & 1, 0, BANOS_PACKET_CHECKED);

	if ((how & 6) == 6)
		flags |= BANOS_PACKET_PARTIAL;
	frames++;
	host_receive(interface, frame, length, flags, (uint32_t)take_if(how & 8, 1));
	require(!host_is_locked(), "the lock is left");
}

/* Any bytes, behind an EtherType that the stack takes. */
static void step_frame(void)
{
	static const uint16_t types[] = { 0x800, 0x86dd, 0x806, 0x800 };
	uint32_t how = (uint32_t)take(1), length;
	uint8_t frame[HEADER + FRAME_MAX] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 9 };

	put16(frame + 12, types[how & 3]);
	length = take_data(frame + HEADER, FRAME_MAX);
	arrives(2 - (how >> 2 & 1), frame, HEADER + length, how >> 3);
}

static void note_segment(const struct sent_frame *frame)
{
	const uint8_t *ip = frame->bytes + HEADER, *segment;
	bool six = frame->length > HEADER && ip[0] >> 4 == 6;
	uint32_t header = header_bytes(six);

	if (frame->interface != 2 || frame->length < HEADER + header + 20 ||
	    ip[either(six, 6, 9)] != 6)
		return;
	segment = ip + header;
	last.is_known = true;
	last.six = six;
	memcpy(last.addresses, ip + either(six, 8, 12), either(six, 32, 8));
	last.from = (uint16_t)get16(segment);
	last.to = (uint16_t)get16(segment + 2);
	last.sequence = get32(segment + 4) + frame->length - HEADER - header -
			(segment[12] >> 4) * 4u + !!(segment[13] & 3);
	last.answer = get32(segment + 8);
}

/* What was sent comes to its other end: that of lo is the stack itself. */
static void step_sent(void)
{
	uint32_t how = (uint32_t)take(1), times = 1 + (how & 1);
	struct sent_frame frame = host_take_sent();

	if (!frame.bytes)
		return;
	note_segment(&frame);
	if (how & 2) /* it is lost */
		times = 0;
	if (how & 4)
		frame.bytes[take(2) % frame.length] ^= (uint8_t)take(1);
	if (how & 8 && frame.length > HEADER)
		frame.length = HEADER + (uint32_t)take(2) % (frame.length - HEADER);
	for (uint32_t i = 0; i < times && (frame.interface == 1 || how & 16); i++)
		arrives(frame.interface, frame.bytes, frame.length, how >> 5);
	free(frame.bytes);
}

/* A segment of the other end of a connection: the numbers fit, but for what the input adds. */
static void step_answer(void)
{
	uint8_t frame[HEADER + 40 + 20 + 40 + 600] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 9, 8 };
	uint32_t how = (uint32_t)take(1), options = (how >> 4 & 3) * 12,
		 header = header_bytes(last.six);
	uint8_t *ip = frame + HEADER, *segment = ip + header;
	uint32_t half = either(last.six, 16, 4), length;
	int32_t ahead = (int16_t)take_if(how & 4, 2), behind = (int16_t)take_if(how & 8, 2);

	if (!last.is_known)
		return;
	memcpy(ip + either(last.six, 8, 12), last.addresses + half, half);
	memcpy(ip + either(last.six, 24, 16), last.addresses, half);
	put16(segment, last.to);
	put16(segment + 2, last.from);
	put32(segment + 4, last.answer + (uint32_t)ahead);
	put32(segment + 8, last.sequence + (uint32_t)behind);
	segment[12] = (uint8_t)((20 + options) << 2);
	segment[13] = (uint8_t)(take(1) & 0x3f);
	put16(segment + 14, how & 64 ? (uint32_t)take(2) : 0x4000);
	for (uint32_t i = 0; i < options; i++)
		segment[20 + i] = (uint8_t)take(1);
	length = 20 + options + (how & 128 ? take_data(segment + 20 + options, 600) : 0);
	if (last.six) {
		put16(frame + 12, 0x86dd);
		ip[0] = 0x60;
		put16(ip + 4, length);
		ip[6] = 6;
		ip[7] = 64;
	} else {
		ip[0] = 0x45;
		put16(ip + 2, 20 + length);
		ip[8] = 64;
		ip[9] = 6;
	}
	arrives(2, frame, HEADER + header + length, 0);
	if (how & 3) /* what follows is in order */
		last.answer += length - 20 - options + !!(segment[13] & 3);
}

/* ---- programs ---- */

static uint32_t address_make(uint8_t *address, uint32_t family)
{
	static const uint8_t four[4][4] = {
		{ 10, 0, 0, 2 }, { 127, 0, 0, 1 }, { 0 }, { 10, 0, 0, 255 }
	};
	static const uint8_t six[4][16] = {
		{ 0xfd, [15] = 2 }, { [15] = 1 }, { 0 }, { [10] = 255, [11] = 255, 10, 0, 0, 2 }
	};
	uint32_t which = (uint32_t)take(1), number = family;

	memset(address, 0, BANOS_SOCKET_ADDRESS_BYTES);
	if (which & 64)
		number = (uint32_t)take(1);
	memcpy(address, &(uint16_t){ (uint16_t)number }, 2);
	put16(address + 2, which & 4 ? (uint32_t)take(2) : 80 + (which >> 3 & 1));
	if (family == 10)
		memcpy(address + 8, six[which & 3], 16);
	else
		memcpy(address + 4, four[which & 3], 4);
	if (which & 128)
		return (uint32_t)take(1) % (BANOS_SOCKET_ADDRESS_BYTES + 1);
	return name_bytes(family);
}

static void call_send(struct banos_socket_ *socket, uint32_t how)
{
	static uint8_t bytes[1 << 16];
	struct banos_socket_message message = { .size = sizeof(message) };
	struct banos_buffer_ buffer = { .bytes = bytes };

	buffer.size = take(1 + (how >> 5 & 1));
	buffer.good = how & 64 ? take(2) : buffer.size;
	if (buffer.good > buffer.size)
		buffer.good = buffer.size;
	if (how & 128)
		message.address_length = address_make(message.address, socket->family);
	message.flags = either(take(1) & 1, BANOS_SOCKET_MORE, 0);
	require(host_family()->send(socket->own, &buffer, buffer.size, &message) <=
			(int64_t)buffer.size,
		"no more is sent than there is");
}

static void call_receive(struct banos_socket_ *socket, uint32_t how)
{
	struct banos_socket_message message = { .size = sizeof(message) };
	uint64_t size = take(1 + (how >> 5 & 1));
	struct banos_buffer_ buffer = { .bytes = malloc(size + 1), .size = size };
	int64_t got;

	buffer.good = how & 64 ? take(1) : size;
	if (buffer.good > size)
		buffer.good = size;
	if (how & 128)
		message.flags = (uint32_t)take(2) & (BANOS_SOCKET_PEEK | BANOS_SOCKET_TRUNCATED |
						     BANOS_SOCKET_ERRQUEUE);
	got = host_family()->receive(socket->own, &buffer, size, &message);
	require(got <= (int64_t)size || message.flags & BANOS_SOCKET_TRUNCATED,
		"no more is received than there is room for");
	require(message.address_length <= BANOS_SOCKET_ADDRESS_BYTES &&
			message.control_length <= BANOS_SOCKET_CONTROL_BYTES,
		"addresses and control messages have bounds");
	free(buffer.bytes);
}

static void call_option(struct banos_socket_ *socket, uint32_t how)
{
	static const uint8_t levels[] = { 0, 1, 6, 41, 58, 255 };
	uint8_t bytes[64] = { 0 };
	struct banos_buffer_ buffer = { .bytes = bytes };
	uint32_t level = levels[take(1) % sizeof(levels)], option = (uint32_t)take(1);

	buffer.size = buffer.good = 4;
	if (how & 64)
		buffer.size = buffer.good = take(1) % sizeof(bytes);
	if (how & 32) {
		if (host_family()->get_option)
			host_family()->get_option(socket->own, level, option, &buffer, buffer.size);
		return;
	}
	for (uint32_t i = 0; i < buffer.size; i++)
		bytes[i] = (uint8_t)take(1);
	if (host_family()->set_option)
		host_family()->set_option(socket->own, level, option, &buffer, buffer.size);
}

static void call_create(struct banos_socket_ *socket, uint32_t how)
{
	static const uint8_t protocols[] = { 0, 6, 17, 1, 58, 255, 89, 0 };
	uint32_t family = either(how & 32, 10, 2);

	if (stack[0] == 'm')
		family = 43;
	host_release(socket);
	(void)host_create(socket, family, 1 + (how >> 6 & 3), protocols[take(1) & 7]);
}

static void walk_connections(const struct banos_family_ops *ops, uint32_t family)
{
	int64_t position = 0, next;

	do {
		struct banos_socket_description description = { .size = sizeof(description) };

		next = ops->connection(NULL, family, (uint64_t)position, &description);
		if (next && next <= position)
			abort();
		position = next;
	} while (position);
}

static void call_other(struct banos_socket_ *socket, uint32_t how)
{
	const struct banos_family_ops *ops = host_family();
	struct banos_socket_description description = { .size = sizeof(description) };
	uint8_t address[BANOS_SOCKET_ADDRESS_BYTES];

	switch (how >> 4 & 7) {
	case 0: host_release(socket); break;
	case 1:
		if (ops->shutdown)
			ops->shutdown(socket->own, how >> 7 ? 1 : (uint32_t)take(1) % 3);
		break;
	case 2: (void)ops->name(socket->own, how >> 7, address, sizeof(address)); break;
	case 3:
		if (ops->describe)
			ops->describe(socket->own, &description);
		if (ops->connection)
			walk_connections(ops, socket->family);
		break;
	case 4:
		if (ops->ioctl)
			ops->ioctl(socket->own, NULL, either(how >> 7, 0x541b, 0x5411), 0);
		break;
	default: (void)ops->poll(socket->own);
	}
}

static void step_program(void)
{
	const struct banos_family_ops *ops = host_family();
	uint32_t which = (uint32_t)take(1), how = (uint32_t)take(1), length;
	struct banos_socket_ *socket = &sockets[(which & 15) % SOCKETS];
	struct banos_socket_ *other = &sockets[(which >> 4) % SOCKETS];
	uint8_t address[BANOS_SOCKET_ADDRESS_BYTES];

	if (!(how & 15)) {
		call_create(socket, how);
	} else if (socket->is_open) {
		switch (how & 15) {
		case 1:
		case 2:
			length = address_make(address, socket->family);
			if (ops->bind && (how & 15) == 1)
				ops->bind(socket->own, address, length);
			else if (ops->connect)
				ops->connect(socket->own, address, length);
			break;
		case 3:
			if (ops->listen)
				ops->listen(socket->own, (uint32_t)take(1));
			break;
		case 4:
			if (ops->accept && other != socket) {
				host_release(other);
				(void)host_accept(socket, other);
			}
			break;
		case 5:
		case 6:
		case 7: call_send(socket, how); break;
		case 8:
		case 9:
		case 10: call_receive(socket, how); break;
		case 11: call_option(socket, how); break;
		default: call_other(socket, how);
		}
	}
	require(!host_is_locked(), "the lock is left");
}

/* ---- settings ---- */

static void set_address(uint32_t event, uint32_t interface, uint32_t family, const void *address,
			uint32_t prefix)
{
	struct banos_net_setting setting = { .size = sizeof(setting),
					     .kind = BANOS_SETTING_ADDRESS,
					     .family = family,
					     .interface = interface,
					     .prefix = prefix };

	memcpy(setting.address, address, address_bytes(family));
	(void)host_configure(event, &setting);
}

static void set_route(uint32_t event, uint32_t interface, uint32_t family, const void *to,
		      uint32_t prefix, const void *gateway)
{
	struct banos_net_setting setting = { .size = sizeof(setting),
					     .kind = BANOS_SETTING_ROUTE,
					     .family = family,
					     .interface = interface,
					     .prefix = prefix,
					     .table = 254,
					     .type = BANOS_ROUTE_UNICAST };
	uint32_t bytes = address_bytes(family);

	memcpy(setting.address, to, bytes);
	if (gateway)
		memcpy(setting.other, gateway, bytes);
	(void)host_configure(event, &setting);
}

static void set_neighbour(uint32_t event, uint32_t family, const void *address)
{
	struct banos_net_setting setting = { .size = sizeof(setting),
					     .kind = BANOS_SETTING_NEIGHBOUR,
					     .family = family,
					     .interface = 2,
					     .type = 0x80 };

	memcpy(setting.address, address, address_bytes(family));
	memcpy(setting.hardware, "\2\0\0\0\0\7", 6);
	(void)host_configure(event, &setting);
}

#define LO_FLAGS (BANOS_INTERFACE_UP | BANOS_INTERFACE_RUNNING | BANOS_INTERFACE_LOOPBACK)
#define ETH_FLAGS                                                                   \
	(BANOS_INTERFACE_UP | BANOS_INTERFACE_RUNNING | BANOS_INTERFACE_BROADCAST | \
	 BANOS_INTERFACE_GROUPS)

static void network_begin(uint32_t how)
{
	static const uint8_t loop6[16] = { [15] = 1 }, own6[16] = { 0xfd, [15] = 1 };
	static const uint8_t other6[16] = { 0xfd, [15] = 2 }, link6[16] = { 0xfe, 0x80, [15] = 1 };

	host_interface(BANOS_INTERFACE_ADDED, 1, LO_FLAGS, 65536);
	host_interface(BANOS_INTERFACE_ADDED, 2, ETH_FLAGS, 1500);
	set_address(BANOS_SETTING_ADD, 1, BANOS_FAMILY_IPV4, "\x7f\0\0\1", 8);
	set_address(BANOS_SETTING_ADD, 1, BANOS_FAMILY_IPV6, loop6, 128);
	set_address(BANOS_SETTING_ADD, 2, BANOS_FAMILY_IPV4, "\x0a\0\0\1", 24);
	set_address(BANOS_SETTING_ADD, 2, BANOS_FAMILY_IPV6, own6, 64);
	set_address(BANOS_SETTING_ADD, 2, BANOS_FAMILY_IPV6, link6, 64);
	set_route(BANOS_SETTING_ADD, 2, BANOS_FAMILY_IPV4, "\x0a\0\0\0", 24, NULL);
	set_route(BANOS_SETTING_ADD, 2, BANOS_FAMILY_IPV4, "\0\0\0\0", 0, "\x0a\0\0\2");
	set_route(BANOS_SETTING_ADD, 2, BANOS_FAMILY_IPV6, own6, 64, NULL);
	set_route(BANOS_SETTING_ADD, 2, BANOS_FAMILY_IPV6, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 0,
		  other6);
	if (!(how & 1))
		set_neighbour(BANOS_SETTING_ADD, BANOS_FAMILY_IPV4, "\x0a\0\0\2");
	if (!(how & 1))
		set_neighbour(BANOS_SETTING_ADD, BANOS_FAMILY_IPV6, other6);
	if (how & 2) {
		struct banos_net_setting forward = { .size = sizeof(forward),
						     .kind = BANOS_SETTING_FORWARD,
						     .family = BANOS_FAMILY_IPV4 };

		(void)host_configure(BANOS_SETTING_ADD, &forward);
		forward.family = BANOS_FAMILY_IPV6;
		(void)host_configure(BANOS_SETTING_ADD, &forward);
	}
}

static void programs_begin(uint32_t family)
{
	static const struct {
		uint8_t family, type, protocol, port;
	} wanted[] = {
		{ 10, 1, 0, 80 }, { 10, 2, 0, 53 }, { 2, 3, 1, 0 }, { 10, 3, 58, 0 }, { 2, 1, 0, 0 }
	};
	uint8_t address[28] = { 0 };

	for (uint32_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		uint32_t number = family ? family : wanted[i].family;

		if (host_create(&sockets[i], number, wanted[i].type, wanted[i].protocol))
			continue;
		memcpy(address, &(uint16_t){ (uint16_t)(family ? 2 : number) }, 2);
		put16(address + 2, wanted[i].port);
		if (wanted[i].port)
			host_family()->bind(sockets[i].own, address, name_bytes(number));
		if (wanted[i].type == 1 && wanted[i].port && host_family()->listen)
			host_family()->listen(sockets[i].own, 8);
	}
}

static void step_setting(void)
{
	uint32_t how = (uint32_t)take(1), interface = 1 + (how & 1);
	uint32_t event = either(how & 2, BANOS_SETTING_REMOVE, BANOS_SETTING_ADD);
	uint32_t flags = either(interface == 1, LO_FLAGS, ETH_FLAGS),
		 family = either(how & 4, 10, 2);
	uint8_t address[16] = { 10, 0, 0, (uint8_t)take(1) };

	if (family == 10)
		memcpy(address,
		       (uint8_t[16]){ 0xfd | how >> 7 << 1,
				      (uint8_t)(how & 128), [15] = address[3] },
		       16);
	switch (how >> 3 & 7) {
	case 0:
	case 1: set_address(event, interface, family, address, either(family == 2, 24, 64)); break;
	case 2:
		set_route(event, interface, family, address,
			  (uint32_t)take(1) % either(family == 2, 33, 129),
			  how & 64 ? address : NULL);
		break;
	case 3: set_neighbour(event, family, address); break;
	case 4:
		host_interface(BANOS_INTERFACE_CHANGED, interface,
			       flags & ~(how >> 6 & BANOS_INTERFACE_UP),
			       either(interface == 1, 65536, 1500));
		break;
	case 5:
		host_interface(BANOS_INTERFACE_CHANGED, interface, flags, 68 + (uint32_t)take(2));
		break;
	case 6:
		host_interface(BANOS_INTERFACE_REMOVED, interface, 0, 1500);
		if (how & 64)
			host_interface(BANOS_INTERFACE_ADDED, interface, flags, 1500);
		break;
	default: host_interface(BANOS_INTERFACE_ADDED, 3, ETH_FLAGS, 1500);
	}
	require(!host_is_locked(), "the lock is left");
}

/* ---- an input ---- */

static void packets_tell(void)
{
	fprintf(stderr, "packets: %llu\n", (unsigned long long)frames);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	for (int i = 1; i < *argc; i++)
		if (!strcmp((*argv)[i], "--stack=minip"))
			stack = "minip";
	return atexit(packets_tell);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host_settings settings = { 0 };
	uint32_t how;

	input.at = data;
	input.left = size;
	memset(&last, 0, sizeof(last));
	how = (uint32_t)take(2);
	settings.memory_limit = 1u << (16 + (how >> 2 & 7));
	settings.fail_every = (uint32_t)take_if(how & 256, 1);
	settings.hooks =
		either(how & 512, BANOS_HOOK_INPUT | BANOS_HOOK_FORWARD | BANOS_HOOK_OUTPUT, 0);
	settings.hook_drops = (uint32_t)take_if(how & 1024, 1);
	host_install(stack, &settings);
	network_begin(how);
	programs_begin(either(stack[0] == 'm', 43, 0));
	host_begin_failing();
	while (input.left) {
		switch (take(1) & 15) {
		case 0:
		case 1:
		case 2:
		case 3: step_frame(); break;
		case 4:
		case 5:
		case 6: step_sent(); break;
		case 7:
		case 8: step_answer(); break;
		case 9: host_pass_time(MS * 50 * take(1)); break;
		case 10: step_setting(); break;
		default: step_program();
		}
	}
	host_pass_time(3 * HOST_SECOND);
	for (uint32_t i = 0; i < SOCKETS; i++)
		host_release(&sockets[i]);
	host_remove();
	return 0;
}
