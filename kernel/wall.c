// SPDX-License-Identifier: MIT
/*
 * Drivers behind a wall; <kernel/wall.h>.
 *
 * A call of a driver is one of gate_enter_here() with wall_enter() (arch/x86_64/wall.S) in place of
 * the method; the record, the counters and gate_abandon() are those of each call. current->wall says
 * where it leads, and where the kernel's stack continues when the driver calls the kernel or is
 * interrupted. What the kernel does for it there may lead into another driver: then the records nest.
 *
 * A driver's stacks are ranges with a guard page on both sides, and are in its tables for
 * the length of a call. An overrun is a page fault just below.
 *
 * Copies of what crosses lie in whole pages of the map of all memory. They end where a page
 * ends, as nearly as alignment allows. What was given back is kept for a while, poisoned.
 *
 * Locks: pool.lock (spin): free stacks. Inside of nothing, and nothing inside. attic.lock: the same.
 */
#include <asm/layout.h>
#include <asm/wall.h>
#include <kernel/err.h>
#include <kernel/gate.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/symbols.h>
#include <kernel/upcalls.h>
#include <kernel/wall.h>

extern u8 _text[], _image_end[];
extern u8 gate_dead_entry[]; /* gate_slot.S */

struct wall {
	struct wall_tables tables;
	struct owner *root;
};

static struct wall *wall_of(const struct owner *owner)
{
	if (owner)
		return owner->root->wall;
	return NULL;
}

/* ---- a driver's wall ---- */

#define POOL_STACKS 256u
#define POOL_FIRST  48u /* for contexts that cannot allocate */
static struct {
	spinlock_t lock;
	void *free[POOL_STACKS];
	u32 count;
	bool ready;
} pool;

static void *wall_stack_take(void)
{
	void *stack = NULL;

	spin_lock(&pool.lock);
	if (pool.count)
		stack = pool.free[--pool.count];
	spin_unlock(&pool.lock);
	if (!stack && may_sleep())
		stack = krange_alloc_stack(WALL_STACK_SIZE / PAGE_SIZE);
	return stack;
}

static void wall_stack_put(void *stack)
{
	bool kept;

	spin_lock(&pool.lock);
	kept = pool.count < POOL_STACKS;
	if (kept)
		pool.free[pool.count++] = stack;
	spin_unlock(&pool.lock);
	BUG_ON(!kept);
}

static int wall_stacks_fill(void)
{
	for (u32 i = 0; !pool.ready && i < POOL_FIRST; i++) {
		void *stack = krange_alloc_stack(WALL_STACK_SIZE / PAGE_SIZE);

		if (!stack)
			return -ENOMEM;
		wall_stack_put(stack);
	}
	pool.ready = true;
	return 0;
}

int wall_open(struct owner *root)
{
	struct wall *wall = kzalloc(sizeof(*wall));
	int err = wall ? wall_stacks_fill() : -ENOMEM;

	if (!err)
		err = wall_tables_init(&wall->tables);
	if (err) {
		kfree(wall);
		return err;
	}
	wall->root = root;
	root->wall = wall;
	return 0;
}

void wall_close(struct owner *root)
{
	struct wall *wall = root->wall;

	if (!wall)
		return;
	root->wall = NULL;
	wall_tables_destroy(&wall->tables);
	kfree(wall);
}

int wall_share(const struct owner *owner, const void *start, u64 bytes)
{
	struct wall *wall = wall_of(owner);
	int err;

	if (!wall || !bytes)
		return 0;
	err = wall_tables_map(&wall->tables, start, bytes, true);
	if (err)
		wall_tables_unmap(&wall->tables, start, bytes);
	return err;
}

void wall_unshare(const struct owner *owner, const void *start, u64 bytes)
{
	struct wall *wall = wall_of(owner);

	if (wall)
		wall_tables_unmap(&wall->tables, start, bytes);
}

u64 wall_span(const struct owner *root, const void *start, u64 max, bool write)
{
	struct wall *wall = wall_of(root);

	if (wall)
		return wall_tables_span(&wall->tables, start, max, write);
	return 0;
}

/* ---- copies of what crosses ---- */

struct wall_arena {
	struct list link;  /* wall_call.arenas, or empty */
	struct wall *wall; /* in whose tables it is; or NULL */
	struct page *page;
	u32 order;
};
#define ATTIC_SIZE	128u
#define ATTIC_ORDER_MAX 2u
/* Given back a while ago: what is read there is poison. */
static struct {
	spinlock_t lock;
	struct page *pages[ATTIC_SIZE];
	u32 next;
} attic;

static struct wall_arena *arena_of(const void *memory)
{
	return (void *)virt_to_page((void *)((u64)memory & PAGE_MASK))->mapping;
}

static u32 arena_order(u64 bytes)
{
	u32 order = 0;

	while (PAGE_SIZE << order < bytes)
		order++;
	return order;
}

static void arena_mark(struct page *page, u32 order, u32 flags)
{
	for (u32 i = 0; i < 1u << order; i++)
		page[i].flags = flags;
}

void *wall_arena_get(struct owner *to, u64 bytes, bool write)
{
	u32 order = arena_order(bytes);
	struct wall_arena *arena = kzalloc(sizeof(*arena));
	struct page *page = order <= 10 && arena ? pages_alloc(order, PAGE_ZERO) : NULL;

	if (!page) {
		kfree(arena);
		return NULL;
	}
	list_init(&arena->link);
	arena->wall = wall_of(to);
	arena->page = page;
	arena->order = order;
	arena_mark(page, order, PG_DRIVER);
	for (u32 i = 0; i < 1u << order; i++)
		page[i].mapping = arena;
	if (current->wall)
		list_add(&arena->link, &current->wall->arenas);
	if (arena->wall &&
	    wall_tables_map(&arena->wall->tables, page_address(page), PAGE_SIZE << order, write)) {
		wall_arena_put(page_address(page));
		return NULL;
	}
	return (u8 *)page_address(page) + (((PAGE_SIZE << order) - bytes) & ~15ull);
}

static void arena_keep(struct page *page)
{
	struct page *old;

	spin_lock(&attic.lock);
	old = attic.pages[attic.next];
	attic.pages[attic.next] = page;
	attic.next = (attic.next + 1) % ATTIC_SIZE;
	spin_unlock(&attic.lock);
	if (!old)
		return;
	old->mapping = NULL;
	pages_free(old, old->private);
}

static void arena_destroy(struct wall_arena *arena)
{
	struct page *page = arena->page;
	u32 order = arena->order;

	list_del(&arena->link);
	if (arena->wall)
		wall_tables_unmap(&arena->wall->tables, page_address(page), PAGE_SIZE << order);
	kfree(arena);
	memset(page_address(page), WALL_POISON, PAGE_SIZE << order);
	arena_mark(page, order, 0);
	for (u32 i = 0; i < 1u << order; i++)
		page[i].mapping = NULL;
	if (order > ATTIC_ORDER_MAX) {
		pages_free(page, order);
		return;
	}
	page->private = order;
	page->mapping = &attic;
	arena_keep(page);
}

void wall_arena_put(void *memory)
{
	arena_destroy(arena_of(memory));
}

/* ---- the kernel calls a driver ---- */

void wall_next_method(const char *name, const void *method)
{
	current->wall_name = name;
	current->wall_method = method;
}

u64 wall_stack_end(u64 addr)
{
	for (const struct wall_call *call = current->wall; call; call = call->outer)
		if (call->stack - addr <= WALL_STACK_SIZE && addr < call->stack)
			return call->stack;
	return 0;
}

/* @return 0, -EOVERFLOW: no stack, -ENOMEM */
int wall_call_begin(struct wall_call *call, const struct owner *owner, const void *method)
{
	struct wall *wall = wall_of(owner);
	u8 *stack = wall_stack_take();

	if (!stack)
		return -EOVERFLOW;
	memset(stack, WALL_POISON, WALL_STACK_SIZE);
	if (wall_tables_map(&wall->tables, stack, WALL_STACK_SIZE, true)) {
		wall_stack_put(stack);
		return -ENOMEM;
	}
	call->wall = wall;
	call->tables = wall->tables.root;
	call->stack = (u64)stack + WALL_STACK_SIZE;
	call->method = method;
	list_init(&call->arenas);
	call->outer = current->wall;
	current->wall = call;
	return 0;
}

/* It returned, or was abandoned: then copies are left. */
void wall_call_end(struct wall_call *call)
{
	void *stack = (void *)(call->stack - WALL_STACK_SIZE);

	while (!list_empty(&call->arenas))
		arena_destroy(list_first(&call->arenas, struct wall_arena, link));
	current->wall = call->outer;
	wall_tables_unmap(&call->wall->tables, stack, WALL_STACK_SIZE);
	wall_stack_put(stack);
}

static s64 wall_call_run(struct owner *owner, bool own, const void *object, const void *method,
			 const u64 args[WALL_ARGS])
{
	struct wall_call call;
	s64 result = wall_call_begin(&call, owner, method);

	if (result)
		return result;
	if (arch_stack_pointer < current->gate_limit) {
		result = -EOVERFLOW;
		if (gate_stack_push(owner, method)) {
			current->gate_stack->method = wall_enter;
			result = gate_enter_here(owner, own, object, method, gate_switch_call,
						 args[0], args[1], args[2], args[3], args[4],
						 args[5]);
			gate_stack_pop();
		}
	} else {
		result = gate_enter_here(owner, own, object, method, wall_enter, args[0], args[1],
					 args[2], args[3], args[4], args[5]);
	}
	wall_call_end(&call);
	return result;
}

/* The name that wall_next_method() left. */
static const struct crossing *take_next_method(const void *method)
{
	const char *name = current->wall_name;

	current->wall_name = NULL;
	if (!name || method != current->wall_method)
		return NULL;
	return crossing_of_method(name);
}

s64 gate_enter_walled(struct owner *owner, bool own, const void *object, const void *method,
		      u64 arg1, u64 arg2, u64 arg3, u64 arg4, u64 arg5, u64 arg6)
{
	u64 args[WALL_ARGS] = { arg1, arg2, arg3, arg4, arg5, arg6 };
	const struct crossing *crossing = take_next_method(method);
	struct crossed crossed;
	s64 result;

	if (gate_has_failed(owner))
		return -ENODEV;
	if (cross_abandons(owner, NULL))
		return gate_fail_at_entry(owner, method);
	result = cross_in(&crossed, crossing, NULL, NULL, owner, args);
	if (!result)
		result = wall_call_run(owner, own, object, method, args);
	cross_out(&crossed, result);
	return result;
}

/* ---- a driver calls the kernel, or another driver ---- */

static s64 wall_call_kernel(const struct call_slot *slot, u64 args[WALL_ARGS])
{
	s64 (*function)(u64, u64, u64, u64, u64, u64) = (void *)slot->target;
	struct crossed crossed;
	s64 result = cross_in(&crossed, slot->crossing, NULL, current->gate->owner, NULL, args);

	if (!result)
		result = function(args[0], args[1], args[2], args[3], args[4], args[5]);
	cross_out(&crossed, result);
	return result;
}

/*
 * Count a call by way of @slot as one of the driver to which it leads at last: as gate_slot_move(). From then
 * on that is not unmapped. @return its slot
 */
static const struct call_slot *import_begin(const struct call_slot *slot, const void **target)
{
	const struct call_slot *next = slot;

	gate_count_event(slot->owner->gate_slot, begun);
	do {
		if (next != slot) {
			gate_count_event(next->owner->gate_slot, begun);
			gate_count_event(slot->owner->gate_slot, ended);
			slot = next;
		}
		*target = smp_load_acquire(&slot->target);
		next = smp_load_acquire(&slot->moved_to);
	} while (next);
	return slot;
}

/* As gate_slot_granting in gate_slot.S. */
static s64 import_enter(const struct call_slot *slot, const void *target, const u64 args[WALL_ARGS])
{
	struct gate_grant grant = {
		.outer = current->grants,
		.before = current->gate,
		.handles = slot->handles,
	};
	s64 result = 0;

	memcpy(grant.args, args, sizeof(grant.args));
	if (slot->checked)
		result = gate_check_arguments(&grant, slot);
	if (result)
		return result;
	current->grants = &grant;
	result = gate_enter(slot->owner, false, gate_object(), target, args[0], args[1], args[2],
			    args[3], args[4], args[5]);
	if (slot->handles & GATE_GRANT_RESULT)
		result = gate_grant_result(result, slot->owner);
	current->grants = grant.outer;
	return result;
}

static s64 wall_call_driver(const struct call_slot *slot, u64 args[WALL_ARGS])
{
	struct owner *caller = current->gate->owner;
	struct crossed crossed;
	const void *target;
	s64 result;

	if (!slot->owner) /* gate_dead_slot */
		return -ENODEV;
	slot = import_begin(slot, &target);
	result = -ENODEV;
	if (target != gate_dead_entry) {
		result = cross_in(&crossed, NULL, slot->signature, caller, slot->owner, args);
		if (!result)
			result = import_enter(slot, target, args);
		cross_out(&crossed, result);
	}
	gate_count_event(slot->owner->gate_slot, ended);
	return result;
}

s64 wall_import(const struct call_slot *slot, u64 args[WALL_ARGS])
{
	/* wall_absent_entry: a name, from which it took the top bit. */
	if ((s64)slot >= 0)
		return gate_absent_called((const char *)((u64)slot | 1ull << 63));
	if (slot->name && cross_abandons(current->gate->owner, slot->name))
		gate_fail(slot->name);
	if (slot->crossing)
		return wall_call_kernel(slot, args);
	return wall_call_driver(slot, args);
}

/* ---- faults ---- */

static const char *wall_place(u64 addr)
{
	const struct wall_call *call = current->wall;

	if (addr < PAGE_SIZE)
		return "a null pointer";
	if (addr < PT_USER_END)
		return "a program's memory, if anything";
	if (addr < call->stack - WALL_STACK_SIZE &&
	    addr >= call->stack - WALL_STACK_SIZE - PAGE_SIZE)
		return "below its stack of 8192 bytes";
	if (addr - PHYSMAP_BASE < PHYSMAP_SIZE && page_is_ram(addr - PHYSMAP_BASE)) {
		const struct page *page = virt_to_page((void *)addr);

		if (page->mapping == &attic)
			return "what was passed to or by a call that has returned";
		if (page->flags & PG_DRIVER)
			return "memory that is another driver's, or was handed to the kernel";
		return "memory of the kernel, or what it freed";
	}
	if (addr >= KRANGE_BASE && addr < KRANGE_END)
		return "a stack, a buffer or device memory that is not its own";
	return "nothing of it";
}

void upcall_wall_describe(u64 addr, char *words, size_t bytes)
{
	struct symbol_name name;

	if (addr >= (u64)_text && addr < (u64)_image_end)
		snprintf(words, bytes, "the kernel's %pS", (void *)addr);
	else if (symbol_lookup(addr, &name))
		snprintf(words, bytes, "%pS, which is not its own", (void *)addr);
	else
		snprintf(words, bytes, "%s", wall_place(addr));
}
