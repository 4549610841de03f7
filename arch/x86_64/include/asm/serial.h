/* SPDX-License-Identifier: MIT */
/**
 * @file serial.h  The machine's 16550 serial ports: registers, presence, polled output.
 *
 * arch/x86_64/serial.c finds the ports and prints the kernel's messages on them;
 * device/tty/uart.c makes terminals of them. Both use the registers under the
 * port's lock (spin, interrupts off; innermost, nothing is called under it).
 */
#pragma once
#include <asm/io.h>
#include <kernel/spinlock.h>
#include <kernel/printk.h>

#define SERIAL_PORTS 4
#define SERIAL_FIFO  16	    /* bytes that may follow each "transmitter empty" */
#define SERIAL_CLOCK 115200 /* divided by the divisor: bits per second */

/* Registers, from the base port. With LCR_DLAB set, 0 and 1 are the divisor. */
#define UART_RX	      0
#define UART_TX	      0
#define UART_IER      1
#define IER_RX	      0x01
#define IER_TX	      0x02
#define IER_LINE      0x04
#define UART_IIR      2
#define IIR_NONE      0x01 /* nothing pending */
#define IIR_FIFO      0xc0 /* both bits: a 16550A with working FIFOs */
#define UART_FCR      2
#define FCR_ENABLE    0x01
#define FCR_CLEAR_RX  0x02
#define FCR_CLEAR_TX  0x04
#define FCR_TRIGGER_8 0x80
#define UART_LCR      3
#define LCR_STOP2     0x04
#define LCR_PARITY    0x08
#define LCR_EVEN      0x10
#define LCR_BREAK     0x40
#define LCR_DLAB      0x80
#define UART_MCR      4
#define MCR_DTR	      0x01
#define MCR_RTS	      0x02
#define MCR_OUT1      0x04
#define MCR_OUT2      0x08 /* lets the interrupt out of the chip */
#define MCR_LOOP      0x10
#define UART_LSR      5
#define LSR_DATA      0x01
#define LSR_OVERRUN   0x02
#define LSR_PARITY    0x04
#define LSR_FRAMING   0x08
#define LSR_BREAK     0x10
#define LSR_ERRORS    0x1e
#define LSR_THRE      0x20 /* the transmit FIFO is empty */
#define LSR_TEMT      0x40 /* and so is the shift register */
#define UART_MSR      6
#define MSR_CTS	      0x10
#define MSR_DSR	      0x20
#define MSR_RI	      0x40
#define MSR_DCD	      0x80

struct serial_port {
	u16 base;
	u8 irq;	 /* ISA line */
	u8 line; /* 0: ttyS0 */
	bool present;
	bool has_fifo;
	bool stuck;	  /* gave up waiting for the transmitter once: don't wait again */
	u8 lcr, mcr, ier; /* what was written last */
	u8 lsr_saved;	  /* receive errors, seen when only the transmitter was polled */
	u32 baud;
	spinlock_t lock;
	struct console console;
};
extern struct serial_port serial_ports[SERIAL_PORTS];

static inline u8 serial_in(const struct serial_port *port, u32 reg)
{
	return inb(port->base + reg);
}
static inline void serial_out(const struct serial_port *port, u32 reg, u8 value)
{
	outb(port->base + reg, value);
}
/** The line status. Reading it clears the receive errors, so they are kept for the receiver. */
static inline u8 serial_status(struct serial_port *port)
{
	u8 lsr = serial_in(port, UART_LSR);

	port->lsr_saved |= lsr & LSR_ERRORS;
	return lsr;
}
/** A run of bytes into the transmit register: one instruction, and one exit under a hypervisor. */
static inline void serial_out_run(const struct serial_port *port, const void *s, size_t count)
{
	__asm__ volatile("rep outsb"
			 : "+S"(s), "+c"(count)
			 : "d"((u16)(port->base + UART_TX))
			 : "memory");
}

/**
 * @brief Find the first port and print the kernel's messages there from now on.
 * @note Any time after the stack works: needs no memory, no interrupts, no per-CPU data.
 */
void serial_early_init(void);
/** Find the other ports, and offer them as consoles too. Thread or boot context. */
void serial_probe_all(void);
/**
 * @brief The end of the machine on this processor, with interrupts off for good.
 *
 * Input is discarded from now on. If it were not read, an emulated port would
 * stop its sender when the FIFO is full, and with it the keys that are for the
 * emulator: QEMU reads Ctrl-A x from the same terminal.
 */
void serial_stop(void) __noreturn;
/** Set speed and frame. Lock held, or no other user yet. @param lcr  LCR_* and word length */
void serial_set_line(struct serial_port *port, u32 baud, u8 lcr);
