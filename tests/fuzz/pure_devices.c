// SPDX-License-Identifier: MIT
/* Targets: drivers/bus/pci/config.c, and of device/tty: the screen, the line discipline, the keyboard. */
#include <stdlib.h>
#include <string.h>
#include "../../device/tty/keymap.h"
#include "../../device/tty/ldisc.h"
#include "../../device/tty/vt.h"
#include "../../drivers/bus/pci/config.h"
#include "pure.h"

/* ---- PCI: a device of any registers, any of which can be written, pulled out at any time ---- */

struct device {
	uint8_t bytes[CONFIG_SIZE], writable[CONFIG_SIZE];
	uint64_t accesses, gone_after;
};

static uint32_t config_read(void *context, uint32_t offset, uint32_t bytes)
{
	struct device *d = context;
	uint32_t v = 0;

	require((bytes == 1 || bytes == 2 || bytes == 4) && !(offset % bytes) &&
			offset + bytes <= CONFIG_SIZE,
		"an access is aligned and inside");
	if (++d->accesses > d->gone_after)
		return ~0u >> (32 - 8 * bytes);
	memcpy(&v, d->bytes + offset, bytes);
	return v;
}

static void config_write(void *context, uint32_t offset, uint32_t bytes, uint32_t value)
{
	struct device *d = context;

	d->accesses++;
	require(!(offset % bytes) && offset + bytes <= CONFIG_SIZE,
		"an access is aligned and inside");
	for (uint32_t i = 0; i < bytes; i++) {
		uint8_t w = d->writable[offset + i];

		d->bytes[offset + i] = (d->bytes[offset + i] & ~w) | (value >> 8 * i & w);
	}
}

static void check_room(struct bytes *b)
{
	struct pci_window w = { take_bytes(b, 8), take_bytes(b, 8) }, used[3];
	uint64_t length = 1ull << (take_bytes(b, 1) % 64), start;

	for (int i = 0; i < 3; i++) {
		used[i].base = take_bytes(b, 8);
		used[i].limit = used[i].base + take_bytes(b, 4);
		if (used[i].limit < used[i].base)
			return;
	}
	start = pci_find_room(&w, used, 3, length);
	if (!start)
		return;
	require(!(start & (length - 1)) && start >= w.base && start + (length - 1) <= w.limit &&
			start + (length - 1) >= start,
		"room lies in its window");
	for (int i = 0; i < 3; i++)
		require(start > used[i].limit || start + (length - 1) < used[i].base,
			"room is free");
}

static void fuzz_pci(const uint8_t *data, size_t size)
{
	struct bytes b = { data, size };
	struct device d = { .gone_after = take_bytes(&b, 1) };
	struct pci_config c = { &d, config_read, config_write };
	struct pci_info info;
	char *alias = malloc(64);

	if (d.gone_after > 200)
		d.gone_after = ~0ull;
	check_room(&b);
	for (size_t i = 0; i < CONFIG_SIZE; i++)
		d.bytes[i] = take_bytes(&b, 1);
	for (size_t i = 0; i < CONFIG_SIZE; i++)
		d.writable[i] = take_bytes(&b, 1);
	memset(&info, 0, sizeof(info));
	if (pci_is_present(&c) && !pci_read_info(&c, &info)) {
		pci_size_bars(&c, &info);
		for (uint32_t i = 0; i < PCI_BARS; i++)
			require(!info.bars[i].kind ||
					(info.bars[i].length &&
					 !(info.bars[i].length & (info.bars[i].length - 1))),
				"bars are powers of two");
		pci_alias(&info, alias, 64);
		require(memchr(alias, 0, 64) != NULL, "an alias fits");
		for (uint32_t i = 0; i < PCI_BARS; i++)
			if (info.bars[i].kind)
				pci_write_bar(&c, i, &info.bars[i]);
	}
	(void)pci_capability(&c, data[0]);
	require(d.accesses < 2000, "accesses have a bound");
	free(alias);
}

/* ---- the screen ---- */

static void fuzz_screen(const uint8_t *data, size_t size)
{
	static struct vt v;
	struct bytes b = { data, size };
	uint32_t cols = take_bytes(&b, 1) + 1, rows = take_bytes(&b, 1) % VT_MAX_ROWS + 1;
	vt_cell *cells = malloc(cols * rows * sizeof(*cells));

	vt_init(&v, cols, rows, cells);
	while (b.left) {
		size_t n = MIN((size_t)(take_bytes(&b, 1) % 32 + 1), b.left);
		uint8_t *piece = exact_copy(b.at, n);

		vt_write(&v, piece, n);
		free(piece);
		b.at += n;
		b.left -= n;
		require(v.pen.x < cols && v.pen.y < rows, "the cursor is on the screen");
		require(v.top < v.bottom && v.bottom <= rows, "the scroll region is on the screen");
		require(v.reply_len <= VT_REPLY_SIZE && v.nr_params <= VT_PARAMS,
			"lists have a bound");
		if (n & 1)
			v.reply_len = 0;
	}
	free(cells);
}

/* ---- the line discipline ---- */

static void take_termios(struct bytes *b, struct ktermios *t)
{
	t->c_iflag = take_bytes(b, 2);
	t->c_oflag = take_bytes(b, 2);
	t->c_lflag = take_bytes(b, 2);
	for (size_t i = 0; i < sizeof(t->c_cc); i++)
		t->c_cc[i] = take_bytes(b, 1);
}

static void ldisc_step(struct ldisc *ld, struct bytes *b)
{
	size_t n = take_bytes(b, 1), made = 0, used;
	uint8_t *in, *out = malloc(n + LDISC_MAX_EXPANSION);
	uint32_t events = 0;
	const u8 *run;
	bool done;

	switch (take_bytes(b, 1) % 8) {
	case 0: require(ldisc_read(ld, out, n, &done) <= n, "a read gets what it asked for"); break;
	case 1:
		n = MIN(n, b->left);
		in = exact_copy(b->at, n);
		used = ldisc_output(ld, in, n, out, n + LDISC_MAX_EXPANSION, &made);
		require(used <= n && made <= n + LDISC_MAX_EXPANSION, "output fits");
		require(!n || used, "output goes on");
		free(in);
		break;
	case 2: ldisc_echo_taken(ld, MIN((uint32_t)n, ldisc_echo_peek(ld, &run))); break;
	case 3:
		(void)ldisc_receive_break(ld);
		(void)ldisc_receive_damaged(ld, n);
		break;
	case 4: n & 1 ? ldisc_flush_input(ld) : ldisc_flush_echo(ld); break;
	case 5: {
		struct ktermios t = ld->termios;

		take_termios(b, &t);
		(void)ldisc_set_termios(ld, &t);
		break;
	}
	default:
		n = MIN(n, b->left);
		in = exact_copy(b->at, n);
		require(ldisc_receive(ld, in, n, &events) <= n, "no more is taken than there is");
		free(in);
		b->at += n;
		b->left -= n;
	}
	free(out);
}

static void fuzz_ldisc(const uint8_t *data, size_t size)
{
	static struct ldisc ld;
	struct ktermios t = ldisc_default_termios;
	struct bytes b = { data, size };

	if (take_bytes(&b, 1) & 1)
		take_termios(&b, &t);
	ldisc_init(&ld, &t);
	while (b.left) {
		ldisc_step(&ld, &b);
		require(ldisc_used(&ld) <= LDISC_INPUT_SIZE &&
				ld.canon_head - ld.tail <= ldisc_used(&ld),
			"input fits its ring");
		require(ld.echo_head - ld.echo_tail <= LDISC_ECHO_SIZE, "echo fits its ring");
		require(ldisc_readable(&ld) <= ldisc_used(&ld), "what can be read is there");
		require(ldisc_room(&ld) <= LDISC_INPUT_SIZE, "room has a bound");
	}
}

/* ---- the keyboard ---- */

static void fuzz_keymap(const uint8_t *data, size_t size)
{
	struct keymap k;

	if (!size)
		return;
	keymap_init(&k);
	for (size_t i = 1; i < size; i++) {
		struct keymap_modes m = { data[0] & 1, data[0] & 2, data[0] & 4 };
		struct keymap_result r = keymap_feed(&k, data[i], m);

		require(r.action <= KEYMAP_SCROLL_LOCK, "the action is one of the list");
		require(r.action != KEYMAP_TEXT || (r.len && r.len <= KEYMAP_MAX_TEXT),
			"text fits");
		require(keymap_leds(&k) < 8, "there are three lamps");
	}
}

/* clang-format off */
const struct fuzz_target device_targets[] = {
	{ "pci", fuzz_pci }, { "screen", fuzz_screen }, { "ldisc", fuzz_ldisc }, { "keymap", fuzz_keymap }, { 0 },
};
/* clang-format on */
