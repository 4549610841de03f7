// SPDX-License-Identifier: MIT
/*
 * The 16550 serial ports of a PC: finding them, and the kernel's messages.
 *
 * Output is polled, so that it works before interrupts, memory or threads do
 * and still works in a panic. A port access is slow (an exit under a
 * hypervisor, a microsecond on a real bus), so the status is asked once for
 * every 16 bytes: when the transmitter reports empty, its whole FIFO is.
 *
 * A port exists if its interrupt-enable register keeps what is written; an
 * empty bus reads as ones, and memory that only seems to be there loses the
 * upper half. Only the first port is looked for at the very start.
 *
 * The lock is taken with interrupts off and without the preemption counter,
 * which may not exist yet. A panic must not hang because the processor that it
 * stopped holds the lock, therefore waiting for it has an end.
 *
 * Source: National Semiconductor PC16550D data sheet.
 */
#include <asm/irqflags.h>
#include <asm/serial.h>
#include <kernel/cmdline.h>
#include <kernel/string.h>

CMDLINE_OPTION(opt_console, "console");

#define LOCK_TRIES  (1u << 22)
#define THRE_TRIES  (1u << 20) /* about a second */
#define POLL_PAUSES (1u << 16) /* a few milliseconds */

static void serial_console_write(struct console *console, const char *s, size_t len_bytes);

#define SERIAL_PORT(n, io, isa)                                                                 \
	{                                                                                       \
		.base = (io), .irq = (isa), .line = (n), .baud = 115200, .lcr = 3, .console = { \
			.name = "ttyS" #n,                                                      \
			.write = serial_console_write                                           \
		}                                                                               \
	}
struct serial_port serial_ports[SERIAL_PORTS] = {
	SERIAL_PORT(0, 0x3f8, 4),
	SERIAL_PORT(1, 0x2f8, 3),
	SERIAL_PORT(2, 0x3e8, 4),
	SERIAL_PORT(3, 0x2e8, 3),
};

static bool port_lock(struct serial_port *port)
{
	for (u32 i = 0; i < LOCK_TRIES; i++) {
		if (raw_spin_trylock(&port->lock))
			return true;
		if (printk_panicking)
			return false;
		cpu_relax();
	}
	return false;
}

static bool wait_empty(struct serial_port *port)
{
	u32 tries = port->stuck ? 1 : THRE_TRIES;

	while (tries--) {
		if (serial_status(port) & LSR_THRE) {
			port->stuck = false;
			return true;
		}
	}
	port->stuck = true;
	return false;
}

/* Move bytes to @batch, with a carriage return before each newline. */
static size_t take_batch(const char **s, size_t *n, char batch[SERIAL_FIFO])
{
	size_t index = 0;

	while (*n && index < SERIAL_FIFO) {
		if (**s == '\n') {
			if (index + 2 > SERIAL_FIFO)
				break;
			batch[index++] = '\r';
		}
		batch[index++] = *(*s)++;
		--*n;
	}
	return index;
}

static void serial_console_write(struct console *c, const char *s, size_t len_bytes)
{
	struct serial_port *port = container_of(c, struct serial_port, console);
	u64 flags = irq_save();
	bool locked = port_lock(port);
	char batch[SERIAL_FIFO];

	while (len_bytes && wait_empty(port)) {
		size_t index = take_batch(&s, &len_bytes, batch);

		if (port->has_fifo) {
			serial_out_run(port, batch, index);
			continue;
		}
		serial_out(port, UART_TX, batch[0]);
		for (size_t i = 1; i < index && wait_empty(port); i++)
			serial_out(port, UART_TX, batch[i]);
	}
	if (locked)
		raw_spin_unlock(&port->lock);
	irq_restore(flags);
}

void serial_set_line(struct serial_port *port, u32 baud, u8 lcr)
{
	u32 divisor = MAX(1u, (SERIAL_CLOCK + baud / 2) / baud);

	port->baud = SERIAL_CLOCK / divisor;
	port->lcr = lcr;
	serial_out(port, UART_LCR, lcr | LCR_DLAB);
	serial_out(port, 0, divisor & 0xff);
	serial_out(port, 1, divisor >> 8 & 0xff);
	serial_out(port, UART_LCR, lcr);
}

/* The speed in "console=ttyS0,9600n8", if the command line has it. */
static u32 speed_wanted(const char *name)
{
	const char *cursor = NULL;
	size_t len = strlen(name);
	struct cmdline_word w;
	u32 baud = 0;

	while (option_next(&opt_console, &cursor, &w)) {
		if (w.val_len <= len || memcmp(w.val, name, len) || w.val[len] != ',')
			continue;
		baud = 0;
		for (size_t i = len + 1; i < w.val_len && w.val[i] >= '0' && w.val[i] <= '9'; i++) {
			if (baud < SERIAL_CLOCK)
				baud = baud * 10 + w.val[i] - '0';
		}
	}
	if (baud >= 50 && baud <= SERIAL_CLOCK)
		return baud;
	return SERIAL_CLOCK;
}

static bool serial_probe(struct serial_port *port)
{
	serial_out(port, UART_IER, 0);
	if (serial_in(port, UART_IER) != 0)
		return false;
	serial_out(port, UART_IER, 0x0f);
	if (serial_in(port, UART_IER) != 0x0f)
		return false;
	serial_out(port, UART_IER, 0);

	serial_set_line(port, speed_wanted(port->console.name), 3);
	serial_out(port, UART_FCR, FCR_ENABLE | FCR_CLEAR_RX | FCR_CLEAR_TX | FCR_TRIGGER_8);
	port->has_fifo = (serial_in(port, UART_IIR) & IIR_FIFO) == IIR_FIFO;
	port->mcr = MCR_DTR | MCR_RTS | MCR_OUT2;
	serial_out(port, UART_MCR, port->mcr);
	port->present = true;
	return true;
}

void serial_early_init(void)
{
	if (serial_probe(&serial_ports[0]))
		console_register(&serial_ports[0].console);
}

void serial_probe_all(void)
{
	for (u32 i = 0; i < SERIAL_PORTS; i++)
		if (!serial_ports[i].present && serial_probe(&serial_ports[i]))
			console_register(&serial_ports[i].console);
}

static void discard_input(const struct serial_port *port)
{
	for (u32 i = 0; i < SERIAL_FIFO && serial_in(port, UART_LSR) & LSR_DATA; i++)
		(void)serial_in(port, UART_RX);
}

void serial_stop(void)
{
	irq_disable();
	for (;;) {
		for (u32 i = 0; i < SERIAL_PORTS; i++)
			if (serial_ports[i].present)
				discard_input(&serial_ports[i]);
		for (u32 i = 0; i < POLL_PAUSES; i++)
			cpu_relax();
	}
}
