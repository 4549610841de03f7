/* SPDX-License-Identifier: MIT */
/*
 * Crashes on order, so that tests can look at the report: "crash=null" and so
 * on, on the command line; "crash_cpu=1" does it there. Only in kernels built
 * with the in-kernel tests. barrier() keeps functions in the backtrace that would
 * end in a jump.
 */
#include <asm/apic.h>
#include <kernel/test_options.h>
#include <kernel/crash.h>
#include <kernel/err.h>
#include <kernel/gate.h>
#include <kernel/heap.h>
#include <kernel/lock.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include "crash.h"

static __noinline u64 overflow(volatile u64 *depth)
{
	volatile u64 here[32];

	here[0] = *depth + 1;
	if (*depth == ~0ull)
		return 0;
	return overflow(here) + here[0]; /* in effect for ever */
}

static __noinline void crash_stack(void)
{
	volatile u64 depth = 0;

	overflow(&depth);
	barrier();
}

static __noinline void crash_panic(void)
{
	panic("asked to");
}

static __noinline void crash_null(void)
{
	volatile u64 address = 0x10;

	*(volatile u32 *)address = 1;
}

static __noinline void crash_text(void)
{
	*(volatile u8 *)(void *)crash_boot = 0x90;
	barrier();
}

static __noinline void crash_exec(void)
{
	static u8 code[1] = { 0xc3 };

	((void (*)(void))code)();
	barrier();
}

static __noinline void crash_user(void)
{
	((void (*)(void))0x400000)();
	barrier();
}

static __noinline void crash_ud(void)
{
	__asm__ volatile("ud2");
}

static __noinline void crash_divide(void)
{
	__asm__ volatile("divl %%ecx" ::"a"(1), "d"(0), "c"(0));
}

/* An address of neither half: a general protection fault. */
static __noinline void crash_gp(void)
{
	*(volatile u8 *)0x1234567890abcdefull = 0;
}

/* A stack that isn't there: the fault cannot be delivered. */
static __noinline void crash_double(void)
{
	__asm__ volatile("movabs $0xffffb00000000000, %%rsp; pushq $0" ::: "memory");
}

static __noinline void crash_nmi(void)
{
	apic_send_nmi(this_cpu()->hw_id);
	delay_us(1000);
	barrier();
}

static __noinline void crash_mce(void)
{
	__asm__ volatile("int $18");
}

#define IRQ_WAIT_S 5u

static struct timer timer;

static void in_interrupt_context(struct timer *timer)
{
	panic("asked to, in an interrupt");
}

static __noinline void crash_in_interrupt(void (*fn)(struct timer *))
{
	timer_init(&timer, fn);
	timer_start(&timer, time_monotonic_ns() + NSEC_PER_MSEC);
	for (u32 i = 0; i < IRQ_WAIT_S * 100; i++) /* here, however late the host lets it come */
		delay_us(10000);
	barrier();
}

static __noinline void crash_irq(void)
{
	crash_in_interrupt(in_interrupt_context);
	barrier();
}

static void overflow_in_interrupt(struct timer *timer)
{
	crash_stack();
}

static __noinline void crash_irqstack(void)
{
	crash_in_interrupt(overflow_in_interrupt);
	barrier();
}

static __noinline void crash_lock(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	spin_lock(&lock);
	barrier();
}

static DEFINE_SPINLOCK(lock_a);
static DEFINE_SPINLOCK(lock_b);
static DEFINE_MUTEX(mutex_a);
static DEFINE_MUTEX(mutex_b);

/* No deadlock, but there could be one. */
static __noinline void crash_order(void)
{
	spin_lock(&lock_a);
	spin_lock(&lock_b);
	spin_unlock(&lock_b);
	spin_unlock(&lock_a);
	spin_lock(&lock_b);
	spin_lock(&lock_a);
	spin_unlock(&lock_a);
	spin_unlock(&lock_b);
}

/* The same over a third, with locks that sleep, made at run time, and one given back in between. */
static __noinline void crash_round(void)
{
	struct {
		struct mutex m;
	} *made = kmalloc(sizeof(*made));

	mutex_init(&made->m);
	mutex_lock(&mutex_a);
	mutex_lock(&made->m);
	mutex_unlock(&mutex_a);
	mutex_unlock(&made->m);
	mutex_lock(&made->m);
	mutex_lock(&mutex_b);
	mutex_unlock(&made->m);
	mutex_unlock(&mutex_b);
	mutex_lock(&mutex_b);
	mutex_lock(&mutex_a);
	mutex_unlock(&mutex_a);
	mutex_unlock(&mutex_b);
	kfree(made);
}

static void lock_in_interrupt(struct timer *timer)
{
	spin_lock(&lock_a);
	spin_unlock(&lock_a);
}

static __noinline void crash_irqlock(void)
{
	timer_init(&timer, lock_in_interrupt);
	timer_start(&timer, time_monotonic_ns());
	delay_us(10000);
	spin_lock(&lock_a); /* interrupts are on */
	spin_unlock(&lock_a);
}

static __noinline void crash_mutex(void)
{
	spin_lock(&lock_a);
	mutex_lock(&mutex_a); /* it is free, this time */
	mutex_unlock(&mutex_a);
	spin_unlock(&lock_a);
}

/* Functions that need a lock, called without it; before that with it, which must pass. */
static __noinline void needs_spin(void)
{
	assert_held(&lock_a);
}

static __noinline void crash_heldspin(void)
{
	spin_lock(&lock_a);
	needs_spin();
	spin_unlock(&lock_a);
	needs_spin();
	barrier();
}

static __noinline void needs_mutex(void)
{
	assert_held(&mutex_a);
}

static __noinline void crash_heldmutex(void)
{
	mutex_lock(&mutex_a);
	needs_mutex();
	mutex_unlock(&mutex_a);
	needs_mutex();
	barrier();
}

static struct rwsem rwsem_a = RWSEM_INIT(rwsem_a);

static __noinline void needs_rwsem(void)
{
	assert_held(&rwsem_a);
}

static void read_for_a_while(void *unused)
{
	down_read(&rwsem_a);
	sleep_ms(10000);
	up_read(&rwsem_a);
}

/* Another thread reads: that does not count. */
static __noinline void crash_heldrwsem(void)
{
	down_write(&rwsem_a);
	needs_rwsem();
	downgrade_write(&rwsem_a);
	needs_rwsem();
	up_read(&rwsem_a);
	if (thread_spawn(read_for_a_while, NULL, "reader"))
		return;
	sleep_ms(100);
	needs_rwsem();
	barrier();
}

static __noinline void needs_writer(void)
{
	assert_held_write(&rwsem_a);
}

static __noinline void crash_heldwrite(void)
{
	down_write(&rwsem_a);
	needs_writer();
	up_write(&rwsem_a);
	down_read(&rwsem_a);
	needs_writer();
	up_read(&rwsem_a);
}

static __noinline void needs_rcu(void)
{
	assert_rcu_read();
}

static __noinline void crash_heldrcu(void)
{
	rcu_read_lock();
	needs_rcu();
	rcu_read_unlock();
	needs_rcu();
	barrier();
}

static s64 as_driver(void)
{
	return 0;
}
static struct owner tester = { .root = &tester, .name = "tester", .gate_slot = GATE_OWN_SLOT };

static __noinline void enter_driver(void)
{
	gate_call(&tester, NULL, as_driver, 0, 0, 0, 0, 0, 0);
	barrier();
}

/* No driver is entered with something of ours held. */
static __noinline void crash_gatemutex(void)
{
	enter_driver(); /* with nothing: fine */
	mutex_lock(&mutex_a);
	enter_driver();
	mutex_unlock(&mutex_a);
}

static __noinline void crash_gaterwsem(void)
{
	static struct rwsem rwsem = RWSEM_INIT(rwsem);

	down_read(&rwsem);
	enter_driver();
	up_read(&rwsem);
}

static __noinline void crash_gatercu(void)
{
	rcu_read_lock();
	enter_driver();
	rcu_read_unlock();
}

static __noinline void crash_gateirq(void)
{
	u64 flags = irq_save();

	enter_driver();
	irq_restore(flags);
}

static __noinline void crash_heap(void)
{
	volatile u8 *p = kmalloc(64);

	for (u32 i = 64; i < 128; i++) /* behind its end */
		p[i] = 1;
	kfree((void *)p);
	barrier();
}

static __noinline void crash_free(void)
{
	void *memory = kmalloc(64);

	kfree(memory);
	kfree(memory);
	barrier();
}

static __noinline void crash_sleep(void)
{
	preempt_disable();
	sleep_ms(1);
	barrier();
}

static __noinline void crash_warn(void)
{
	WARN_ON(this_cpu() != NULL);
	barrier();
}

/* clang-format off */
static const struct crash kinds[] = {
	{ "panic", crash_panic }, { "null", crash_null }, { "stack", crash_stack }, { "text", crash_text },
	{ "exec", crash_exec }, { "user", crash_user }, { "ud", crash_ud }, { "divide", crash_divide },
	{ "gp", crash_gp }, { "double", crash_double }, { "nmi", crash_nmi }, { "mce", crash_mce },
	{ "irq", crash_irq }, { "irqstack", crash_irqstack }, { "lock", crash_lock }, { "heap", crash_heap }, { "free", crash_free },
	{ "sleep", crash_sleep }, { "warn", crash_warn }, { "order", crash_order }, { "round", crash_round },
	{ "irqlock", crash_irqlock }, { "mutex", crash_mutex },
	{ "gatemutex", crash_gatemutex }, { "gaterwsem", crash_gaterwsem }, { "gatercu", crash_gatercu },
	{ "gateirq", crash_gateirq }, { "heldspin", crash_heldspin }, { "heldmutex", crash_heldmutex },
	{ "heldrwsem", crash_heldrwsem }, { "heldwrite", crash_heldwrite }, { "heldrcu", crash_heldrcu },
};
/* clang-format on */

static void crash_thread(void *how)
{
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(how, kinds[i].name))
			kinds[i].fn();
	for (const struct crash *crash = memory_crashes; crash->name; crash++)
		if (!strcmp(how, crash->name))
			crash->fn();
	for (const struct crash *c = cpu_crashes; c->name; c++)
		if (!strcmp(how, c->name))
			c->fn();
	pr_err("crash=%s: the kind is unknown, or returned without a crash: see tests/kernel/crash*.c\n",
	       (const char *)how);
}

static void crash_on(u32 cpu, char *how)
{
	struct thread *t = thread_create(crash_thread, how, "crash");
	struct cpumask cpumask = { 0 };

	if (IS_ERR(t))
		return;
	cpumask_set(&cpumask, cpu);
	if (thread_set_affinity(t, &cpumask))
		pr_err("crash_cpu=%u: there is no such processor\n", cpu);
	thread_start(t);
	sleep_ms(1000);
	thread_put(t);
}

void crash_boot(void)
{
	static char how[32];
	char cpu[8];
	u64 id;

	if (option_value(&opt_crash, how, sizeof(how)) < 0)
		return;
	if (option_value(&opt_crash_cpu, cpu, sizeof(cpu)) > 0 && !parse_u64(cpu, 10, &id) &&
	    id < CPU_MAX)
		crash_on(id, how);
	else
		crash_thread(how);
}
