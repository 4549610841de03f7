// SPDX-License-Identifier: MIT
/*
 * Terminals on the serial ports: interrupt-driven input and output.
 *
 * Output is tried at once: while the transmit FIFO reports empty, 16 bytes go
 * in with one instruction. What does not fit waits in a ring, and the "FIFO
 * empty" interrupt, enabled only then, sends it. Emulated ports take everything
 * at once, so there the ring and the interrupt never come into play.
 *
 * Input is left in the hardware while the terminal has no room for it: the
 * receive interrupt is switched off until readers have made some, and an
 * emulated port holds its sender back meanwhile, so nothing that is pasted gets lost.
 *
 * The interrupt is requested at the first open. Handlers must drain the port
 * until it has nothing to say, since the ISA line is edge-triggered.
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
#define WAKE_LEVEL 256u	 /* room is announced when less than this waits */
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

static struct uart *uart_of(const struct tty *t)
{
	return tty_private(t);
}
static u32 waiting(const struct uart *u)
{
	return u->head - u->tail;
}

/* The enable register as the state asks for; port lock held. */
static void update_ier(struct uart *u)
{
	struct serial_port *p = u->port;
	u8 ier = 0;

	if (u->open)
		ier = u->throttled ? 0 : IER_RX | IER_LINE;
	if (u->open && waiting(u) && !tty_output_stopped(u->tty))
		ier |= IER_TX;
	if (ier != p->ier) {
		p->ier = ier;
		serial_out(p, UART_IER, ier);
	}
}

/* As much as the transmitter takes right now; port lock held. @return how much */
static size_t feed(struct uart *u, const char *s, size_t n)
{
	struct serial_port *p = u->port;
	size_t done = 0, fifo = p->has_fifo ? SERIAL_FIFO : 1;

	while (done < n && (serial_status(p) & LSR_THRE)) {
		size_t k = MIN(n - done, fifo);

		serial_out_run(p, s + done, k);
		done += k;
	}
	return done;
}

static void drain_ring(struct uart *u)
{
	while (waiting(u)) {
		u32 at = u->tail % RING_SIZE, run = MIN(waiting(u), RING_SIZE - at);
		u32 sent = feed(u, (char *)u->ring + at, run);

		u->tail += sent;
		if (sent < run)
			break;
	}
}

/* ---- atomic methods ---- */

static size_t uart_write(struct tty *t, const char *s, size_t len_bytes)
{
	struct uart *u = uart_of(t);
	u64 flags = spin_lock_irqsave(&u->port->lock);
	size_t done = 0;

	if (!u->open) {
		spin_unlock_irqrestore(&u->port->lock, flags);
		return len_bytes;
	}
	if (!waiting(u))
		done = feed(u, s, len_bytes);
	while (done < len_bytes && waiting(u) < RING_SIZE)
		u->ring[u->head++ % RING_SIZE] = s[done++];
	update_ier(u);
	spin_unlock_irqrestore(&u->port->lock, flags);
	return done;
}

static u32 uart_write_room(struct tty *t)
{
	return RING_SIZE - waiting(uart_of(t));
}

static u32 uart_chars_in_buffer(struct tty *t)
{
	return waiting(uart_of(t));
}

static void uart_flush_output(struct tty *t)
{
	struct uart *u = uart_of(t);
	u64 flags = spin_lock_irqsave(&u->port->lock);

	u->tail = u->head;
	update_ier(u);
	spin_unlock_irqrestore(&u->port->lock, flags);
}

static void uart_unthrottle(struct tty *t)
{
	struct uart *u = uart_of(t);
	u64 flags = spin_lock_irqsave(&u->port->lock);

	u->throttled = false;
	update_ier(u); /* what waits in the FIFO interrupts at once */
	spin_unlock_irqrestore(&u->port->lock, flags);
}

static void uart_flow(struct tty *t, bool stopped)
{
	struct uart *u = uart_of(t);
	u64 flags = spin_lock_irqsave(&u->port->lock);

	update_ier(u);
	spin_unlock_irqrestore(&u->port->lock, flags);
}

/* ---- interrupt ---- */

static void receive_damaged(struct uart *u, u8 lsr, u8 byte)
{
	if (lsr & LSR_OVERRUN)
		tty_receive_error(u->tty, TTY_OVERRUN, 0);
	if (lsr & LSR_BREAK)
		tty_receive_error(u->tty, TTY_BREAK, 0);
	else if (lsr & LSR_PARITY)
		tty_receive_error(u->tty, TTY_PARITY, byte);
	else if (lsr & LSR_FRAMING)
		tty_receive_error(u->tty, TTY_FRAMING, byte);
	else
		tty_receive(u->tty, (char *)&byte, 1);
}

/* Take up to @max bytes from the FIFO, to the first damaged one. @return how many; its state in *@bad */
static u32 take_fifo(struct uart *u, char *buf, u32 max, u8 *bad)
{
	u64 flags = spin_lock_irqsave(&u->port->lock);
	u32 n = 0;

	*bad = 0;
	while (n < max && !*bad) {
		u8 lsr = serial_status(u->port) | u->port->lsr_saved;

		u->port->lsr_saved = 0;
		if (lsr == 0xff || !(lsr & (LSR_DATA | LSR_BREAK)))
			break;
		buf[n++] = serial_in(u->port, UART_RX);
		*bad = lsr & LSR_ERRORS;
	}
	spin_unlock_irqrestore(&u->port->lock, flags);
	return n;
}

static void throttle(struct uart *u)
{
	u64 flags = spin_lock_irqsave(&u->port->lock);

	u->throttled = true;
	update_ier(u);
	spin_unlock_irqrestore(&u->port->lock, flags);
	/* A reader may have made room between the question and the answer. */
	if (tty_receive_room(u->tty))
		uart_unthrottle(u->tty);
}

static bool receive(struct uart *u)
{
	char buf[SERIAL_FIFO];
	bool any = false;

	while (u->open && !u->throttled) {
		u32 room = tty_receive_room(u->tty), n;
		u8 bad;

		if (!room) {
			throttle(u);
			break;
		}
		n = take_fifo(u, buf, MIN(room, (u32)sizeof(buf)), &bad);
		if (!n)
			break;
		any = true;
		if (bad)
			n--;
		if (n)
			tty_receive(u->tty, buf, n);
		if (bad)
			receive_damaged(u, bad, buf[n]);
	}
	return any;
}

static bool transmit(struct uart *u)
{
	u64 flags = spin_lock_irqsave(&u->port->lock);
	u32 before = waiting(u), left;

	if (!tty_output_stopped(u->tty))
		drain_ring(u);
	update_ier(u);
	left = waiting(u);
	spin_unlock_irqrestore(&u->port->lock, flags);
	if (left != before && left < WAKE_LEVEL)
		tty_output_ready(u->tty);
	return left != before;
}

static bool uart_interrupt(void *arg)
{
	struct uart *u = arg;
	bool any = false, again;

	do {
		bool pending = !(serial_in(u->port, UART_IIR) & IIR_NONE);

		again = receive(u);
		again |= transmit(u);
		any |= again || pending;
	} while (again);
	return any;
}

/* ---- methods that may sleep ---- */

static int uart_open(struct tty *t)
{
	struct uart *u = uart_of(t);
	int err = 0;
	u64 flags;

	u->tty = t;
	if (!u->has_irq)
		err = irq_request_isa(u->port->irq, uart_interrupt, u, u->port->console.name,
				      IRQ_SHARED);
	if (err)
		return err;
	u->has_irq = true;
	u->ring = kmalloc(RING_SIZE);
	if (!u->ring)
		return -ENOMEM;
	flags = spin_lock_irqsave(&u->port->lock);
	u->head = u->tail = 0;
	u->throttled = false;
	u->open = true;
	update_ier(u);
	spin_unlock_irqrestore(&u->port->lock, flags);
	return 0;
}

static void uart_close(struct tty *t)
{
	struct uart *u = uart_of(t);
	u64 flags = spin_lock_irqsave(&u->port->lock);
	u8 *ring = u->ring;

	u->open = false;
	u->head = u->tail = 0;
	u->ring = NULL;
	update_ier(u);
	spin_unlock_irqrestore(&u->port->lock, flags);
	kfree(ring);
}

/* No interrupt tells when the last bit has left. */
static void uart_drain(struct tty *t)
{
	struct serial_port *p = uart_of(t)->port;

	for (u32 ms = 0; ms < DRAIN_MS; ms++) {
		u64 flags = spin_lock_irqsave(&p->lock);
		u8 lsr = serial_status(p);

		spin_unlock_irqrestore(&p->lock, flags);
		if (lsr & LSR_TEMT)
			break;
		sleep_ms(1);
	}
}

static void uart_set_termios(struct tty *t, struct ktermios *new, const struct ktermios *old)
{
	struct uart *u = uart_of(t);
	struct serial_port *p = u->port;
	u8 lcr = (new->c_cflag &CSIZE) / CS6; /* CS5..CS8: 0..3 */
	u64 flags;

	new->c_cflag &= ~(CMSPAR | CRTSCTS);
	if (new->c_cflag & CSTOPB)
		lcr |= LCR_STOP2;
	if (new->c_cflag & PARENB)
		lcr |= LCR_PARITY | (new->c_cflag &PARODD ? 0 : LCR_EVEN);

	flags = spin_lock_irqsave(&p->lock);
	if (!new->c_ospeed) { /* B0: hang up */
		p->mcr &= ~(MCR_DTR | MCR_RTS);
	} else {
		p->mcr |= MCR_DTR | MCR_RTS;
		if (new->c_ospeed != old->c_ospeed || lcr != p->lcr)
			serial_set_line(p, new->c_ospeed, lcr);
	}
	serial_out(p, UART_MCR, p->mcr);
	spin_unlock_irqrestore(&p->lock, flags);
}

static int uart_set_break(struct tty *t, bool on)
{
	struct serial_port *p = uart_of(t)->port;
	u64 flags = spin_lock_irqsave(&p->lock);

	p->lcr = on ? p->lcr | LCR_BREAK : p->lcr & ~LCR_BREAK;
	serial_out(p, UART_LCR, p->lcr);
	spin_unlock_irqrestore(&p->lock, flags);
	return 0;
}

static int uart_modem_get(struct tty *t)
{
	struct serial_port *p = uart_of(t)->port;
	u64 flags = spin_lock_irqsave(&p->lock);
	u8 msr = serial_in(p, UART_MSR), mcr = p->mcr;

	spin_unlock_irqrestore(&p->lock, flags);
	return (mcr & MCR_DTR ? TIOCM_DTR : 0) | (mcr & MCR_RTS ? TIOCM_RTS : 0) |
	       (mcr & MCR_OUT1 ? TIOCM_OUT1 : 0) | (mcr & MCR_OUT2 ? TIOCM_OUT2 : 0) |
	       (mcr & MCR_LOOP ? TIOCM_LOOP : 0) | (msr & MSR_CTS ? TIOCM_CTS : 0) |
	       (msr & MSR_DSR ? TIOCM_DSR : 0) | (msr & MSR_RI ? TIOCM_RNG : 0) |
	       (msr & MSR_DCD ? TIOCM_CAR : 0);
}

/* OUT2 lets interrupts through on a PC: not for programs to change. */
static u8 mcr_bits(u32 tiocm)
{
	return (tiocm & TIOCM_DTR ? MCR_DTR : 0) | (tiocm & TIOCM_RTS ? MCR_RTS : 0) |
	       (tiocm & TIOCM_OUT1 ? MCR_OUT1 : 0) | (tiocm & TIOCM_LOOP ? MCR_LOOP : 0);
}

static int uart_modem_set(struct tty *t, u32 set, u32 clear)
{
	struct serial_port *p = uart_of(t)->port;
	u64 flags = spin_lock_irqsave(&p->lock);

	p->mcr = (p->mcr & ~mcr_bits(clear)) | mcr_bits(set);
	serial_out(p, UART_MCR, p->mcr);
	spin_unlock_irqrestore(&p->lock, flags);
	return 0;
}

static s64 uart_ioctl(struct tty *t, u32 cmd, u64 arg)
{
	struct serial_port *p = uart_of(t)->port;
	struct serial_struct s = {
		.type = PORT_16550A,
		.line = p->line,
		.port = p->base,
		.irq = p->irq,
		.xmit_fifo_size = p->has_fifo ? SERIAL_FIFO : 1,
		.baud_base = SERIAL_CLOCK,
		.close_delay = 50,
		.closing_wait = 3000,
	};

	return cmd == TIOCGSERIAL ? copy_to_user(uaddr(arg), &s, sizeof(s)) : -ENOTTY;
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
		struct uart *u = &uarts[i];
		const char *name = serial_ports[i].console.name;

		if (!serial_ports[i].present)
			continue;
		u->port = &serial_ports[i];
		u->tty = tty_register(name, MKDEV(TTYS_MAJOR, TTYS_MINOR + i), &uart_ops, u);
		if (IS_ERR(u->tty)) {
			pr_err("%s: cannot register the terminal: %s (error %ld)\n", name,
			       error_text(PTR_ERR(u->tty)), -PTR_ERR(u->tty));
			continue;
		}
		tty_set_line_speed(u->tty, u->port->baud);
		tty_add_console(name, u->tty);
	}
}
