// SPDX-License-Identifier: MIT
/*
 * As much of a kernel as a TCP/IP stack asks for.
 *
 * Memory and packets have their very size, so that the sanitizers see a byte too many. The variables of the driver lie
 * between two labels of stack.lds and are put back to what they were before it is installed again. inet's own allocator would hide
 * what is read after it was freed, so memory.c of it is not linked: what it promises is here.
 */
#include "host_kernel.h"
#include <banos/buffer.h>
#include <banos/errno.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/random.h>
#include <banos/time.h>
#include <banos/timer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENT_MAX     256u
#define ENDS_MINUTES 60u
#define PACKET_MAGIC 0x7061636bu

struct banos_packet_ {
	uint32_t magic;
	uint8_t *memory;
};
struct banos_timer_ {
	int64_t (*function)(void *context);
	void *context;
	uint64_t when_ns; /* 0: it does not run */
};
struct piece {
	struct piece *next, **at;
	uint64_t bytes;
	uint64_t
		shares; /* how often it is given back before it is free; what lies behind is aligned to 16 */
};

/* What stack.lds has around the variables and the records of the driver. */
extern uint8_t stack_data_start[], stack_data_end[];
extern uint8_t stack_records_start[], stack_records_end[];

static const struct banos_driver_record *driver;
static struct host_settings settings;
static bool fails;
static uint64_t now_ns, random_state, allocations, packets_out, used_bytes;
static uint32_t held_locks;
static struct piece *pieces, *inet_pieces;
static struct banos_timer_ timer;
static struct sent_frame sent[SENT_MAX];
static uint32_t sent_first, sent_count, shown;
static struct banos_protocol_config protocol;
static struct banos_family_config family;
static uint8_t *fresh_data;
static char owner_of_all;

/* ---- memory ---- */

static bool allocation_fails(void)
{
	return fails && settings.fail_every && ++allocations % settings.fail_every == 0;
}

static void *piece_get(struct piece **list, uint64_t size)
{
	struct piece *piece;

	if (allocation_fails() || size > 1u << 24)
		return NULL;
	piece = malloc(sizeof(*piece) + size);
	piece->bytes = size;
	piece->shares = 0;
	piece->next = *list;
	piece->at = list;
	if (*list)
		(*list)->at = &piece->next;
	*list = piece;
	used_bytes += size;
	return piece + 1;
}

static void piece_put(void *memory)
{
	struct piece *piece = (struct piece *)memory - 1;

	used_bytes -= piece->bytes;
	*piece->at = piece->next;
	if (piece->next)
		piece->next->at = piece->at;
	free(piece);
}

void *banos_alloc(banos_owner owner, uint64_t size, uint32_t flags)
{
	void *memory = piece_get(&pieces, size);

	if (memory)
		memset(memory, 0, size);
	return memory;
}

int64_t banos_free(banos_owner owner, void *memory)
{
	if (memory)
		piece_put(memory);
	return 0;
}

/* ---- what inet's memory.c promises to lwIP and to inet ---- */

void *inet_memory_get(unsigned long size);
void *inet_memory_zeroes(unsigned long count, unsigned long size);
void inet_memory_put(void *memory);
void inet_memory_share(void *memory);
_Bool inet_memory_is_short(void);
bool memory_is_out(void);
void memory_charge(int64_t bytes);
void memory_init(void);
void memory_exit(void);

void *inet_memory_get(unsigned long size)
{
	return piece_get(&inet_pieces, size);
}

void *inet_memory_zeroes(unsigned long count, unsigned long size)
{
	void *memory = piece_get(&inet_pieces, count * size);

	if (memory)
		memset(memory, 0, count * size);
	return memory;
}

void inet_memory_put(void *memory)
{
	struct piece *piece = (struct piece *)memory - 1;

	if (piece->shares)
		piece->shares--;
	else
		piece_put(memory);
}

void inet_memory_share(void *memory)
{
	((struct piece *)memory - 1)->shares++;
}

void memory_charge(int64_t bytes)
{
	used_bytes += (uint64_t)bytes;
}

_Bool inet_memory_is_short(void)
{
	return used_bytes > settings.memory_limit;
}

bool memory_is_out(void)
{
	return used_bytes / 2 > settings.memory_limit;
}

void memory_init(void)
{
}

void memory_exit(void)
{
	while (inet_pieces)
		piece_put(inet_pieces + 1);
}

/* ---- packets ---- */

static void packet_make(struct banos_net_packet *packet, uint32_t room, uint32_t headroom)
{
	struct banos_packet_ *own = malloc(sizeof(*own));

	own->magic = PACKET_MAGIC;
	own->memory = malloc((uint64_t)headroom + room + !(headroom + room));
	*packet = (struct banos_net_packet){
		.packet = own, .bytes = own->memory + headroom, .room = room, .headroom = headroom
	};
	packets_out++;
}

static void packet_end(banos_packet packet)
{
	require(packet && packet->magic == PACKET_MAGIC, "a packet that is freed is held");
	packet->magic = 0;
	free(packet->memory);
	free(packet);
	packets_out--;
}

int64_t banos_packet_alloc(banos_owner owner, uint32_t room, uint32_t headroom,
			   struct banos_net_packet *packet, uint32_t stride)
{
	require(stride == sizeof(*packet), "a driver knows its stride");
	if (room > 65600 || headroom > 256)
		return -EMSGSIZE;
	if (allocation_fails())
		return -ENOMEM;
	packet_make(packet, room, headroom);
	return 0;
}

int64_t banos_packet_free(const struct banos_net_packet *packets, uint32_t count, uint32_t stride)
{
	require(stride == sizeof(*packets), "a driver knows its stride");
	for (uint32_t i = 0; i < count; i++)
		packet_end(packets[i].packet);
	return 0;
}

/* Nobody has taken a protocol above IP. */
int64_t banos_protocol_deliver(banos_protocol protocol, const struct banos_ip_packet *packets,
			       uint32_t count, uint32_t stride)
{
	require(stride == sizeof(*packets), "a driver knows its stride");
	for (uint32_t i = 0; i < count; i++)
		packet_end(packets[i].packet.packet);
	return 0;
}

int64_t banos_net_memory_limit(void)
{
	return (int64_t)settings.memory_limit;
}

/* Frames as they leave; the oldest ones are lost where nobody takes them. */
int64_t banos_interface_transmit(banos_protocol own, uint32_t interface,
				 const struct banos_net_packet *packets, uint32_t count,
				 uint32_t stride)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct banos_net_packet *packet = &packets[i];
		struct sent_frame *frame;

		require(packet->packet->magic == PACKET_MAGIC, "a packet that is sent is held");
		require(packet->length >= 14, "a frame has a header");
		require(packet->bytes >= packet->packet->memory && packet->length <= packet->room,
			"a frame lies in its packet");
		if (sent_count == SENT_MAX)
			free(host_take_sent().bytes);
		frame = &sent[(sent_first + sent_count++) % SENT_MAX];
		frame->bytes = malloc(packet->length);
		memcpy(frame->bytes, packet->bytes, packet->length);
		frame->length = packet->length;
		frame->interface = interface;
		packet_end(packet->packet);
	}
	return 0;
}

/* Each second one on a loopback interface stays in the driver. */
int64_t banos_interface_loop(banos_protocol own, uint32_t interface, uint32_t length)
{
	static uint32_t asked;

	require(length >= 14, "a frame has a header");
	return ++asked % 2;
}

struct sent_frame host_take_sent(void)
{
	struct sent_frame frame = { 0 };

	if (sent_count) {
		frame = sent[sent_first++ % SENT_MAX];
		sent_count--;
	}
	return frame;
}

int64_t banos_packet_hook_points(uint32_t points)
{
	return settings.hooks & points;
}

int64_t banos_protocol_hooks(banos_protocol own, uint32_t point, uint32_t interface,
			     struct banos_net_packet *packets, uint32_t count, uint32_t stride)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < count; i++) {
		bool whole = !(packets[i].flags & BANOS_PACKET_MORE) &&
			     !(i && packets[i - 1].flags & BANOS_PACKET_MORE);

		if (whole && settings.hook_drops && ++shown % settings.hook_drops == 0)
			packet_end(packets[i].packet);
		else
			packets[left++] = packets[i];
	}
	return left;
}

/* ---- locks, time, randomness, messages ---- */

bool host_is_locked(void)
{
	return held_locks;
}

int64_t banos_mutex_init(banos_owner owner, struct banos_mutex *mutex)
{
	mutex->state = 0;
	return 0;
}

int64_t banos_mutex_destroy(struct banos_mutex *mutex)
{
	require(!mutex->state, "a lock that ends is free");
	return 0;
}

int64_t banos_mutex_lock(struct banos_mutex *mutex)
{
	require(!mutex->state, "nobody takes a lock twice");
	mutex->state = 1;
	held_locks++;
	return 0;
}

int64_t banos_mutex_unlock(struct banos_mutex *mutex)
{
	require(mutex->state, "who leaves a lock holds it");
	mutex->state = 0;
	held_locks--;
	return 0;
}

uint64_t banos_time_ns(void)
{
	return now_ns;
}

uint64_t banos_time_real_ns(void)
{
	return banos_time_ns();
}

int64_t banos_random(void *to, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++) {
		random_state = random_state * UINT64_C(6364136223846793005) + 1;
		((uint8_t *)to)[i] = (uint8_t)(random_state >> 33);
	}
	return 0;
}

int64_t banos_timer_create(banos_owner owner, int64_t (*function)(void *context), void *context,
			   banos_timer *made)
{
	timer = (struct banos_timer_){ function, context, 0 };
	*made = &timer;
	return 0;
}

int64_t banos_timer_start(banos_timer started, uint64_t deadline_ns)
{
	started->when_ns = deadline_ns | !deadline_ns;
	return 0;
}

int64_t banos_timer_destroy(banos_timer ended)
{
	ended->function = NULL;
	return 0;
}

void host_pass_time(uint64_t ns)
{
	uint64_t until = now_ns + ns;

	while (timer.function && timer.when_ns && timer.when_ns <= until) {
		if (timer.when_ns > now_ns)
			now_ns = timer.when_ns;
		timer.when_ns = 0;
		timer.function(timer.context);
	}
	now_ns = until;
}

/* What lwIP holds for impossible it says. */
int64_t banos_print_args(banos_owner owner, uint32_t level, const char *format,
			 const uint64_t *args, uint32_t count)
{
	fprintf(stderr, format, count ? (const char *)args[0] : "");
	require(false, "nothing impossible happens");
	return 0;
}

/* ---- memory of programs ---- */

int64_t banos_buffer_read_at(banos_buffer from, uint64_t offset, void *to, uint64_t length)
{
	uint64_t part;

	if (offset >= from->size)
		return 0;
	part = length < from->size - offset ? length : from->size - offset;
	if (part && offset >= from->good)
		return -EFAULT;
	if (part > from->good - offset)
		part = from->good - offset;
	memcpy(to, from->bytes + offset, part);
	return (int64_t)part;
}

int64_t banos_buffer_read(banos_buffer from, void *to, uint64_t length)
{
	int64_t got = banos_buffer_read_at(from, from->at, to, length);

	if (got > 0)
		from->at += (uint64_t)got;
	return got;
}

int64_t banos_buffer_write(banos_buffer to, const void *from, uint64_t length)
{
	uint64_t part = length < to->size - to->at ? length : to->size - to->at;

	if (part && to->at >= to->good)
		return -EFAULT;
	if (part > to->good - to->at)
		part = to->good - to->at;
	memcpy(to->bytes + to->at, from, part);
	to->at += part;
	return (int64_t)part;
}

int64_t banos_user_write(banos_call call, uint64_t to, const void *from, uint64_t length)
{
	return 0;
}

/* ---- what a driver registers ---- */

int64_t banos_protocol_register(banos_owner owner, const struct banos_protocol_config *config,
				banos_protocol *own)
{
	protocol = *config;
	*own = (banos_protocol)&protocol;
	return 0;
}

int64_t banos_protocol_report(banos_protocol own, uint32_t event,
			      const struct banos_net_setting *setting)
{
	return 0;
}

int64_t banos_interface_group(banos_protocol own, uint32_t interface,
			      const struct banos_net_address *group, uint32_t wanted)
{
	require(!held_locks, "the lock is left while the kernel is told of groups");
	return 0;
}

int64_t banos_family_register(banos_owner owner, const struct banos_family_config *config,
			      banos_family *own)
{
	family = *config;
	if (own)
		*own = (banos_family)&family;
	return 0;
}

int64_t banos_socket_wake(banos_socket socket, uint32_t events)
{
	require(socket && socket->is_open, "only a socket that is open is woken");
	return 0;
}

/* ---- calling it ---- */

__attribute__((no_sanitize("address"))) static const struct banos_driver_record *
driver_find(const char *name)
{
	for (uint8_t *at = stack_records_start; at < stack_records_end;) {
		const struct banos_driver_record *record = (const void *)at;

		if (record->size && record->kind == BANOS_RECORD_DRIVER &&
		    !strcmp(record->name, name))
			return record;
		at += record->size ? (record->size + 7) & ~7u
				   : 8; /* what a sanitizer puts between */
	}
	return NULL;
}

/* What lies between the variables belongs to a sanitizer, which would object to memcpy(). */
static void data_copy(uint8_t *to, const uint8_t *from, size_t length)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
}

static void data_refresh(void)
{
	size_t length = (size_t)(stack_data_end - stack_data_start);

	if (fresh_data) {
		data_copy(stack_data_start, fresh_data, length);
	} else {
		fresh_data = malloc(length);
		data_copy(fresh_data, stack_data_start, length);
	}
}

void host_install(const char *name, const struct host_settings *as)
{
	if (!driver || strcmp(driver->name, name))
		driver = driver_find(name);
	require(driver != NULL, "the driver is linked in");
	data_refresh();
	settings = *as;
	fails = false;
	now_ns = HOST_SECOND;
	random_state = 1;
	allocations = used_bytes = shown = 0;
	require(!driver->init((banos_owner)&owner_of_all), "it begins");
}

void host_begin_failing(void)
{
	fails = true;
}

void host_remove(void)
{
	struct sent_frame frame;

	/* A connection that nobody owns any more keeps what it has received out of order until it gives up. */
	for (uint32_t minutes = 0; packets_out && minutes < ENDS_MINUTES; minutes++)
		host_pass_time(60 * HOST_SECOND);
	if (driver->exit)
		driver->exit((banos_owner)&owner_of_all);
	while ((frame = host_take_sent()).bytes)
		free(frame.bytes);
	require(!packets_out, "all packets are given back");
	require(!pieces, "all memory is given back");
	require(!held_locks, "no lock is held");
	timer.function = NULL;
}

void host_receive(uint32_t interface, const uint8_t *bytes, uint32_t length, uint32_t flags,
		  uint32_t cut)
{
	struct banos_net_packet packets[2];
	uint32_t count = cut && cut < length ? 2 : 1, at = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t part = !i && count == 2 ? cut : length - at;

		packet_make(&packets[i], part, 0);
		memcpy(packets[i].bytes, bytes + at, part);
		packets[i].length = part;
		packets[i].interface = interface;
		packets[i].flags = flags | (!i && count == 2 ? BANOS_PACKET_MORE : 0);
		if (flags & BANOS_PACKET_PARTIAL) {
			packets[i].checksum_start = 34;
			packets[i].checksum_offset = 6;
		}
		at += part;
	}
	protocol.ops->receive(protocol.context, packets, count, sizeof(packets[0]));
}

int64_t host_interface(uint32_t event, uint32_t index, uint32_t flags, uint32_t mtu)
{
	struct banos_interface interface = {
		.size = sizeof(interface), .index = index, .flags = flags, .mtu = mtu
	};

	if (!(flags & BANOS_INTERFACE_LOOPBACK))
		memcpy(interface.address, "\2\0\0\0\0\1", 6);
	interface.address[5] = (uint8_t)(interface.address[5] + index - 1);
	snprintf(interface.name, sizeof(interface.name), "eth%u", index);
	return protocol.ops->interface(protocol.context, event, &interface);
}

int64_t host_configure(uint32_t event, const struct banos_net_setting *setting)
{
	return protocol.ops->configure(protocol.context, event, setting);
}

const struct banos_family_ops *host_family(void)
{
	return family.ops;
}

int64_t host_create(struct banos_socket_ *socket, uint32_t number, uint32_t type,
		    uint32_t socket_protocol)
{
	int64_t err;

	socket->is_open = true;
	socket->family = number;
	socket->type = type;
	err = family.ops->create(family.context, socket, number, type, socket_protocol,
				 &socket->own);
	if (err)
		socket->is_open = false;
	return err;
}

int64_t host_accept(struct banos_socket_ *listener, struct banos_socket_ *fresh)
{
	int64_t err;

	fresh->is_open = true;
	fresh->family = listener->family;
	fresh->type = listener->type;
	err = family.ops->accept(listener->own, fresh, &fresh->own);
	if (err)
		fresh->is_open = false;
	return err;
}

void host_release(struct banos_socket_ *socket)
{
	if (!socket->is_open)
		return;
	family.ops->release(socket->own);
	socket->is_open = false;
}
