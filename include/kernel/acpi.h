/* SPDX-License-Identifier: MIT */
/**
 * @file acpi.h  The description of the machine in the firmware's ACPI tables, and the parsers that read them.
 *
 * The parsers (kernel/acpi/) are pure: they reach memory through a callback and
 * trust nothing they read. Their results are in acpi_info, which never
 * changes after acpi_init().
 *
 * ACPI Specification 6.4: 5.2 (tables), 19.6, 20.2 (AML encoding).
 */
#pragma once
#include <kernel/types.h>

#define ACPI_MAX_CPUS	 64
#define ACPI_MAX_IOAPICS 16
#define ACPI_MAX_MCFG	 8
#define ACPI_ISA_LINES	 16

/* Polarity and trigger of an interrupt: the "MPS INTI flags" of 5.2.12.5. */
#define ACPI_INTI_POLARITY 0x3 /* 0: as the bus has it, 1: high, 3: low */
#define ACPI_INTI_LOW	   0x3
#define ACPI_INTI_TRIGGER  0xc /* 0: as the bus has it, 4: edge, 12: level */
#define ACPI_INTI_LEVEL	   0xc

/** A register: where, and how wide. */
struct acpi_gas {
	u64 addr; /* 0: there is none */
	enum { ACPI_SPACE_MEMORY, ACPI_SPACE_IO, ACPI_SPACE_PCI } space;
	u8 bits;
};

struct acpi_info {
	bool present; /* a root table with a correct checksum exists */
	bool has_madt, has_fadt, has_hpet;
	u8 revision; /* of the RSDP: 0 is ACPI 1.0 */
	u32 tables_used, tables_bad;
	u32 bytes_read; /* of tables, repeated tables counted twice */

	/* MADT */
	phys_t lapic_addr;
	bool has_8259;
	u32 nr_cpus;	      /* usable ones listed in cpus[] */
	u32 nr_cpus_left_out; /* usable ones that did not fit */
	struct {
		u32 hw_id, uid;
	} cpus[ACPI_MAX_CPUS];
	u32 nr_ioapics;
	struct {
		phys_t addr;
		u32 gsi_base;
		u8 id;
	} ioapics[ACPI_MAX_IOAPICS];
	struct {
		u32 gsi;
		u16 flags;
		bool overridden;
	} isa[ACPI_ISA_LINES];
	u8 nmi_lint; /* local APIC pin with the NMI, the same on all CPUs; 0xff: none */
	u16 nmi_flags;

	/* FADT */
	struct acpi_gas pm_timer, pm1a_control, pm1b_control, reset;
	bool pm_timer_32bit, has_reset, no_8042, no_cmos_rtc;
	u8 reset_value;
	u32 smi_command; /* port; 0: always in ACPI mode */
	u8 acpi_enable;
	u16 sci;    /* ISA line or GSI */
	u8 century; /* CMOS index; 0: none */

	/* \_S5: what to write into the PM1 control registers to power off */
	bool has_s5;
	u8 s5_type_a, s5_type_b;

	/* HPET, MCFG */
	struct acpi_gas hpet;
	u32 nr_mcfg;
	struct {
		phys_t addr;
		u16 segment;
		u8 first_bus, last_bus;
	} mcfg[ACPI_MAX_MCFG];
};
extern struct acpi_info acpi_info;

/** Access of the parsers to physical memory. */
struct acpi_reader {
	/** @return @p len readable bytes at @p addr, or NULL. At most two mappings exist at a time. */
	const void *(*map)(struct acpi_reader *r, phys_t addr, size_t len);
	void (*unmap)(struct acpi_reader *reader, const void *table, size_t len);
	/** Something is wrong with the table at @p addr, which is left out. May be NULL. */
	void (*complain)(struct acpi_reader *r, const char *signature, phys_t addr,
			 const char *why);
};

/**
 * @brief Look for a valid RSDP in a piece of memory, at each 16th byte.
 * @return its offset, or -ENOENT
 */
s64 __must_check acpi_rsdp_search(const u8 *area, size_t len);

/**
 * @brief Read everything that the kernel wants to know.
 * @param rsdp  bytes of the root pointer, checked here
 * @param info  filled in; zeroed first, with the defaults of a machine without ACPI
 * @return 0, or -ENOENT where @p rsdp or both its root tables are not valid
 * @note Cost: one pass over the bytes of each table used.
 */
int acpi_parse(struct acpi_reader *reader, const void *rsdp, size_t len, struct acpi_info *info);

/* The parsers of single tables, for the tests. @p table: the whole table, header included, @p len checked. */
void acpi_parse_madt(const u8 *table, size_t len, struct acpi_info *info);
void acpi_parse_fadt(const u8 *table, size_t len, struct acpi_info *info);
void acpi_parse_hpet(const u8 *table, size_t len, struct acpi_info *info);
void acpi_parse_mcfg(const u8 *table, size_t len, struct acpi_info *info);
/** Look for the \_S5 object in AML byte code. @return true when @p info has it now */
bool acpi_find_s5(const u8 *aml, size_t len, struct acpi_info *info);

/** Find and read the tables (arch/x86_64/acpi.c). Boot, once kernel ranges work. */
void acpi_init(void);
