/* SPDX-License-Identifier: MIT */
/*
 * The order of locks, watched; see lock_order.h.
 *
 * What a CPU holds changes with interrupts off, so that an interrupt finds it
 * whole and leaves it as it was. An order that was seen before costs one look at
 * a bit; a new one is searched and entered under graph_lock, a bare word, since
 * it is taken inside all others. After the start of a panic nothing is watched.
 */
#include <kernel/lock.h>
#include <kernel/lock_order.h>
#include <kernel/printk.h>
#include <kernel/thread.h>

#define EDGES_MAX 4096u /* orders of which the places are remembered */

static struct lock_graph graph;
static struct lock_class *classes[LOCK_CLASSES];
static struct lock_class image_classes[LOCK_CLASSES];
static struct {
	u16 before, after;
	u64 before_ip, after_ip;
} edges[EDGES_MAX];
static u32 nr_classes = 1, nr_image_classes, nr_edges, graph_word;
extern u8 _image_start[], _image_end[];

static void graph_lock(void)
{
	while (__atomic_exchange_n(&graph_word, 1, __ATOMIC_ACQUIRE))
		cpu_relax();
}

static void graph_unlock(void)
{
	__atomic_store_n(&graph_word, 0, __ATOMIC_RELEASE);
}

static struct lock_stack *lock_stack_of(bool spins)
{
	if (spins)
		return &this_cpu()->spins_held;
	return &current->locks_held;
}

/* ---- classes; graph_lock held ---- */

static void class_number(struct lock_class *class, u64 ip)
{
	if (class->id || nr_classes == LOCK_CLASSES)
		return;
	class->first_ip = ip;
	classes[nr_classes] = class;
	smp_store_release(&class->id, nr_classes++);
}

/* A lock of the image that no code initialised is its own class; one of the heap has none. */
static struct lock_class *class_find(struct lock_class **class, const void *lock)
{
	bool of_image = (const u8 *)lock >= _image_start && (const u8 *)lock < _image_end;

	if (!*class && of_image && nr_image_classes < LOCK_CLASSES)
		*class = &image_classes[nr_image_classes++];
	return *class;
}

static struct lock_class *class_of(struct lock_class **class, const void *lock, u64 ip)
{
	struct lock_class *found = *class;

	if (likely(found && found->id))
		return found;
	graph_lock();
	found = class_find(class, lock);
	if (found)
		class_number(found, ip);
	graph_unlock();
	if (found && found->id)
		return found;
	return NULL;
}

/* ---- orders ---- */

static void report_edge(const char *when, u32 before, u32 after)
{
	for (u32 i = 0; i < nr_edges; i++)
		if (edges[i].before == before && edges[i].after == after) {
			pr_err("  %s: lock %u taken at %pS, then lock %u at %pS\n", when, before,
			       (void *)edges[i].before_ip, after, (void *)edges[i].after_ip);
			return;
		}
}

static void report_class(const struct lock_class *class)
{
	pr_err("  lock %u: %s, first taken at %pS\n", class->id, class->name ?: "static",
	       (void *)class->first_ip);
}

static void __noreturn __cold report_inversion(u32 before, u32 after, u32 next)
{
	pr_err("locks: lock %u is taken while lock %u is held, but elsewhere lock %u is taken before lock %u\n",
	       after, before, after, before);
	report_class(classes[before]);
	report_class(classes[after]);
	if (next != before)
		report_class(classes[next]);
	report_edge("now", before, after);
	report_edge("before", after, next);
	panic("lock order inversion");
}

static void order_enter(const struct lock_class *held, u64 held_ip, const struct lock_class *class,
			u64 ip)
{
	u32 next = 0;
	bool round;

	graph_lock();
	round = lock_graph_reaches(&graph, class->id, held->id, &next);
	lock_graph_add(&graph, held->id, class->id);
	if (nr_edges < EDGES_MAX) {
		edges[nr_edges].before = held->id;
		edges[nr_edges].after = class->id;
		edges[nr_edges].before_ip = held_ip;
		edges[nr_edges++].after_ip = ip;
	}
	graph_unlock();
	if (round)
		report_inversion(held->id, class->id, next);
}

static void order_check_against(const struct lock_stack *stack, const struct lock_class *class,
				u64 ip)
{
	for (u32 i = 0; i < MIN(stack->n, LOCKS_HELD); i++) {
		const struct lock_class *held = stack->at[i].class;

		if (held != class && !lock_graph_has(&graph, held->id, class->id))
			order_enter(held, stack->at[i].ip, class, ip);
	}
}

static void order_check_interrupts(struct lock_class *class, bool enabled, u64 ip)
{
	if (in_interrupt())
		class->in_interrupt = true;
	else if (enabled)
		class->interrupts_on = true;
	if (likely(!class->in_interrupt || !class->interrupts_on))
		return;
	report_class(class);
	panic("lock %u is taken in interrupt handlers, and elsewhere with interrupts enabled; now at %pS",
	      class->id, (void *)ip);
}

/* Nothing is held, and nothing new is to be learnt of how it is taken. */
static bool order_is_known(const struct lock_class *class, bool spins, bool enabled)
{
	if (!class || !READ_ONCE(class->id) || lock_stack_of(true)->n || lock_stack_of(false)->n)
		return false;
	if (!spins)
		return true;
	if (in_interrupt())
		return class->in_interrupt;
	return !enabled || class->interrupts_on;
}

/* ---- that nothing is held ---- */

static void report_held(const struct lock_stack *stack)
{
	for (u32 i = 0; i < MIN(stack->n, LOCKS_HELD); i++)
		pr_err("  lock %u: %s, taken at %pS\n", stack->at[i].class->id,
		       stack->at[i].class->name ?: "static", (void *)stack->at[i].ip);
}

bool lock_order_none_held(void)
{
	u64 flags = irq_save();
	bool none = !lock_stack_of(true)->n && lock_stack_of(false)->n <= current->locks_excused;

	irq_restore(flags);
	return none || printk_panicking;
}

void lock_order_tell_held(void)
{
	report_held(lock_stack_of(true));
	report_held(lock_stack_of(false));
}

bool lock_order_may_hold(const struct lock_class *class, const void *lock)
{
	const struct lock_stack *held = lock_stack_of(false);

	for (u32 i = 0; i < MIN(held->n, LOCKS_HELD); i++)
		if (held->at[i].lock == lock)
			return true;
	return !class || !class->id || held->n >= LOCKS_HELD;
}

/* ---- what locks call ---- */

void lock_order_check(struct lock_class **class, const void *lock, bool spins, u64 ip)
{
	bool enabled = irqs_enabled();
	struct lock_class *own_class;
	u64 flags;

	if (printk_panicking || order_is_known(*class, spins, enabled))
		return;
	flags = irq_save();
	own_class = class_of(class, lock, ip);
	if (own_class) {
		order_check_against(lock_stack_of(true), own_class, ip);
		if (!in_interrupt())
			order_check_against(lock_stack_of(false), own_class, ip);
		if (spins)
			order_check_interrupts(own_class, enabled, ip);
	}
	irq_restore(flags);
}

void lock_order_taken(struct lock_class **class, const void *lock, bool spins, u64 ip)
{
	struct lock_class *own_class;
	struct lock_stack *stack;
	u64 flags;

	if (printk_panicking)
		return;
	flags = irq_save();
	own_class = class_of(class, lock, ip);
	stack = lock_stack_of(spins);
	if (own_class && stack->n < LOCKS_HELD) {
		stack->at[stack->n].lock = lock;
		stack->at[stack->n].class = own_class;
		stack->at[stack->n++].ip = ip;
	}
	irq_restore(flags);
}

void lock_order_released(const void *lock, bool spins)
{
	struct lock_stack *stack;
	u64 flags;
	u32 i;

	if (printk_panicking)
		return;
	flags = irq_save();
	stack = lock_stack_of(spins);
	for (i = stack->n; i && stack->at[i - 1].lock != lock; i--)
		;
	for (; i && i < stack->n; i++)
		stack->at[i - 1] = stack->at[i];
	if (i)
		stack->n--;
	irq_restore(flags);
}

/* ---- what spin locks call ---- */

static void spin_before(spinlock_t *lock, u64 ip)
{
	lock_order_check(&lock->class, lock, true, ip);
}

static void spin_acquired(spinlock_t *lock, u64 ip)
{
	lock_order_taken(&lock->class, lock, true, ip);
}

static void spin_released(spinlock_t *lock)
{
	lock_order_released(lock, true);
}

void lock_order_init(void)
{
	static const struct spin_watch watch = { spin_before, spin_acquired, spin_released };

	spin_watch_register(&watch);
}
