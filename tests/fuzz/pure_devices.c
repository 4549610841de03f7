// SPDX-License-Identifier: MIT
/* Targets: drivers/bus/pci/config.c, the rings of drivers/bus/virtio, descriptor.c and ring.c of drivers/bus/usb,
 * identify.c, prp.c and queue.c of drivers/block/nvme, scsi_wire.c of drivers/bus/virtio, and of device/tty: the screen, the line discipline, the keyboard. */
#include <stdlib.h>
#include <string.h>
#include "../../device/tty/keymap.h"
#include "../../device/tty/ldisc.h"
#include "../../device/tty/vt.h"
#include "../../drivers/block/nvme/identify.h"
#include "../../drivers/block/nvme/prp.h"
#include "../../drivers/block/nvme/queue.h"
#include "../../drivers/bus/pci/config.h"
#include "../../drivers/bus/usb/descriptor.h"
#include "../../drivers/bus/usb/ring.h"
#include "../../drivers/bus/virtio/ring.h"
#include "../../drivers/bus/virtio/scsi_wire.h"
#include "pure.h"

/* ---- PCI: a device of any registers, any of which can be written, pulled out at any time ---- */

struct device {
	uint8_t bytes[CONFIG_SIZE], writable[CONFIG_SIZE];
	uint64_t accesses, gone_after;
};

static uint32_t config_read(void *context, uint32_t offset, uint32_t bytes)
{
	struct device *device = context;
	uint32_t number = 0;

	require((bytes == 1 || bytes == 2 || bytes == 4) && !(offset % bytes) &&
			offset + bytes <= CONFIG_SIZE,
		"an access is aligned and inside");
	if (++device->accesses > device->gone_after)
		return ~0u >> (32 - 8 * bytes);
	memcpy(&number, device->bytes + offset, bytes);
	return number;
}

static void config_write(void *context, uint32_t offset, uint32_t bytes, uint32_t value)
{
	struct device *device = context;

	device->accesses++;
	require(!(offset % bytes) && offset + bytes <= CONFIG_SIZE,
		"an access is aligned and inside");
	for (uint32_t i = 0; i < bytes; i++) {
		uint8_t w = device->writable[offset + i];

		device->bytes[offset + i] = (device->bytes[offset + i] & ~w) | (value >> 8 * i & w);
	}
}

static void check_room(struct bytes *bytes)
{
	struct pci_window window = { take_bytes(bytes, 8), take_bytes(bytes, 8) }, used[3];
	uint64_t length = 1ull << (take_bytes(bytes, 1) % 64), start;

	for (int i = 0; i < 3; i++) {
		used[i].base = take_bytes(bytes, 8);
		used[i].limit = used[i].base + take_bytes(bytes, 4);
		if (used[i].limit < used[i].base)
			return;
	}
	start = pci_find_room(&window, used, 3, length);
	if (!start)
		return;
	require(!(start & (length - 1)) && start >= window.base &&
			start + (length - 1) <= window.limit && start + (length - 1) >= start,
		"room lies in its window");
	for (int i = 0; i < 3; i++)
		require(start > used[i].limit || start + (length - 1) < used[i].base,
			"room is free");
}

static void fuzz_pci(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	struct device device = { .gone_after = take_bytes(&bytes, 1) };
	struct pci_config config = { &device, config_read, config_write };
	struct pci_info info;
	char *alias = malloc(64);

	if (device.gone_after > 200)
		device.gone_after = ~0ull;
	check_room(&bytes);
	for (size_t i = 0; i < CONFIG_SIZE; i++)
		device.bytes[i] = take_bytes(&bytes, 1);
	for (size_t i = 0; i < CONFIG_SIZE; i++)
		device.writable[i] = take_bytes(&bytes, 1);
	memset(&info, 0, sizeof(info));
	if (pci_is_present(&config) && !pci_read_info(&config, &info)) {
		pci_size_bars(&config, &info);
		for (uint32_t i = 0; i < PCI_BARS; i++)
			require(!info.bars[i].kind ||
					(info.bars[i].length &&
					 !(info.bars[i].length & (info.bars[i].length - 1))),
				"bars are powers of two");
		pci_alias(&info, alias, 64);
		require(memchr(alias, 0, 64) != NULL, "an alias fits");
		for (uint32_t i = 0; i < PCI_BARS; i++)
			if (info.bars[i].kind)
				pci_write_bar(&config, i, &info.bars[i]);
	}
	(void)pci_capability(&config, data[0]);
	require(device.accesses < 2000, "accesses have a bound");
	free(alias);
}

/* ---- a ring of Virtio: a device that writes anything anywhere into it ---- */

#define CHAINS_MAX    64u
#define CHAIN_MAX     9u
#define TABLES	      3u
#define TABLE_ENTRIES 8u

struct chains {
	uint64_t writable[CHAINS_MAX]; /* by tag */
	uint32_t count[CHAINS_MAX];    /* descriptors; 0: the device has no chain of this tag */
	uint32_t next;
};

static void ring_step_add(struct ring *ring, struct chains *chains, struct bytes *bytes)
{
	struct ring_segment segments[CHAIN_MAX];
	uint32_t count = take_bytes(bytes, 1) % (CHAIN_MAX + 1),
		 writable = take_bytes(bytes, 1) % (CHAIN_MAX + 1), tag = chains->next % CHAINS_MAX,
		 free = ring->free_count;
	uint64_t room = 0;

	for (uint32_t i = 0; i < count; i++) {
		segments[i] = (struct ring_segment){ i, take_bytes(bytes, 2), 0 };
		if (i + writable >= count)
			room += segments[i].length;
	}
	if (chains->count[tag] || ring_add(ring, segments, count, writable, tag) != RING_OK)
		return;
	require(count && writable <= count, "no empty chain is added");
	require(free - ring->free_count == count || free - ring->free_count == 1,
		"a chain takes its descriptors, or one");
	chains->count[tag] = free - ring->free_count;
	chains->writable[tag] = room;
	chains->next++;
}

static void ring_step_take(struct ring *ring, struct chains *chains)
{
	struct ring_completion completion;

	if (ring_take(ring, &completion) != RING_OK)
		return;
	require(completion.tag < CHAINS_MAX && chains->count[completion.tag],
		"what comes back was out");
	require(completion.length <= chains->writable[completion.tag],
		"no more was written than fits");
	chains->count[completion.tag] = 0;
}

static void ring_check_counts(const struct ring *ring, const struct chains *chains)
{
	uint32_t out = 0, descriptors = 0;

	for (uint32_t i = 0; i < CHAINS_MAX; i++) {
		out += chains->count[i] != 0;
		descriptors += chains->count[i];
	}
	require(ring->out_count == out && ring->free_count == ring->size - descriptors,
		"each descriptor is free or out");
}

static void fuzz_virtio_ring(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	struct chains chains = { .next = 0 };
	struct ring_config config = { .size = 1u << take_bytes(&bytes, 1) % 7,
				      .kinds = take_bytes(&bytes, 1) % 8,
				      .table_count = TABLES,
				      .table_entries = TABLE_ENTRIES };
	struct ring_layout layout;
	struct ring ring;
	uint8_t *memory;

	ring_lay_out(config.size, config.kinds, &layout);
	config.memory = memory = calloc(1, layout.bytes);
	config.slots = calloc(config.size, sizeof(*config.slots));
	config.tables = calloc(TABLES, TABLE_ENTRIES * sizeof(struct ring_descriptor));
	ring_init(&ring, &config);
	while (bytes.left) {
		uint64_t offset;

		switch (take_bytes(&bytes, 1) % 6) {
		case 0:
		case 1: ring_step_add(&ring, &chains, &bytes); break;
		case 2: ring_step_take(&ring, &chains); break;
		case 3: (void)ring_needs_notification(&ring); break;
		case 4: /* the used index, or the element that is looked at */
			offset = layout.used + 2;
			if (config.kinds & RING_PACKED)
				offset = ring.used_index * sizeof(struct ring_descriptor) + 14;
			memory[offset] ^= take_bytes(&bytes, 1) | 1;
			break;
		default:
			offset = take_bytes(&bytes, 2) % layout.bytes;
			memory[offset] = take_bytes(&bytes, 1);
		}
		ring_check_counts(&ring, &chains);
	}
	free(memory);
	free(config.slots);
	free(config.tables);
}

/* ---- USB: descriptors of any bytes, and events of any content ---- */

static void check_configuration(const struct usb_configuration *configuration, uint32_t speed)
{
	require(configuration->interface_count && configuration->interface_count <= USB_INTERFACES,
		"interfaces have a bound");
	for (uint32_t i = 0; i < configuration->interface_count; i++) {
		const struct usb_interface_info *interface = &configuration->interfaces[i];

		require(interface->endpoint_count <= USB_ENDPOINTS, "endpoints have a bound");
		for (uint32_t j = 0; j < interface->endpoint_count; j++) {
			const struct usb_endpoint *endpoint = &interface->endpoints[j];

			require(endpoint->address & 15, "endpoint 0 is in no interface");
			require(usb_payload(endpoint, speed) <= 3 * 1024, "a transfer has a bound");
			require(usb_interval(endpoint, speed) <= 15, "an interval has a bound");
		}
	}
}

static void check_trb_ring(struct bytes *bytes)
{
	uint32_t count = (uint32_t)take_bytes(bytes, 1) % 30 + 2;
	struct trb *trbs = malloc(count * sizeof(*trbs)), event;
	const uint64_t address = 0x10000;
	uint64_t reported = take_bytes(bytes, 8);
	struct event_ring events;
	struct trb_ring ring;
	int32_t index;

	trb_ring_init(&ring, trbs, address, count);
	for (size_t i = 0; i < bytes->left % 64; i++)
		require(trb_ring_put(&ring, i, 0, 0) < count - 1, "the link is not used");
	index = trb_ring_index(&ring, reported);
	require(index >= -1 && index < (int32_t)count - 1, "an index lies in its ring");
	require(index < 0 || address + (uint64_t)index * sizeof(*trbs) == reported,
		"an index is that of its address");
	require(trb_ring_after(&ring, ring.next) < count - 1, "the next one is no link");
	for (uint32_t i = 0; i < count; i++)
		trbs[i].control = i < bytes->left ? bytes->at[i] : 0;
	events_init(&events, trbs, address, count);
	for (uint32_t i = 0; i < 3 * count && events_take(&events, &event); i++)
		require(events_dequeue(&events) - address < count * sizeof(*trbs),
			"events are taken within their ring");
	free(trbs);
}

static void fuzz_usb(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	struct usb_configuration configuration;
	struct usb_device_info info;
	uint8_t *copy;

	check_trb_ring(&bytes);
	copy = exact_copy(bytes.at, bytes.left);
	if (!usb_parse_device(copy, bytes.left, &info))
		require(info.configurations != 0, "a device has a configuration");
	require(usb_configuration_length(copy, bytes.left) <= UINT16_MAX, "a length has 16 bits");
	if (!usb_parse_configuration(copy, bytes.left, &configuration))
		for (uint32_t speed = 0; speed < 8; speed++)
			check_configuration(&configuration, speed);
	free(copy);
}

/* ---- NVMe: completions and identities of any content ---- */

static void check_completions(struct bytes *bytes)
{
	uint32_t count = (uint32_t)take_bytes(bytes, 1) % 30 + 2;
	uint64_t out = 0;
	struct nvme_completion *entries = calloc(count, sizeof(*entries));
	struct command_table table = { 0 };
	struct completion_queue queue;
	struct nvme_answer answer;

	completion_init(&queue, entries, count);
	for (uint32_t i = 0; i < COMMANDS_MAX - 1; i++)
		if (take_bytes(bytes, 1) & 1)
			out |= 1ull << command_begin(&table, i) % COMMANDS_MAX;
	while (bytes->left) {
		entries[queue.head].id_and_status = (uint32_t)take_bytes(bytes, 4);
		entries[take_bytes(bytes, 1) % count].id_and_status ^= 1u << 16;
		if (!completion_take(&queue, &answer))
			continue;
		int32_t index = command_end(&table, answer.id);

		require(queue.head < count && queue.phase < 2,
			"completions are taken within their queue");
		require(!(answer.status & 1), "the phase is no part of the status");
		require(index < 0 || out & 1ull << index,
			"a completion is that of a command that is out");
		if (index >= 0)
			out &= ~(1ull << index);
	}
	free(entries);
}

/* Pieces of any place and length, named by pages and by segments: the list is as long as is said. */
static void check_data(struct bytes *bytes)
{
	uint32_t words = take_bytes(bytes, 1) % 32, count = take_bytes(bytes, 1) % 16;
	struct data_piece pieces[16];
	uint64_t data[2] = { 0, 0 }, total = 0;
	struct data_list list = { calloc(words ? words : 1, 8), 1 << 20, words * 8 };

	for (uint32_t i = 0; i < count; i++) {
		pieces[i] = (struct data_piece){ (uint64_t)take_bytes(bytes, 2) << 8,
						 (uint64_t)take_bytes(bytes, 2) << 8 };
		total += pieces[i].length;
	}
	if (!prp_build(pieces, count, 12, &list, data))
		require(total && data[0] == pieces[0].address && total / 4096 <= words + 1,
			"all pages are named");
	if (!sgl_build(pieces, count, &list, data))
		require(count && (count == 1 || count * 2 <= words), "all segments are named");
	free(list.memory);
}

static void fuzz_nvme(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	uint64_t value = take_bytes(&bytes, 8), length = take_bytes(&bytes, 3);
	uint8_t *copy = calloc(1, IDENTIFY_BYTES);
	struct nvme_capabilities capabilities;
	struct nvme_identity identity;
	struct nvme_format format;
	uint32_t numbers[8], count;

	if (!capabilities_parse(value, length, &capabilities))
		require(capabilities.entries_max >= 2 &&
				capabilities.page_shift <= PAGE_SHIFT_MAX &&
				4096 + 4 * (uint64_t)capabilities.doorbell_stride <= length,
			"capabilities have bounds");
	check_data(&bytes);
	memcpy(copy, bytes.at, MIN(bytes.left, (size_t)IDENTIFY_BYTES));
	if (!identity_parse(copy, 12, &identity))
		require(identity.transfer_bytes >= 8192 && identity.spaces_max != UINT32_MAX,
			"numbers have bounds");
	require(strlen(identity.serial) <= 20 && strlen(identity.model) <= 40 &&
			strlen(identity.firmware) <= 8,
		"texts have an end");
	if (!namespace_parse(copy, &format) && format.blocks)
		require(format.block_shift >= 9 && format.block_shift <= 16 &&
				format.blocks <= INT64_MAX >> format.block_shift,
			"a namespace has a bound");
	count = namespaces_parse(copy, (uint32_t)value, numbers, 8);
	for (uint32_t i = 0; i < count && i < 8; i++)
		require(numbers[i] && numbers[i] <= (uint32_t)value &&
				(!i || numbers[i] > numbers[i - 1]),
			"numbers of namespaces rise");
	free(copy);
	check_completions(&bytes);
}

/* ---- the screen ---- */

static void fuzz_screen(const uint8_t *data, size_t size)
{
	static struct vt vt;
	struct bytes bytes = { data, size };
	uint32_t cols = take_bytes(&bytes, 1) + 1, rows = take_bytes(&bytes, 1) % VT_MAX_ROWS + 1;
	vt_cell *cells = malloc(cols * rows * sizeof(*cells));

	vt_init(&vt, cols, rows, cells);
	while (bytes.left) {
		size_t count = MIN((size_t)(take_bytes(&bytes, 1) % 32 + 1), bytes.left);
		uint8_t *piece = exact_copy(bytes.at, count);

		vt_write(&vt, piece, count);
		free(piece);
		bytes.at += count;
		bytes.left -= count;
		require(vt.pen.column < cols && vt.pen.row < rows, "the cursor is on the screen");
		require(vt.top < vt.bottom && vt.bottom <= rows,
			"the scroll region is on the screen");
		require(vt.reply_len <= VT_REPLY_SIZE && vt.nr_params <= VT_PARAMS,
			"lists have a bound");
		if (count & 1)
			vt.reply_len = 0;
	}
	free(cells);
}

/* ---- the line discipline ---- */

static void take_termios(struct bytes *bytes, struct ktermios *ktermios)
{
	ktermios->c_iflag = take_bytes(bytes, 2);
	ktermios->c_oflag = take_bytes(bytes, 2);
	ktermios->c_lflag = take_bytes(bytes, 2);
	for (size_t i = 0; i < sizeof(ktermios->c_cc); i++)
		ktermios->c_cc[i] = take_bytes(bytes, 1);
}

static void ldisc_step(struct ldisc *ldisc, struct bytes *bytes)
{
	size_t count = take_bytes(bytes, 1), made = 0, used;
	uint8_t *in, *out = malloc(count + LDISC_MAX_EXPANSION);
	uint32_t events = 0;
	const u8 *run;
	bool done;

	switch (take_bytes(bytes, 1) % 8) {
	case 0:
		require(ldisc_read(ldisc, out, count, &done) <= count,
			"a read gets what it asked for");
		break;
	case 1:
		count = MIN(count, bytes->left);
		in = exact_copy(bytes->at, count);
		used = ldisc_output(ldisc, in, count, out, count + LDISC_MAX_EXPANSION, &made);
		require(used <= count && made <= count + LDISC_MAX_EXPANSION, "output fits");
		require(!count || used, "output goes on");
		free(in);
		break;
	case 2: ldisc_echo_taken(ldisc, MIN((uint32_t)count, ldisc_echo_peek(ldisc, &run))); break;
	case 3:
		(void)ldisc_receive_break(ldisc);
		(void)ldisc_receive_damaged(ldisc, count);
		break;
	case 4:
		if (count & 1)
			ldisc_flush_input(ldisc);
		else
			ldisc_flush_echo(ldisc);
		break;
	case 5: {
		struct ktermios ktermios = ldisc->termios;

		take_termios(bytes, &ktermios);
		(void)ldisc_set_termios(ldisc, &ktermios);
		break;
	}
	default:
		count = MIN(count, bytes->left);
		in = exact_copy(bytes->at, count);
		require(ldisc_receive(ldisc, in, count, &events) <= count,
			"no more is taken than there is");
		free(in);
		bytes->at += count;
		bytes->left -= count;
	}
	free(out);
}

static void fuzz_ldisc(const uint8_t *data, size_t size)
{
	static struct ldisc ldisc;
	struct ktermios ktermios = ldisc_default_termios;
	struct bytes bytes = { data, size };

	if (take_bytes(&bytes, 1) & 1)
		take_termios(&bytes, &ktermios);
	ldisc_init(&ldisc, &ktermios);
	while (bytes.left) {
		ldisc_step(&ldisc, &bytes);
		require(ldisc_used(&ldisc) <= LDISC_INPUT_SIZE &&
				ldisc.canon_head - ldisc.tail <= ldisc_used(&ldisc),
			"input fits its ring");
		require(ldisc.echo_head - ldisc.echo_tail <= LDISC_ECHO_SIZE, "echo fits its ring");
		require(ldisc_readable(&ldisc) <= ldisc_used(&ldisc), "what can be read is there");
		require(ldisc_room(&ldisc) <= LDISC_INPUT_SIZE, "room has a bound");
	}
}

/* ---- the keyboard ---- */

static void fuzz_keymap(const uint8_t *data, size_t size)
{
	struct keymap keymap;

	if (!size)
		return;
	keymap_init(&keymap);
	for (size_t i = 1; i < size; i++) {
		struct keymap_modes modes = { data[0] & 1, data[0] & 2, data[0] & 4 };
		struct keymap_result result = keymap_feed(&keymap, data[i], modes);

		require(result.action <= KEYMAP_SCROLL_LOCK, "the action is one of the list");
		require(result.action != KEYMAP_TEXT ||
				(result.len && result.len <= KEYMAP_MAX_TEXT),
			"text fits");
		require(keymap_leds(&keymap) < 8, "there are three lamps");
	}
}

/* ---- SCSI: what a unit answers ---- */

static void check_scsi_transfer(struct bytes *bytes)
{
	uint8_t cdb[SCSI_CDB_BYTES] = { 0 }, list[24];
	uint64_t first = take_bytes(bytes, 8);
	uint32_t count = (uint32_t)take_bytes(bytes, 4);
	int is_long;

	scsi_make_transfer(cdb, count & 1, count & 2, first, count);
	is_long = cdb[0] >= 0x88;
	require(is_long || (first <= UINT32_MAX && count <= UINT16_MAX),
		"a command has room for its numbers");
	scsi_make_unmap(cdb, list, first, count);
}

static void fuzz_scsi(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	struct scsi_identity identity = { 0 };
	struct scsi_format format = { 0 };
	struct scsi_sense sense;
	uint16_t units[4];
	uint8_t *copy;
	uint32_t length;

	check_scsi_transfer(&bytes);
	length = (uint32_t)bytes.left;
	copy = exact_copy(bytes.at, bytes.left);
	if (!scsi_parse_inquiry(copy, length, &identity))
		require(identity.type < 32 && strlen(identity.model) <= 25, "texts have an end");
	scsi_parse_serial(copy, length, identity.serial, sizeof(identity.serial));
	require(strlen(identity.serial) < sizeof(identity.serial), "a serial number has an end");
	for (int i = 0; i < 2; i++) {
		int error = i ? scsi_parse_capacity16(copy, length, &format)
			      : scsi_parse_capacity10(copy, length, &format);

		require(error || (format.blocks && format.block_shift >= 9 &&
				  format.blocks <= (uint64_t)INT64_MAX >> format.block_shift),
			"a unit has a bound");
	}
	scsi_parse_mode(copy, length, &format);
	scsi_parse_limits(copy, length, &format);
	require(scsi_parse_luns(copy, length, units, 4) <= 4, "units have room");
	scsi_parse_sense(copy, length, &sense);
	require(sense.key < 16 && sense.code < 256, "sense has bounds");
	free(copy);
}

/* clang-format off */
const struct fuzz_target device_targets[] = {
	{ "pci", fuzz_pci }, { "virtio_ring", fuzz_virtio_ring }, { "usb", fuzz_usb }, { "nvme", fuzz_nvme }, { "scsi", fuzz_scsi }, { "screen", fuzz_screen }, { "ldisc", fuzz_ldisc }, { "keymap", fuzz_keymap }, { 0 },
};
/* clang-format on */
