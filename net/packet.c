// SPDX-License-Identifier: MIT
/*
 * The table of packets and their memory; <kernel/packet.h>.
 *
 * Entries are made in chunks and stay. A free one is in a list of a processor, with its memory if that
 * is of a usual size: half a page, below 4 GiB for the sake of devices, or what a frame of lo needs. What one processor has over
 * CACHE_MAX, LARGE_MAX of the large ones, goes to the common list without memory. Memory from elsewhere is cleared, as
 * a device may lie about what it has received; what was a packet's is not.
 * Nothing here is used in interrupts: keeping preemption off is enough for a processor's own list.
 *
 * Lock: table_lock (spin) guards the common list and the making of chunks.
 */
#include <kernel/bus.h>
#include <kernel/heap.h>
#include <kernel/owner.h>
#include <kernel/packet.h>
#include <kernel/page.h>
#include <kernel/printk.h>
#include <kernel/string.h>

#define PARTY_KERNEL 0xfffffffeu
#define PARTY_NONE   0xffffffffu /* it is free */
#define GENERATION   (1ull << 32)
#define CHUNK	     256u
#define CACHE_MAX    128u
#define CACHE_MOVE   32u
#define LARGE_BYTES  65536u
#define LARGE_MAX    4u

static struct packet *chunks[PACKETS_MAX / CHUNK];
static u32 packet_count; /* that exist */
static DEFINE_SPINLOCK(table_lock);
static struct packet *common; /* free, without memory */

static struct packet_cache {
	struct packet *free; /* with memory */
	u32 count, large_count;
	struct packet *large; /* with memory of LARGE_BYTES */
} __aligned(64) caches[CPU_MAX];

/* ---- memory ---- */

static u32 cell_order(u32 bytes)
{
	u32 order = 0;

	while (PAGE_SIZE << order < bytes)
		order++;
	return order;
}

static void cell_free(u8 *cell, u32 bytes)
{
	struct page *page = virt_to_page((u8 *)((u64)cell & PAGE_MASK));

	if (bytes > PACKET_CELL_BYTES) {
		page->flags &= ~PG_DRIVER;
		pages_free(page, cell_order(bytes));
	} else if (atomic_dec_and_test(&page->refs)) {
		page->flags &= ~PG_DRIVER;
		page_free(page);
	}
}

static bool packet_get_large_cell(struct packet *packet, u32 bytes)
{
	u32 order = cell_order(bytes);
	struct page *pages = pages_alloc(order, PAGE_ZERO | PAGE_BELOW_4G);

	if (!pages)
		return false;
	for (u32 i = 0; i < 1u << order; i++)
		pages[i].flags |= PG_DRIVER;
	packet->cell = page_address(pages);
	packet->cell_bytes = PAGE_SIZE << order;
	return true;
}

static void packet_drop_cell(struct packet *packet)
{
	u32 order;

	if (!packet->cell)
		return;
	if (packet->cell_bytes > PACKET_CELL_BYTES) {
		order = cell_order(packet->cell_bytes);
		for (u32 i = 1; i < 1u << order; i++)
			virt_to_page(packet->cell)[i].flags &= ~PG_DRIVER;
	}
	cell_free(packet->cell, packet->cell_bytes);
	packet->cell = NULL;
}

/* ---- entries ---- */

static bool table_grow_locked(void)
{
	struct packet *chunk;

	assert_held(&table_lock);
	if (packet_count == PACKETS_MAX)
		return false;
	chunk = kcalloc(CHUNK, sizeof(*chunk));
	if (!chunk)
		return false;
	for (u32 i = 0; i < CHUNK; i++) {
		chunk[i].index = packet_count + i;
		chunk[i].state = GENERATION | PARTY_NONE;
		chunk[i].next = common;
		common = &chunk[i];
	}
	chunks[packet_count / CHUNK] = chunk;
	smp_store_release(&packet_count, packet_count + CHUNK);
	return true;
}

static struct packet *common_take(void)
{
	struct packet *packet = NULL;

	spin_lock(&table_lock);
	if (common || table_grow_locked()) {
		packet = common;
		common = packet->next;
	}
	spin_unlock(&table_lock);
	return packet;
}

static void common_put(struct packet *packet)
{
	packet_drop_cell(packet);
	spin_lock(&table_lock);
	packet->next = common;
	common = packet;
	spin_unlock(&table_lock);
}

/* Free entries with memory: the halves of a page. */
static struct packet *packet_cache_fill(void)
{
	struct packet *packet = common_take(), *other = common_take();
	struct page *page = NULL;

	if (packet)
		page = page_alloc(PAGE_ZERO | PAGE_BELOW_4G);
	if (!page) {
		if (packet)
			common_put(packet);
		if (other)
			common_put(other);
		return NULL;
	}
	page->flags |= PG_DRIVER;
	packet->cell = page_address(page);
	packet->cell_bytes = PACKET_CELL_BYTES;
	if (!other)
		return packet;
	page_get(page);
	other->cell = packet->cell + PACKET_CELL_BYTES;
	other->cell_bytes = PACKET_CELL_BYTES;
	preempt_disable();
	other->next = caches[cpu_id()].free;
	caches[cpu_id()].free = other;
	caches[cpu_id()].count++;
	preempt_enable();
	return packet;
}

static inline struct packet *cache_take(void)
{
	struct packet_cache *cache;
	struct packet *packet;

	preempt_disable();
	cache = &caches[cpu_id()];
	packet = cache->free;
	if (likely(packet)) {
		cache->free = packet->next;
		cache->count--;
	}
	preempt_enable();
	if (unlikely(!packet))
		packet = packet_cache_fill();
	return packet;
}

static __cold void cache_trim(void)
{
	for (u32 i = 0; i < CACHE_MOVE; i++) {
		struct packet *packet = cache_take();

		if (packet)
			common_put(packet);
	}
}

/* @return a free entry with that much memory, or NULL */
static struct packet *large_take(u32 bytes)
{
	struct packet_cache *cache;
	struct packet *packet = NULL;

	preempt_disable();
	cache = &caches[cpu_id()];
	if (bytes > LARGE_BYTES / 2 && bytes <= LARGE_BYTES && cache->large) {
		packet = cache->large;
		cache->large = packet->next;
		cache->large_count--;
	}
	preempt_enable();
	if (packet)
		return packet;
	packet = common_take();
	if (packet && !packet_get_large_cell(packet, bytes)) {
		common_put(packet);
		return NULL;
	}
	return packet;
}

static void large_put(struct packet *packet)
{
	struct packet_cache *cache;
	bool kept;

	preempt_disable();
	cache = &caches[cpu_id()];
	kept = packet->cell && packet->cell_bytes == LARGE_BYTES && cache->large_count < LARGE_MAX;
	if (kept) {
		packet->next = cache->large;
		cache->large = packet;
		cache->large_count++;
	}
	preempt_enable();
	if (!kept)
		common_put(packet);
}

/* ---- packets ---- */

static void packet_begin(struct packet *packet, u32 headroom)
{
	packet->next = packet->more = NULL;
	packet->offset = headroom;
	packet->length = packet->flags = packet->hash = packet->interface = 0;
	packet->checksum_start = packet->checksum_offset = 0;
	packet->segment_bytes = packet->header_bytes = 0;
	packet->use = PACKET_OWN;
	packet->outgoing = false;
	packet->passed = 0;
	packet->device = NULL;
	smp_store_release(&packet->state, (packet->state & ~(GENERATION - 1)) | PARTY_KERNEL);
}

struct packet *packet_alloc(u32 room, u32 headroom)
{
	struct packet *packet;

	if (likely(room + headroom <= PACKET_CELL_BYTES))
		packet = cache_take();
	else
		packet = large_take(room + headroom);
	if (packet)
		packet_begin(packet, headroom);
	return packet;
}

/* The kernel holds it. */
static void packet_free_part(struct packet *packet)
{
	struct packet_cache *cache;
	u32 count;

	WRITE_ONCE(packet->state, ((packet->state & ~(GENERATION - 1)) + GENERATION) | PARTY_NONE);
	packet->device = NULL;
	if (unlikely(packet->cell_bytes != PACKET_CELL_BYTES || !packet->cell)) {
		large_put(packet);
		return;
	}
	preempt_disable();
	cache = &caches[cpu_id()];
	packet->next = cache->free;
	cache->free = packet;
	count = ++cache->count;
	preempt_enable();
	if (unlikely(count > CACHE_MAX))
		cache_trim();
}

void packet_free(struct packet *packet)
{
	while (packet) {
		struct packet *more = packet->more;

		packet_free_part(packet);
		packet = more;
	}
}

void packets_free(struct packet_list *list)
{
	struct packet *packet;

	while ((packet = packet_list_take(list)))
		packet_free(packet);
}

u32 packet_read(const struct packet *frame, u32 offset, void *to, u32 length)
{
	u32 done = 0;

	for (; frame && done < length; frame = frame->more) {
		u32 part;

		if (offset >= frame->length) {
			offset -= frame->length;
			continue;
		}
		part = MIN(frame->length - offset, length - done);
		memcpy((u8 *)to + done, packet_bytes(frame) + offset, part);
		done += part;
		offset = 0;
	}
	return done;
}

struct packet *packet_copy(const struct packet *frame, u32 headroom)
{
	u32 length = packet_frame_length(frame);
	struct packet *copy = NULL;

	if (length <= PACKET_ROOM_MAX)
		copy = packet_alloc(length, headroom);
	if (!copy)
		return NULL;
	copy->length = packet_read(frame, 0, packet_bytes(copy), length);
	copy->flags = frame->flags;
	copy->checksum_start = frame->checksum_start;
	copy->checksum_offset = frame->checksum_offset;
	copy->segment_bytes = frame->segment_bytes;
	copy->header_bytes = frame->header_bytes;
	copy->hash = frame->hash;
	copy->interface = frame->interface;
	copy->outgoing = frame->outgoing;
	return copy;
}

/* ---- parties ---- */

u32 packet_party(const struct owner *root)
{
	if (root)
		return (u32)root->handle;
	return PARTY_KERNEL;
}

void packet_give(struct packet *packet, u32 party, struct banos_net_packet *out, bool with_address)
{
	packet_show(packet, out);
	if (with_address)
		out->address = virt_to_phys(out->bytes);
	packet_hand_over(packet, party);
}

bool packet_reclaim(struct packet *packet, u32 party)
{
	u64 state = READ_ONCE(packet->state);
	u64 kernels = ((state & ~(GENERATION - 1)) + GENERATION) | PARTY_KERNEL;

	return (u32)state == party &&
	       __atomic_compare_exchange_n(&packet->state, &state, kernels, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

struct packet *packet_claim(banos_packet number, u32 party)
{
	u64 generation = (u64)number & ~(GENERATION - 1), state = generation | party;
	u32 index = (u32)(u64)number - 1;
	struct packet *packet;

	if (unlikely(index >= smp_load_acquire(&packet_count)))
		return NULL;
	packet = &chunks[index / CHUNK][index % CHUNK];
	/* The next that it is handed to may be the same party: that has another number. */
	if (unlikely(!__atomic_compare_exchange_n(&packet->state, &state,
						  (generation + GENERATION) | PARTY_KERNEL, false,
						  __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)))
		return NULL;
	packet->next = packet->more = NULL;
	return packet;
}

bool packet_describe(struct packet *packet, const struct banos_net_packet *from)
{
	u64 offset = (u64)from->bytes - (u64)packet->cell;

	packet->flags = from->flags &
			~(BANOS_PACKET_FOREIGN | BANOS_PACKET_BROADCAST | BANOS_PACKET_MORE);
	packet->checksum_start = from->checksum_start;
	packet->checksum_offset = from->checksum_offset;
	packet->segment_bytes = from->segment_bytes;
	packet->header_bytes = from->header_bytes;
	packet->hash = from->hash;
	packet->next = packet->more = NULL;
	if (offset > packet->cell_bytes || from->length > packet->cell_bytes - offset)
		return false;
	packet->offset = offset;
	packet->length = from->length;
	return true;
}

/* ---- of drivers that end ---- */

static __cold void packet_quarantine(struct packet *packet, struct bus_device *bus)
{
	struct dma_block *block = kzalloc(sizeof(*block));
	struct page *page = virt_to_page((u8 *)((u64)packet->cell & PAGE_MASK));

	packet->cell = NULL; /* its reference is the block's */
	if (!block) {
		pr_err("net: no memory to note a packet that a device may still access: it is lost\n");
		return;
	}
	list_init(&block->link);
	block->addr = page_to_phys(page);
	block->borrowed = packet->cell_bytes <= PACKET_CELL_BYTES;
	if (!block->borrowed)
		block->order = cell_order(packet->cell_bytes);
	block->bytes = PAGE_SIZE << block->order;
	bus_device_quarantine(bus, block);
}

__cold void packets_take_back(u32 party, const void *of, struct bus_device *bus)
{
	u32 count = smp_load_acquire(&packet_count);

	for (u32 i = 0; i < count; i++) {
		struct packet *packet = &chunks[i / CHUNK][i % CHUNK];

		if (of && READ_ONCE(packet->device) != of)
			continue;
		if ((u32)READ_ONCE(packet->state) != party || !packet_reclaim(packet, party))
			continue;
		if (bus && packet->use != PACKET_OWN)
			packet_quarantine(packet, bus);
		packet->more = NULL;
		packet_free(packet);
	}
}
