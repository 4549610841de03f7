// SPDX-License-Identifier: MIT
/*
 * arch/x86_64/apic.c, oneshot.c: the local APIC in both its modes, and its timer.
 *
 * The sources run unchanged on a model of the registers that is stricter than
 * most machines: what the manual calls a general protection fault, and what it
 * calls undefined, fails the test. Intel SDM vol. 3, 10.4 to 10.6, 10.12.
 */
#include <asm/prctl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include <asm/apic.h>
#include <asm/clocks.h>
#include <asm/cpu.h>
#include <asm/vdso.h>
#include <kernel/acpi.h>
#include <kernel/boot.h>
#include <kernel/heap.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/time.h>

#define PAGE_AT	 0xfee00000u
#define OFF	 0ull
#define XAPIC	 APIC_BASE_ENABLE
#define X2APIC	 (APIC_BASE_ENABLE | APIC_BASE_X2APIC)
#define BSP	 0x100ull /* another bit of IA32_APIC_BASE, to be left alone */
#define LVT_MODE (3u << 17)

/* ---- the model ---- */

static struct {
	u64 base;	/* IA32_APIC_BASE */
	u32 id;		/* 32 bits */
	u32 regs[0x40]; /* by offset / 16 */
	u32 icr_high;
	u64 deadline;
	bool timer_unfenced, store_unfenced;
	u32 wide_writes, base_writes;
	bool error_reported;
	struct {
		u32 id;
		u32 low;
		bool all;
	} sent[4];
	u32 nr_sent;
} machine_now;
static u8 mmio_page[4096];
static const char *words;
static bool interrupts = true;
static u64 now_ns;
static u32 pit_armed, busy_reads;
static struct cpu cpu;

struct cpu_features cpu_features;
struct acpi_info acpi_info;

enum { R = 1, W = 2, RW = 3 };
struct reg_rule {
	u32 access, bits;
}; /* @bits: those that may be written as 1 */

/* Table 10-6, figures 10-8, 10-18, 10-23. */
static struct reg_rule rule_of(u32 reg)
{
	if (reg >= APIC_ISR && reg < 0x280) /* ISR, TMR, IRR */
		return (struct reg_rule){ R };
	switch (reg) {
	case APIC_ID:
	case APIC_VERSION:
	case 0x0a0:
	case 0x0d0:
	case APIC_TIMER_CURRENT: return (struct reg_rule){ R };
	case APIC_TPR: return (struct reg_rule){ RW, 0xff };
	case APIC_EOI: return (struct reg_rule){ W };
	case APIC_SVR: return (struct reg_rule){ RW, 0x11ff };
	case APIC_ESR: return (struct reg_rule){ RW };
	case APIC_LVT_TIMER:
		return (struct reg_rule){ RW,
					  0x300ff | (cpu_features.tsc_deadline ? 1u << 18 : 0) };
	case APIC_LVT_THERMAL:
	case APIC_LVT_PERF: return (struct reg_rule){ RW, 0x107ff };
	case APIC_LVT_LINT0:
	case APIC_LVT_LINT1: return (struct reg_rule){ RW, 0x1a7ff };
	case APIC_LVT_ERROR: return (struct reg_rule){ RW, 0x100ff };
	case APIC_TIMER_INITIAL: return (struct reg_rule){ RW, 0xffffffff };
	case APIC_TIMER_DIVIDE: return (struct reg_rule){ RW, 0xb };
	default: return (struct reg_rule){ 0 };
	}
}

static u64 mode_of(u64 base)
{
	return base & X2APIC;
}

static bool is_lvt(u32 reg)
{
	return (reg >= APIC_LVT_TIMER && reg <= APIC_LVT_ERROR) || reg == 0x2f0;
}

static void write_reg(u32 reg, u32 number)
{
	const struct reg_rule rule = rule_of(reg);

	if (!(rule.access & W) || (number & ~rule.bits))
		fail_msg("write of %x to the register at %x", number, reg);
	if (is_lvt(reg) && !(number & APIC_LVT_MASKED) &&
	    !(machine_now.regs[APIC_SVR / 16] & APIC_SVR_ENABLE))
		fail_msg("the register at %x is unmasked while the APIC is off: it stays masked",
			 reg);
	/* a vector below 16 may be reported, masked or not */
	if (is_lvt(reg) && (number & 0x7ff) < 16 && reg != APIC_LVT_ERROR &&
	    !(machine_now.regs[APIC_LVT_ERROR / 16] & APIC_LVT_MASKED))
		machine_now.error_reported = true;
	if (reg == APIC_EOI) /* the highest in service is done */
		for (u32 i = 8; i--;)
			if (machine_now.regs[APIC_ISR / 16 + i]) {
				machine_now.regs[APIC_ISR / 16 + i] &= ~(
					1u << (31 -
					       __builtin_clz(machine_now.regs[APIC_ISR / 16 + i])));
				break;
			}
	if (reg == APIC_LVT_TIMER && ((machine_now.regs[reg / 16] ^ number) & LVT_MODE))
		machine_now.deadline = 0; /* a change of mode disarms */
	if (reg == APIC_TIMER_INITIAL &&
	    (machine_now.regs[APIC_LVT_TIMER / 16] & LVT_MODE) == APIC_LVT_DEADLINE)
		return;
	machine_now.regs[reg / 16] = number;
}

static void command(u32 id, u32 low, bool all)
{
	assert_true(machine_now.nr_sent < ARRAY_SIZE(machine_now.sent));
	machine_now.sent[machine_now.nr_sent].id = id;
	machine_now.sent[machine_now.nr_sent].all = all;
	machine_now.sent[machine_now.nr_sent++].low = low;
}

u32 mmio_read32(const volatile void *p)
{
	u32 reg = (const volatile u8 *)p - mmio_page;

	assert_int_equal(mode_of(machine_now.base), XAPIC);
	if (reg == APIC_ID)
		return machine_now.id << 24;
	if (reg == APIC_ICR_LOW) {
		if (!busy_reads)
			return 0;
		busy_reads--;
		return APIC_ICR_PENDING;
	}
	assert_true(rule_of(reg).access & R);
	return machine_now.regs[reg / 16];
}

void mmio_write32(volatile void *p, u32 number)
{
	u32 reg = (volatile u8 *)p - mmio_page;

	assert_int_equal(mode_of(machine_now.base), XAPIC);
	if (reg == APIC_ICR_HIGH) {
		machine_now.icr_high = number;
		return;
	}
	if (reg == APIC_ICR_LOW) {
		assert_false(
			interrupts); /* a handler's command would come between the two halves */
		command(machine_now.icr_high >> 24, number, machine_now.icr_high >> 24 == 0xff);
		return;
	}
	if (reg == APIC_LVT_TIMER)
		machine_now.timer_unfenced = true;
	write_reg(reg, number);
}

u64 rdmsr(u32 msr)
{
	u32 reg = (msr - 0x800) * 16;

	if (msr == MSR_APIC_BASE)
		return machine_now.base;
	assert_in_range(msr, 0x800, 0x8ff);
	assert_int_equal(mode_of(machine_now.base), X2APIC);
	if (reg == APIC_ID)
		return machine_now.id;
	assert_true(rule_of(reg).access & R);
	return machine_now.regs[reg / 16];
}

static void write_base(u64 number)
{
	u64 from = mode_of(machine_now.base), to = mode_of(number);
	bool legal = from == to || from == XAPIC || (from == OFF ? to == XAPIC : to == OFF);

	if (!legal || to == APIC_BASE_X2APIC)
		fail_msg("from mode %lx to %lx", (long)from, (long)to);
	if (from == OFF && to == XAPIC)
		memset(machine_now.regs, 0, sizeof(machine_now.regs));
	machine_now.base = number;
	machine_now.base_writes++;
}

void wrmsr(u32 msr, u64 number)
{
	if (msr == MSR_APIC_BASE) {
		write_base(number);
	} else if (msr == MSR_TSC_DEADLINE) {
		assert_false(
			machine_now
				.timer_unfenced); /* may overtake the store, and is ignored then */
		if ((machine_now.regs[APIC_LVT_TIMER / 16] & LVT_MODE) == APIC_LVT_DEADLINE)
			machine_now.deadline = number;
	} else {
		assert_in_range(msr, 0x800, 0x8ff);
		assert_int_equal(mode_of(machine_now.base), X2APIC);
		if (msr == 0x830) {
			assert_false(machine_now.store_unfenced);
			assert_int_equal((u32)number & 0xfff33000,
					 0); /* reserved; bit 12 is no more */
			command(number >> 32, number, (u32)(number >> 32) == 0xffffffff);
		} else {
			assert_int_equal(number >> 32, 0);
			write_reg((msr - 0x800) * 16, number);
		}
	}
}

void store_fence(void)
{
	machine_now.timer_unfenced = false;
}
void wrmsr_fence(void)
{
	machine_now.timer_unfenced = machine_now.store_unfenced = false;
}
void cpuid(u32 leaf, u32 sub, u32 r[4])
{
	memset(r, 0, 16);
	if (leaf == 1)
		r[3] = 1u << 9;
	else
		r[3] = 0;
}

/* ---- the rest of the kernel ---- */

u64 irq_flags(void)
{
	if (interrupts)
		return X86_EFLAGS_IF;
	return 0;
}
void irq_disable(void)
{
	interrupts = false;
}
void irq_enable(void)
{
	interrupts = true;
}
void cpu_relax(void)
{
}
const char *cmdline_get(void)
{
	return words;
}
void printk(const char *fmt, ...)
{
}
void delay_us(u32 us)
{
}
void timer_interrupt(void)
{
}
bool pit_oneshot_init(void)
{
	return true;
}
void pit_oneshot_arm(u64 delta_ns)
{
	pit_armed++;
}
void boot_stop(const char *fmt, ...)
{
	abort();
}

void *krange_map_phys(phys_t phys, size_t len_bytes, enum kcache cache)
{
	assert_int_equal(phys, PAGE_AT);
	assert_int_equal(cache, KCACHE_UC);
	return mmio_page;
}

/* A machine as the firmware leaves it. */
static void machine(u64 mode, u32 id, const char *command_line)
{
	memset(&machine_now, 0, sizeof(machine_now));
	machine_now.base = PAGE_AT | BSP | mode;
	machine_now.id = id;
	machine_now.regs[APIC_VERSION / 16] = 5 << 16 | 0x14;
	machine_now.regs[APIC_LVT_ERROR / 16] = 0x60; /* the firmware's own vector */
	machine_now.store_unfenced = true;
	words = command_line;
	interrupts = false;
	apic_present = apic_x2 = false;
	apic_base = NULL;
	cpu_features.x2apic = cpu_features.tsc_deadline = true;
	acpi_info.nmi_lint = 1;
	memset(&cpu, 0, sizeof(cpu));
	cpu.self = &cpu;
	syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu);
}

/* ---- modes ---- */

static void x2apic_is_off_unless_asked_for(void **state)
{
	machine(XAPIC, 0x45, "quiet");
	assert_true(apic_init());
	assert_false(apic_x2);
	assert_int_equal(machine_now.base, PAGE_AT | BSP | XAPIC);
	assert_int_equal(machine_now.base_writes, 0);
	assert_int_equal(cpu.hw_id, 0x45);

	machine(XAPIC, 0x45, "x2apic");
	cpu_features.x2apic = false;
	assert_true(apic_init());
	assert_int_equal(mode_of(machine_now.base), XAPIC);
}

static void each_start_ends_in_the_mode_that_was_chosen(void **state)
{
	static const struct {
		u64 from;
		const char *words;
		u64 to;
		u32 writes;
	} cases[] = {
		{ XAPIC, "", XAPIC, 0 },      { OFF, "", XAPIC, 1 },
		{ X2APIC, "", X2APIC, 0 },    { XAPIC, "x2apic", X2APIC, 1 },
		{ OFF, "x2apic", X2APIC, 2 }, { X2APIC, "x2apic", X2APIC, 0 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		machine(cases[i].from, 0x12, cases[i].words);
		assert_true(apic_init());
		assert_int_equal(machine_now.base, PAGE_AT | BSP | cases[i].to);
		assert_int_equal(machine_now.base_writes, cases[i].writes);
		assert_int_equal(apic_x2, cases[i].to == X2APIC);
		assert_int_equal(cpu.hw_id, 0x12);
	}
}

/* Another processor may have been left in another mode than the first. */
/* What a machine has without x2APIC, and with it. */
static const char *const mode_features[] = { "", "x2apic" };

static void a_processor_follows_the_first_one(void **state)
{
	static const u64 modes[] = { OFF, XAPIC, X2APIC };

	for (u32 i = 0; i < ARRAY_SIZE(modes); i++)
		for (u32 x2apic = 0; x2apic < 2; x2apic++) {
			machine(XAPIC, 0, mode_features[x2apic]);
			assert_true(apic_init());
			machine_now.base = PAGE_AT | modes[i];
			apic_cpu_start();
			assert_int_equal(machine_now.base, PAGE_AT | (x2apic ? X2APIC : XAPIC));
		}
}

static void nolapic_touches_nothing(void **state)
{
	machine(XAPIC, 0, "nolapic x2apic");
	assert_false(apic_init());
	assert_false(apic_present);
	assert_int_equal(machine_now.base_writes, 0);
	apic_send_ipi(0, 0xf0);
	assert_int_equal(machine_now.nr_sent, 0);
}

static void ids_have_8_or_32_bits(void **state)
{
	machine(XAPIC, 0xab, "x2apic");
	machine_now.id = 0x1abcd;
	assert_true(apic_init());
	assert_int_equal(cpu.hw_id, 0x1abcd);
	machine(XAPIC, 0xab, "");
	assert_true(apic_init());
	assert_int_equal(apic_read_id(), 0xab);
}

static void every_register_has_its_msr(void **state)
{
	static const struct {
		u32 reg, msr;
	} table[] = {
		{ APIC_ID, 0x802 },
		{ APIC_VERSION, 0x803 },
		{ APIC_TPR, 0x808 },
		{ APIC_EOI, 0x80b },
		{ APIC_SVR, 0x80f },
		{ APIC_ISR, 0x810 },
		{ APIC_ISR + 0x70, 0x817 },
		{ APIC_ESR, 0x828 },
		{ APIC_ICR_LOW, 0x830 },
		{ APIC_LVT_TIMER, 0x832 },
		{ APIC_LVT_THERMAL, 0x833 },
		{ APIC_LVT_PERF, 0x834 },
		{ APIC_LVT_LINT0, 0x835 },
		{ APIC_LVT_LINT1, 0x836 },
		{ APIC_LVT_ERROR, 0x837 },
		{ APIC_TIMER_INITIAL, 0x838 },
		{ APIC_TIMER_CURRENT, 0x839 },
		{ APIC_TIMER_DIVIDE, 0x83e },
	};

	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(apic_msr(table[i].reg), table[i].msr);
}

/* ---- registers ---- */

static void both_modes_set_the_same_registers(void **state)
{
	for (u32 entries = 4; entries <= 7; entries++)
		for (u32 x2apic = 0; x2apic < 2; x2apic++) {
			machine(XAPIC, 0, mode_features[x2apic]);
			machine_now.regs[APIC_VERSION / 16] = (entries - 1) << 16;
			machine_now.regs[APIC_TPR / 16] = 0x20;
			acpi_info.nmi_flags = ACPI_INTI_LOW;
			assert_true(apic_init());
			assert_int_equal(machine_now.regs[APIC_SVR / 16], 0x1ff);
			assert_int_equal(machine_now.regs[APIC_TPR / 16], 0);
			assert_int_equal(machine_now.regs[APIC_LVT_TIMER / 16], APIC_LVT_MASKED);
			assert_int_equal(machine_now.regs[APIC_LVT_LINT0 / 16], APIC_LVT_MASKED);
			assert_int_equal(machine_now.regs[APIC_LVT_LINT1 / 16],
					 APIC_LVT_NMI | APIC_LVT_LOW);
			assert_int_equal(machine_now.regs[APIC_LVT_ERROR / 16], VECTOR_APIC_ERROR);
			assert_int_equal(machine_now.regs[APIC_LVT_PERF / 16],
					 entries > 4 ? APIC_LVT_MASKED : 0);
			assert_int_equal(machine_now.regs[APIC_LVT_THERMAL / 16],
					 entries > 5 ? APIC_LVT_MASKED : 0);
			apic_connect_pic();
			assert_int_equal(machine_now.regs[APIC_LVT_LINT0 / 16], APIC_LVT_EXTINT);
			acpi_info.nmi_flags = 0;
		}
}

static void masking_is_not_reported_to_the_firmwares_vector(void **state)
{
	for (u32 x2apic = 0; x2apic < 2; x2apic++) {
		machine(XAPIC, 0, mode_features[x2apic]);
		assert_true(apic_init());
		assert_false(machine_now.error_reported);
	}
}

static void what_was_in_service_is_ended(void **state)
{
	for (u32 x2apic = 0; x2apic < 2; x2apic++) {
		machine(XAPIC, 0, mode_features[x2apic]);
		machine_now.regs[APIC_ISR / 16 + 1] = 0x80000001;
		machine_now.regs[APIC_ISR / 16 + 7] = 0x00010100;
		apic_x2 = x2apic;
		apic_base = mmio_page;
		machine_now.base = PAGE_AT | (x2apic ? X2APIC : XAPIC);
		assert_true(apic_in_service(0x20));
		assert_true(apic_in_service(0xf0));
		assert_false(apic_in_service(0xf1));
		apic_cpu_start();
		for (u32 i = 0; i < 8; i++)
			assert_int_equal(machine_now.regs[APIC_ISR / 16 + i], 0);
	}
}

/* ---- commands ---- */

static void a_command_reaches_the_processor_it_names_or_none(void **state)
{
	static const u32 ids[] = {
		0,   1,	    15,	    16,	     254,	 255,	     256,
		257, 0x1ff, 0xff00, 0x12345, 0x80000000, 0xfffffffe, 0xffffffff
	};

	for (u32 i = 0; i < ARRAY_SIZE(ids); i++)
		for (u32 x2apic = 0; x2apic < 2; x2apic++) {
			bool reachable = x2apic ? ids[i] != 0xffffffff : ids[i] < 255;

			machine(XAPIC, 0, mode_features[x2apic]);
			assert_true(apic_init());
			assert_int_equal(apic_can_reach(ids[i], x2apic), reachable);
			apic_send_ipi(ids[i], 0xf1);
			assert_int_equal(machine_now.nr_sent, reachable);
			if (!reachable)
				continue;
			assert_int_equal(machine_now.sent[0].id, ids[i]);
			assert_int_equal(machine_now.sent[0].low, APIC_ICR_ASSERT | 0xf1);
			assert_false(machine_now.sent[0].all);
		}
}

static void commands_are_encoded_alike_in_both_modes(void **state)
{
	for (u32 x2apic = 0; x2apic < 2; x2apic++) {
		machine(XAPIC, 7, mode_features[x2apic]);
		assert_true(apic_init());
		apic_send_ipi(apic_read_id(), 0xf0); /* to oneself, too */
		apic_send_nmi(3);
		apic_send_startup(3, 0x0f);
		assert_int_equal(machine_now.sent[0].id, 7);
		assert_int_equal(machine_now.sent[0].low, 0x40f0);
		assert_int_equal(machine_now.sent[1].low, 0x4400);
		assert_int_equal(machine_now.sent[2].low, 0x460f);
		machine_now.nr_sent = 0;
		apic_send_init(3);
		assert_int_equal(machine_now.nr_sent, 2);
		assert_int_equal(machine_now.sent[0].low, 0xc500);
		assert_int_equal(machine_now.sent[1].low, 0x8500);
	}
}

static void a_busy_command_register_is_waited_for(void **state)
{
	machine(XAPIC, 0, "");
	assert_true(apic_init());
	interrupts = true;
	busy_reads = 17;
	apic_send_ipi(2, 0xf0);
	assert_int_equal(busy_reads, 0);
	assert_int_equal(machine_now.nr_sent, 1);
	assert_true(interrupts);
	busy_reads = ~0u; /* broken hardware: not for ever */
	apic_send_ipi(2, 0xf0);
	assert_int_equal(machine_now.nr_sent, 2);
	busy_reads = 0;
}

/* What the other is to see was stored before; a WRMSR would overtake it. */
static void an_x2apic_command_comes_after_stores(void **state)
{
	machine(XAPIC, 0, "x2apic");
	assert_true(apic_init());
	machine_now.store_unfenced = true;
	apic_send_ipi(2, 0xf0); /* the model looks */
	assert_false(machine_now.store_unfenced);
}

/* ---- the timer ---- */

static void the_pit_serves_without_apic(void **state)
{
	machine(XAPIC, 0, "nolapic tscdeadline");
	assert_false(apic_init());
	oneshot_init(1000000000, true, 2000000000);
	arch_timer_cpu_start();
	arch_timer_arm(12345, now_ns);
	assert_int_equal(pit_armed, 1);
}

static void deadline_mode_is_off_unless_asked_for(void **state)
{
	static const char *const options[] = { "", "tscdeadline", "x2apic" };

	for (u32 i = 0; i < 3; i++) {
		machine(XAPIC, 0, options[i]);
		cpu_features.tsc_deadline = i != 1;
		assert_true(apic_init());
		oneshot_init(1000000000, true, 2000000000);
		arch_timer_cpu_start();
		now_ns = 5000;
		arch_timer_arm(105000, now_ns);
		assert_int_equal(machine_now.regs[APIC_LVT_TIMER / 16], VECTOR_TIMER);
		assert_int_equal(machine_now.regs[APIC_TIMER_DIVIDE / 16],
				 oneshot_divide_bits(oneshot_divisor(1000000000)));
		assert_in_range(machine_now.regs[APIC_TIMER_INITIAL / 16],
				100000 / oneshot_divisor(1000000000),
				100000 / oneshot_divisor(1000000000) + 2);
		assert_int_equal(machine_now.deadline, 0);
	}
}

static void deadline_mode_arms_by_the_tsc(void **state)
{
	for (u32 x2apic = 0; x2apic < 2; x2apic++) {
		machine(XAPIC, 0, x2apic ? "x2apic tscdeadline" : "tscdeadline");
		assert_true(apic_init());
		oneshot_init(1000000000, true, 2000000000);
		arch_timer_cpu_start();
		assert_int_equal(machine_now.regs[APIC_LVT_TIMER / 16],
				 VECTOR_TIMER | APIC_LVT_DEADLINE);
		now_ns = 7000;
		for (u64 delta = 0; delta < 10000000; delta = delta * 3 + 1) {
			u64 before = cycles_ordered(), after;

			arch_timer_arm(now_ns + delta, now_ns);
			after = cycles_ordered();
			assert_true(machine_now.deadline > before + 2 * delta);
			assert_true(machine_now.deadline <= after + 2 * delta + 1);
		}
		arch_timer_arm(0, now_ns); /* long past: at once, not never */
		assert_true(machine_now.deadline && machine_now.deadline <= cycles_ordered() + 1);
	}
}

static void deadlines_neither_overflow_nor_disarm(void **state)
{
	static const u64 rates[] = { 1000000, 999999999, 2399998765, 5700000000, 10000000000 };

	for (u32 i = 0; i < ARRAY_SIZE(rates); i++) {
		u64 mult = clock_mult(rates[i], NSEC_PER_SEC), hour = 3600 * rates[i], last = 0;

		for (u32 bit = 0; bit < 64; bit++) { /* of any length: later is not earlier */
			u64 offset = oneshot_deadline(1000, 1ull << bit, mult, true);

			assert_true(offset > 1000 && offset >= last);
			assert_true(offset <= 1000 + hour + rates[i] / 1000 + 1);
			last = offset;
		}
		assert_true(last >= 1000 + hour - rates[i] / 1000);
		assert_int_equal(oneshot_deadline(1000, 0, mult, true), 1001);
		assert_int_equal(oneshot_deadline(~0ull, 0, mult, true), ~0ull);
		assert_int_equal(oneshot_deadline(~0ull - 5, ~0ull, mult, true), ~0ull);
		assert_int_equal(oneshot_deadline(~0ull - 1, 0, mult, true), ~0ull);
	}
}

/* The rate may be wrong by 0.3 %; never so that an interrupt comes late by more than what is trusted. */
static void a_measured_rate_fires_early(void **state)
{
	u64 mult = clock_mult(2000000000, NSEC_PER_SEC), hour = 3600 * NSEC_PER_SEC;

	for (u64 delta = 1; delta < hour; delta = delta * 2 + 1) {
		u64 exact = oneshot_deadline(0, delta, mult, true),
		    safe = oneshot_deadline(0, delta, mult, false);

		assert_true(safe <= exact);
		if (delta > ONESHOT_TRUST_NS)
			assert_true(safe <= 2 * delta - 2 * delta / 1000 * 3);
		else
			assert_int_equal(safe, exact);
	}
	machine(XAPIC, 0, "tscdeadline");
	assert_true(apic_init());
	oneshot_init(1000000000, false, 2000000000);
	arch_timer_cpu_start();
	now_ns = 0;
	arch_timer_arm(100 * NSEC_PER_SEC, now_ns);
	assert_true(machine_now.deadline <= cycles_ordered() + 200000000000 - 600000000);
}

static void counts_fit_the_register(void **state)
{
	static const u64 rates[] = { 1000000,	 1000001,    25000000,	 100000000,
				     1000000000, 6400000000, 64000000000 };

	for (u32 i = 0; i < ARRAY_SIZE(rates); i++) {
		u32 d = oneshot_divisor(rates[i]);
		u64 hz = rates[i] / d, mult = clock_mult(hz, NSEC_PER_SEC),
		    max = oneshot_max_ns(hz);

		for (u32 bit = 0; bit < 64; bit++) {
			u64 count = oneshot_ticks(1ull << bit, mult, max, true);
			u64 ticks = (unsigned __int128)MIN(1ull << bit, max) * hz / NSEC_PER_SEC;
			u64 rounding = 2 + ticks * NSEC_PER_SEC / hz / 8000000000;

			assert_in_range(count, 1, 0xffffffff);
			assert_in_range(count, ticks > rounding ? ticks - rounding : 1,
					ticks + rounding);
			assert_int_equal(oneshot_count(1ull << bit, mult, max, true), count);
		}
		assert_int_equal(oneshot_count(0, mult, max, true), 1);
	}
}

static void the_divide_register_is_as_figure_10_10_has_it(void **state)
{
	static const u8 bits[] = { 0xb, 0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa }; /* 1, 2, 4 ... 128 */

	for (u32 i = 0; i < ARRAY_SIZE(bits); i++)
		assert_int_equal(oneshot_divide_bits(1u << i), bits[i]);
	assert_int_equal(oneshot_divide_bits(1), APIC_DIVIDE_1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(x2apic_is_off_unless_asked_for),
		cmocka_unit_test(each_start_ends_in_the_mode_that_was_chosen),
		cmocka_unit_test(a_processor_follows_the_first_one),
		cmocka_unit_test(nolapic_touches_nothing),
		cmocka_unit_test(ids_have_8_or_32_bits),
		cmocka_unit_test(every_register_has_its_msr),
		cmocka_unit_test(both_modes_set_the_same_registers),
		cmocka_unit_test(masking_is_not_reported_to_the_firmwares_vector),
		cmocka_unit_test(what_was_in_service_is_ended),
		cmocka_unit_test(a_command_reaches_the_processor_it_names_or_none),
		cmocka_unit_test(commands_are_encoded_alike_in_both_modes),
		cmocka_unit_test(a_busy_command_register_is_waited_for),
		cmocka_unit_test(an_x2apic_command_comes_after_stores),
		cmocka_unit_test(
			the_pit_serves_without_apic), /* first of the timer's: there is no way back to it */
		cmocka_unit_test(deadline_mode_is_off_unless_asked_for),
		cmocka_unit_test(deadline_mode_arms_by_the_tsc),
		cmocka_unit_test(deadlines_neither_overflow_nor_disarm),
		cmocka_unit_test(a_measured_rate_fires_early),
		cmocka_unit_test(counts_fit_the_register),
		cmocka_unit_test(the_divide_register_is_as_figure_10_10_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
