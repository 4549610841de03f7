// SPDX-License-Identifier: MIT
/*
 * Terminals on the serial ports: interrupt-driven input and output.
 *
 * Output is tried at once: while the transmit FIFO reports empty, 16 bytes are
 * written with one instruction. What does not fit waits in a ring, and the "FIFO
 * empty" interrupt, enabled only then, sends it. Emulated ports take everything
 * at once, so the ring and the interrupt are never used there.
 *
 * Input is left in the hardware while the terminal has no space for it: the
 * receive interrupt is switched off until readers have freed some, and an
 * emulated port stops its sender meanwhile, so no pasted text is lost.
 *
 * The interrupt is requested at the first open. Handlers must drain the port
 * until it reports no further cause, since the ISA line is edge-triggered.
 *
 * Locks: serial_port.lock (spin, interrupts off) guards the registers, the ring
 * and the flags; it is innermost: tty functions are called without it. The
 * kernel's own messages are written polled under the same lock by
 * arch/x86_64/serial.c. Source: PC16550D data sheet.
 */
#include <asm/serial.h>
#include <kernel/err.h>
#include <kernel/fs/dev_number.h>
#include <kernel/heap.h>
#include <kernel/irq.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <uapi/errno.h>
#include "internal.h"

#define RING_SIZE  4096u /* power of two */
#define WAKE_LEVEL 256u	 /* space is announced when less than this waits */
#define DRAIN_MS   4000u /* 17 bytes at 50 bits per second */
#define TTYS_MAJOR 4
#define TTYS_MINOR 64

struct uart {
	struct serial_port *port;
	struct tty *tty;
	u8 *ring; /* while open */
	u32 head, tail;
	bool open, throttled, has_irq;
};
static struct uart uarts[SERIAL_PORTS];

static struct uart *uart_of(const struct tty *tty)
{
	return tty_private(tty);
}
static u32 uart_ring_used(const struct uart *uart)
{
	return uart->head - uart->tail;
}

/* Set the interrupt enable register from the state. */
static void uart_update_ier(struct uart *uart)
{
	struct serial_port *port = uart->port;
	u8 ier = 0;

	assert_held(&port->lock);
	if (uart->open && !uart->throttled)
		ier = IER_RX | IER_LINE;
	if (uart->open && uart_ring_used(uart) && !tty_output_stopped(uart->tty))
		ier |= IER_TX;
	if (ier != port->ier) {
		port->ier = ier;
		serial_out(port, UART_IER, ier);
	}
}

/* Send as many bytes as the transmitter takes now. @return how many */
static size_t uart_feed(struct uart *uart, const char *bytes, size_t length)
{
	struct serial_port *port = uart->port;
	size_t done = 0, fifo = port->has_fifo ? SERIAL_FIFO : 1;

	while (done < length && (serial_status(port) & LSR_THRE)) {
		size_t part = MIN(length - done, fifo);

		serial_out_run(port, bytes + done, part);
		done += part;
	}
	return done;
}

static void uart_drain_ring(struct uart *uart)
{
	while (uart_ring_used(uart)) {
		u32 position = uart->tail % RING_SIZE,
		    run = MIN(uart_ring_used(uart), RING_SIZE - position);
		u32 sent = uart_feed(uart, (char *)uart->ring + position, run);

		uart->tail += sent;
		if (sent < run)
			break;
	}
}

/* ---- atomic methods ---- */

static size_t uart_write(struct tty *tty, const char *bytes, size_t len_bytes)
{
	struct uart *uart = uart_of(tty);
	u64 flags = spin_lock_irqsave(&uart->port->lock);
	size_t done = 0;

	if (!uart->open) {
		spin_unlock_irqrestore(&uart->port->lock, flags);
		return len_bytes;
	}
	if (!uart_ring_used(uart))
		done = uart_feed(uart, bytes, len_bytes);
	while (done < len_bytes && uart_ring_used(uart) < RING_SIZE)
		uart->ring[uart->head++ % RING_SIZE] = bytes[done++];
	uart_update_ier(uart);
	spin_unlock_irqrestore(&uart->port->lock, flags);
	return done;
}

static u32 uart_write_room(struct tty *tty)
{
	return RING_SIZE - uart_ring_used(uart_of(tty));
}

static u32 uart_chars_in_buffer(struct tty *tty)
{
	return uart_ring_used(uart_of(tty));
}

static void uart_flush_output(struct tty *tty)
{
	struct uart *uart = uart_of(tty);
	u64 flags = spin_lock_irqsave(&uart->port->lock);

	uart->tail = uart->head;
	uart_update_ier(uart);
	spin_unlock_irqrestore(&uart->port->lock, flags);
}

static void uart_unthrottle(struct tty *tty)
{
	struct uart *uart = uart_of(tty);
	u64 flags = spin_lock_irqsave(&uart->port->lock);

	uart->throttled = false;
	uart_update_ier(uart); /* what waits in the FIFO interrupts at once */
	spin_unlock_irqrestore(&uart->port->lock, flags);
}

static void uart_flow(struct tty *tty, bool stopped)
{
	struct uart *uart = uart_of(tty);
	u64 flags = spin_lock_irqsave(&uart->port->lock);

	uart_update_ier(uart);
	spin_unlock_irqrestore(&uart->port->lock, flags);
}

/* ---- interrupt ---- */

static void uart_receive_damaged(struct uart *uart, u8 lsr, u8 byte)
{
	if (lsr & LSR_OVERRUN)
		tty_receive_error(uart->tty, TTY_OVERRUN, 0);
	if (lsr & LSR_BREAK)
		tty_receive_error(uart->tty, TTY_BREAK, 0);
	else if (lsr & LSR_PARITY)
		tty_receive_error(uart->tty, TTY_PARITY, byte);
	else if (lsr & LSR_FRAMING)
		tty_receive_error(uart->tty, TTY_FRAMING, byte);
	else
		tty_receive(uart->tty, (char *)&byte, 1);
}

/* Take up to @max bytes from the FIFO, to the first damaged one. @return how many; its state in *@bad */
static u32 uart_take_fifo(struct uart *uart, char *buf, u32 max, u8 *bad)
{
	u64 flags = spin_lock_irqsave(&uart->port->lock);
	u32 count = 0;

	*bad = 0;
	while (count < max && !*bad) {
		u8 lsr = serial_status(uart->port) | uart->port->lsr_saved;

		uart->port->lsr_saved = 0;
		if (lsr == 0xff || !(lsr & (LSR_DATA | LSR_BREAK)))
			break;
		buf[count++] = serial_in(uart->port, UART_RX);
		*bad = lsr & LSR_ERRORS;
	}
	spin_unlock_irqrestore(&uart->port->lock, flags);
	return count;
}

static void uart_throttle(struct uart *uart)
{
	u64 flags = spin_lock_irqsave(&uart->port->lock);

	uart->throttled = true;
	uart_update_ier(uart);
	spin_unlock_irqrestore(&uart->port->lock, flags);
	/* A reader may have freed space between the check and its result. */
	if (tty_receive_room(uart->tty))
		uart_unthrottle(uart->tty);
}

static bool uart_receive(struct uart *uart)
{
	char buf[SERIAL_FIFO];
	bool any = false;

	while (uart->open && !uart->throttled) {
		u32 room = tty_receive_room(uart->tty), count;
		u8 bad;

		if (!room) {
			uart_throttle(uart);
			break;
		}
		count = uart_take_fifo(uart, buf, MIN(room, (u32)sizeof(buf)), &bad);
		if (!count)
			break;
		any = true;
		if (bad)
			count--;
		if (count)
			tty_receive(uart->tty, buf, count);
		if (bad)
			uart_receive_damaged(uart, bad, buf[count]);
	}
	return any;
}

static bool uart_transmit(struct uart *uart)
{
	u64 flags = spin_lock_irqsave(&uart->port->lock);
	u32 before = uart_ring_used(uart), left;

	if (!tty_output_stopped(uart->tty))
		uart_drain_ring(uart);
	uart_update_ier(uart);
	left = uart_ring_used(uart);
	spin_unlock_irqrestore(&uart->port->lock, flags);
	if (left != before && left < WAKE_LEVEL)
		tty_output_ready(uart->tty);
	return left != before;
}

static bool uart_interrupt(void *arg)
{
	struct uart *uart = arg;
	bool any = false, again;

	do {
		bool pending = !(serial_in(uart->port, UART_IIR) & IIR_NONE);

		again = uart_receive(uart);
		again |= uart_transmit(uart);
		any |= again || pending;
	} while (again);
	return any;
}

/* ---- methods that may sleep ---- */

static int uart_open(struct tty *tty)
{
	struct uart *uart = uart_of(tty);
	int err = 0;
	u64 flags;

	uart->tty = tty;
	if (!uart->has_irq)
		err = irq_request_isa(uart->port->irq, uart_interrupt, uart,
				      uart->port->console.name, IRQ_SHARED);
	if (err)
		return err;
	uart->has_irq = true;
	uart->ring = kmalloc(RING_SIZE);
	if (!uart->ring)
		return -ENOMEM;
	flags = spin_lock_irqsave(&uart->port->lock);
	uart->head = uart->tail = 0;
	uart->throttled = false;
	uart->open = true;
	uart_update_ier(uart);
	spin_unlock_irqrestore(&uart->port->lock, flags);
	return 0;
}

static void uart_close(struct tty *tty)
{
	struct uart *uart = uart_of(tty);
	u64 flags = spin_lock_irqsave(&uart->port->lock);
	u8 *ring = uart->ring;

	uart->open = false;
	uart->head = uart->tail = 0;
	uart->ring = NULL;
	uart_update_ier(uart);
	spin_unlock_irqrestore(&uart->port->lock, flags);
	kfree(ring);
}

/* No interrupt reports that the last bit was sent. */
static void uart_drain(struct tty *tty)
{
	struct serial_port *port = uart_of(tty)->port;

	for (u32 ms = 0; ms < DRAIN_MS; ms++) {
		u64 flags = spin_lock_irqsave(&port->lock);
		u8 lsr = serial_status(port);

		spin_unlock_irqrestore(&port->lock, flags);
		if (lsr & LSR_TEMT)
			break;
		sleep_ms(1);
	}
}

static void uart_set_termios(struct tty *tty, struct ktermios *new, const struct ktermios *old)
{
	struct uart *uart = uart_of(tty);
	struct serial_port *port = uart->port;
	u8 lcr = (new->c_cflag &CSIZE) / CS6; /* CS5..CS8: 0..3 */
	u64 flags;

	new->c_cflag &= ~(CMSPAR | CRTSCTS);
	if (new->c_cflag & CSTOPB)
		lcr |= LCR_STOP2;
	if (new->c_cflag & PARENB)
		lcr |= LCR_PARITY;
	if ((new->c_cflag &PARENB) && !(new->c_cflag &PARODD))
		lcr |= LCR_EVEN;

	flags = spin_lock_irqsave(&port->lock);
	if (!new->c_ospeed) { /* B0: hang up */
		port->mcr &= ~(MCR_DTR | MCR_RTS);
	} else {
		port->mcr |= MCR_DTR | MCR_RTS;
		if (new->c_ospeed != old->c_ospeed || lcr != port->lcr)
			serial_set_line(port, new->c_ospeed, lcr);
	}
	serial_out(port, UART_MCR, port->mcr);
	spin_unlock_irqrestore(&port->lock, flags);
}

static int uart_set_break(struct tty *tty, bool enable)
{
	struct serial_port *port = uart_of(tty)->port;
	u64 flags = spin_lock_irqsave(&port->lock);

	if (enable)
		port->lcr |= LCR_BREAK;
	else
		port->lcr &= ~LCR_BREAK;
	serial_out(port, UART_LCR, port->lcr);
	spin_unlock_irqrestore(&port->lock, flags);
	return 0;
}

/* Modem lines: bits of a register and of TIOCMGET. */
struct modem_line {
	u8 bit;
	u16 tiocm;
};
static const struct modem_line mcr_lines[] = {
	{ MCR_DTR, TIOCM_DTR },	  { MCR_RTS, TIOCM_RTS },   { MCR_OUT1, TIOCM_OUT1 },
	{ MCR_OUT2, TIOCM_OUT2 }, { MCR_LOOP, TIOCM_LOOP },
};
static const struct modem_line msr_lines[] = {
	{ MSR_CTS, TIOCM_CTS },
	{ MSR_DSR, TIOCM_DSR },
	{ MSR_RI, TIOCM_RNG },
	{ MSR_DCD, TIOCM_CAR },
};

static int uart_modem_get(struct tty *tty)
{
	struct serial_port *port = uart_of(tty)->port;
	u64 flags = spin_lock_irqsave(&port->lock);
	u8 msr = serial_in(port, UART_MSR), mcr = port->mcr;
	int tiocm = 0;

	spin_unlock_irqrestore(&port->lock, flags);
	for (u32 i = 0; i < ARRAY_SIZE(mcr_lines); i++)
		if (mcr & mcr_lines[i].bit)
			tiocm |= mcr_lines[i].tiocm;
	for (u32 i = 0; i < ARRAY_SIZE(msr_lines); i++)
		if (msr & msr_lines[i].bit)
			tiocm |= msr_lines[i].tiocm;
	return tiocm;
}

/* Without OUT2, which enables interrupts on a PC: programs must not change it. */
static u8 mcr_bits(u32 tiocm)
{
	u8 bits = 0;

	for (u32 i = 0; i < ARRAY_SIZE(mcr_lines); i++)
		if (tiocm & mcr_lines[i].tiocm)
			bits |= mcr_lines[i].bit;
	return bits & ~MCR_OUT2;
}

static int uart_modem_set(struct tty *tty, u32 set, u32 clear)
{
	struct serial_port *port = uart_of(tty)->port;
	u64 flags = spin_lock_irqsave(&port->lock);

	port->mcr = (port->mcr & ~mcr_bits(clear)) | mcr_bits(set);
	serial_out(port, UART_MCR, port->mcr);
	spin_unlock_irqrestore(&port->lock, flags);
	return 0;
}

static s64 uart_ioctl(struct tty *tty, u32 cmd, u64 arg)
{
	struct serial_port *port = uart_of(tty)->port;
	struct serial_struct info = {
		.type = PORT_16550A,
		.line = port->line,
		.port = port->base,
		.irq = port->irq,
		.xmit_fifo_size = port->has_fifo ? SERIAL_FIFO : 1,
		.baud_base = SERIAL_CLOCK,
		.close_delay = 50,
		.closing_wait = 3000,
	};

	if (cmd != TIOCGSERIAL)
		return -ENOTTY;
	return copy_to_user(uaddr(arg), &info, sizeof(info));
}

static const struct tty_ops uart_ops = {
	.write = uart_write,
	.write_room = uart_write_room,
	.chars_in_buffer = uart_chars_in_buffer,
	.flush_output = uart_flush_output,
	.unthrottle = uart_unthrottle,
	.flow = uart_flow,
	.drain = uart_drain,
	.set_termios = uart_set_termios,
	.open = uart_open,
	.close = uart_close,
	.set_break = uart_set_break,
	.modem_get = uart_modem_get,
	.modem_set = uart_modem_set,
	.ioctl = uart_ioctl,
};

void uart_init(void)
{
	serial_probe_all();
	for (u32 i = 0; i < SERIAL_PORTS; i++) {
		struct uart *uart = &uarts[i];
		const char *name = serial_ports[i].console.name;

		if (!serial_ports[i].present)
			continue;
		uart->port = &serial_ports[i];
		uart->tty = tty_register(name, MKDEV(TTYS_MAJOR, TTYS_MINOR + i), &uart_ops, uart);
		if (IS_ERR(uart->tty)) {
			pr_err("%s: cannot register the terminal: %s (error %ld)\n", name,
			       error_text(PTR_ERR(uart->tty)), -PTR_ERR(uart->tty));
			continue;
		}
		tty_set_line_speed(uart->tty, uart->port->baud);
		tty_add_console(name, uart->tty);
	}
}
