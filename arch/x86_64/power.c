/* SPDX-License-Identifier: MIT */
/*
 * Power off, reset, halt.
 *
 * Off: ACPI's way is to write the sleep type of \_S5 with SLP_EN into the PM1
 * control registers, in ACPI mode. Where the tables lack it, and only under
 * QEMU, its known ports are tried.
 *
 * Reset, from the cleanest to the surest: ACPI's reset register, the keyboard
 * controller, the chip set's reset port, a triple fault; or only
 * the one that "reboot=acpi|kbd|pci|triple" on the command line names.
 *
 * ACPI Specification 6.4: 4.8.3.2.1 (PM1 control), 4.8.3.6 (reset register),
 * 5.2.9 (SMI_CMD), 16.3.4.
 */
#include <asm/io.h>
#include <asm/ipi.h>
#include <kernel/acpi.h>
#include <kernel/boot.h>
#include <kernel/cmdline.h>
#include <kernel/page.h>
#include <kernel/power.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/time.h>

CMDLINE_OPTION(opt_reboot, "reboot");

#define SCI_EN		1u
#define SLP_EN		(1u << 13)
#define SLP_TYP_SHIFT	10
#define SLP_TYP_MASK	(7u << SLP_TYP_SHIFT)
#define SWITCH_MS	300 /* to ACPI mode, at most */
#define KBC_STATUS	0x64
#define KBC_INPUT_FULL	2
#define KBC_PULSE_RESET 0xfe
#define RESET_PORT	0xcf9

static void __noreturn power_stop(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

/*
 * Only this CPU continues: of several that call this, the first stops the others.
 * A message that is printed afterwards has to break the log's lock, which a stopped
 * CPU may hold.
 */
static void power_quiesce(void)
{
	static u32 ending;

	irq_disable();
	if (__atomic_exchange_n(&ending, 1, __ATOMIC_SEQ_CST))
		power_stop();
	ipi_stop_others();
}

static void wait_ms(u32 ms)
{
	while (ms--)
		delay_us(1000);
}

/* Registers in memory are rare and would need a mapping, which can't be made here. */
static bool port_reachable(const struct acpi_gas *gas)
{
	return gas->addr && gas->space == ACPI_SPACE_IO;
}

static void enter_acpi_mode(const struct acpi_info *info)
{
	if (!info->smi_command || !info->acpi_enable || (inw(info->pm1a_control.addr) & SCI_EN))
		return;
	outb(info->smi_command, info->acpi_enable);
	for (u32 i = 0; i < SWITCH_MS && !(inw(info->pm1a_control.addr) & SCI_EN); i++)
		delay_us(1000);
}

static void write_sleep(const struct acpi_gas *gas, u8 type, u32 enable)
{
	if (port_reachable(gas))
		outw(gas->addr,
		     (inw(gas->addr) & ~(SLP_TYP_MASK | SLP_EN)) | type << SLP_TYP_SHIFT | enable);
}

static bool acpi_can_power_off(void)
{
	return acpi_info.has_s5 && port_reachable(&acpi_info.pm1a_control);
}

static void acpi_power_off(void)
{
	const struct acpi_info *info = &acpi_info;

	if (!acpi_can_power_off())
		return;
	enter_acpi_mode(info);
	/* both halves get the type before either acts */
	write_sleep(&info->pm1a_control, info->s5_type_a, 0);
	write_sleep(&info->pm1b_control, info->s5_type_b, 0);
	write_sleep(&info->pm1a_control, info->s5_type_a, SLP_EN);
	write_sleep(&info->pm1b_control, info->s5_type_b, SLP_EN);
	wait_ms(1000);
}

void machine_power_off(void)
{
	power_quiesce();
	acpi_power_off();
	if (boot_info.is_qemu) {
		outw(0x604, SLP_EN);  /* pc and q35 */
		outw(0xb004, SLP_EN); /* older ones */
	}
	printk_break_locks(); /* a stopped CPU may hold the log's */
	pr_notice("power: the machine cannot power itself off: switch it off by hand\n");
	power_stop();
}

static void acpi_reset(void)
{
	if (!acpi_info.has_reset || !port_reachable(&acpi_info.reset))
		return;
	outb(acpi_info.reset.addr, acpi_info.reset_value);
	wait_ms(15);
}

static void keyboard_reset(void)
{
	if (acpi_info.no_8042)
		return;
	for (u32 i = 0; i < 1000 && (inb(KBC_STATUS) & KBC_INPUT_FULL); i++)
		delay_us(50);
	outb(KBC_STATUS, KBC_PULSE_RESET);
	wait_ms(15);
}

static void chipset_reset(void)
{
	u8 value = inb(RESET_PORT) & ~6;

	outb(RESET_PORT, value | 2); /* a hard reset ... */
	delay_us(50);
	outb(RESET_PORT, value | 6); /* ... now */
	wait_ms(15);
}

static void triple_fault(void)
{
	struct {
		u16 limit;
		u64 base;
	} __packed none = { 0, 0 };

	__asm__ volatile("lidt %0; int3" ::"m"(none));
}

/* Each returns if it did nothing. */
static const struct {
	const char *name;
	void (*reset)(void);
} resets[] = {
	{ "acpi", acpi_reset },
	{ "kbd", keyboard_reset },
	{ "pci", chipset_reset },
	{ "triple", triple_fault },
};

void machine_restart(void)
{
	char only[8] = "";

	(void)option_value(&opt_reboot, only, sizeof(only));
	power_quiesce();
	for (u32 i = 0; i < ARRAY_SIZE(resets); i++)
		if (!*only || !strcmp(only, resets[i].name))
			resets[i].reset();
	power_stop();
}

void machine_halt(void)
{
	pr_notice("power: halted\n");
	power_quiesce();
	power_stop();
}
