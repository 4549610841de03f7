// SPDX-License-Identifier: MIT
/*
 * The PS/2 controller and the keyboard on its first port.
 *
 * The controller is set to translate to scan code set 1, which all keyboards
 * then appear to use, and to interrupt (ISA line 1) on each byte. The second
 * port, a mouse, stays off. Waiting for the controller is always bounded: on a
 * machine without one the ports read as ones, and the first wait fails.
 *
 * Lamps are set by a command and an argument, each of which the keyboard
 * acknowledges: the argument is sent from the interrupt of the first
 * acknowledgement, so no thread waits.
 *
 * Lock: keyboard_lock (spin, interrupts off) guards the output of commands and
 * the state of the lamps; the feed function is called without it.
 * Source: IBM PS/2 Hardware Interface Technical Reference, keyboard controller.
 */
#include <asm/console.h>
#include <asm/io.h>
#include <kernel/err.h>
#include <kernel/irq.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>

#define PORT_DATA     0x60
#define PORT_COMMAND  0x64
#define PORT_STATUS   0x64
#define STATUS_OUTPUT 0x01 /* a byte for us is in PORT_DATA */
#define STATUS_INPUT  0x02 /* our last byte was not taken yet */
#define STATUS_SECOND 0x20 /* the byte is from the second port */

#define COMMAND_READ	   0x20 /* the configuration byte */
#define COMMAND_WRITE	   0x60
#define COMMAND_SECOND_OFF 0xa7
#define COMMAND_FIRST_OFF  0xad
#define COMMAND_FIRST_ON   0xae
#define CONFIG_IRQ1	   0x01
#define CONFIG_IRQ12	   0x02
#define CONFIG_FIRST_OFF   0x10
#define CONFIG_SECOND_OFF  0x20
#define CONFIG_TRANSLATE   0x40

#define KEYBOARD_LEDS	0xed
#define KEYBOARD_ENABLE 0xf4
#define KEYBOARD_ACK	0xfa
#define KEYBOARD_RESEND 0xfe

#define IRQ_KEYBOARD  1
#define WAIT_TRIES    10000 /* of a microsecond or more each */
#define FLUSH_MAX     32
#define IRQ_MAX_BYTES 16

static DEFINE_SPINLOCK(keyboard_lock);
static void (*keyboard_feed)(u8 scancode);
static u8 leds_wanted, leds_sent;
static enum { LEDS_IDLE, LEDS_COMMAND, LEDS_ARGUMENT } leds_state;

static bool wait_input_taken(void)
{
	for (u32 i = 0; i < WAIT_TRIES; i++) {
		if (!(inb(PORT_STATUS) & STATUS_INPUT))
			return true;
		delay_us(1);
	}
	return false;
}

static bool send_command(u8 c)
{
	if (!wait_input_taken())
		return false;
	outb(PORT_COMMAND, c);
	return true;
}

static bool send_data(u8 c)
{
	if (!wait_input_taken())
		return false;
	outb(PORT_DATA, c);
	return true;
}

static bool read_data(u8 *c)
{
	for (u32 i = 0; i < WAIT_TRIES; i++) {
		if (inb(PORT_STATUS) & STATUS_OUTPUT) {
			*c = inb(PORT_DATA);
			return true;
		}
		delay_us(1);
	}
	return false;
}

static void flush_output(void)
{
	for (u32 i = 0; i < FLUSH_MAX && (inb(PORT_STATUS) & STATUS_OUTPUT); i++)
		inb(PORT_DATA);
}

/* ---- lamps; keyboard_lock held ---- */

static void leds_start(void)
{
	assert_held(&keyboard_lock);
	if (leds_state != LEDS_IDLE || leds_wanted == leds_sent)
		return;
	if (send_data(KEYBOARD_LEDS))
		leds_state = LEDS_COMMAND;
}

/* An acknowledgement, or a refusal, of what was sent last. @return true: it was for us */
static bool leds_answer(u8 c)
{
	assert_held(&keyboard_lock);
	if (leds_state == LEDS_IDLE || (c != KEYBOARD_ACK && c != KEYBOARD_RESEND))
		return false;
	if (c == KEYBOARD_ACK && leds_state == LEDS_COMMAND) {
		leds_sent = leds_wanted;
		if (send_data(leds_sent))
			leds_state = LEDS_ARGUMENT;
		else
			leds_state = LEDS_IDLE;
		return true;
	}
	leds_state = LEDS_IDLE;
	if (c == KEYBOARD_ACK)
		leds_start(); /* they may have changed meanwhile */
	return true;
}

void i8042_set_leds(u8 leds)
{
	u64 flags = spin_lock_irqsave(&keyboard_lock);

	leds_wanted = leds;
	if (keyboard_feed)
		leds_start();
	spin_unlock_irqrestore(&keyboard_lock, flags);
}

static bool keyboard_interrupt(void *arg)
{
	u32 count = 0;

	for (; count < IRQ_MAX_BYTES; count++) {
		u64 flags = spin_lock_irqsave(&keyboard_lock);
		u8 status = inb(PORT_STATUS), c = 0;
		bool mine = true;

		if (status & STATUS_OUTPUT) {
			c = inb(PORT_DATA);
			mine = (status & STATUS_SECOND) || leds_answer(c);
		}
		spin_unlock_irqrestore(&keyboard_lock, flags);
		if (!(status & STATUS_OUTPUT))
			break;
		if (!mine)
			keyboard_feed(c);
	}
	return count;
}

/* ---- start ---- */

static int controller_start(void)
{
	u8 config;

	if (inb(PORT_STATUS) == 0xff || !send_command(COMMAND_FIRST_OFF) ||
	    !send_command(COMMAND_SECOND_OFF))
		return -ENODEV;
	flush_output();
	if (!send_command(COMMAND_READ) || !read_data(&config))
		return -ENODEV;
	config |= CONFIG_IRQ1 | CONFIG_TRANSLATE | CONFIG_SECOND_OFF;
	config &= ~(CONFIG_IRQ12 | CONFIG_FIRST_OFF);
	if (!send_command(COMMAND_WRITE) || !send_data(config) || !send_command(COMMAND_FIRST_ON))
		return -ENODEV;
	return 0;
}

int i8042_init(void (*feed)(u8 scancode))
{
	int err = controller_start();
	u8 answer;

	if (err)
		return err;
	/* The answer is read here, before its interrupt is requested; a missing one is no error. */
	if (send_data(KEYBOARD_ENABLE) && !read_data(&answer))
		flush_output();
	keyboard_feed = feed;
	err = irq_request_isa(IRQ_KEYBOARD, keyboard_interrupt, NULL, "keyboard", 0);
	if (err)
		keyboard_feed = NULL;
	flush_output(); /* a byte that arrived in between would block the line */
	return err;
}
