/* SPDX-License-Identifier: MIT */
/*
 * Uses all the stack that is promised, to the last byte, in every kind of function that
 * the kernel calls, and calls the API from there. The exported function calls that of
 * the driver named by next=, so that up to four are nested. exit() says which kinds of
 * functions were called, and how many of them had their stack.
 */
#include <banos/bus.h>
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/export.h>
#include <banos/map.h>
#include <banos/print.h>
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/timer.h>
#include <banos/user.h>
#include <banos/wait.h>
#include <banos/work.h>

#define PROMISED 8192
#define TEXT_(x) #x
#define TEXT(x)	 TEXT_(x)

/* In the order of their names in deep_exit(). */
enum kind {
	INIT,
	PROBE,
	OPEN,
	READ,
	WRITE,
	IOCTL,
	POLL,
	MAP,
	RELEASE,
	TIMER,
	WORK,
	THREAD,
	EXPORTED,
	REMOVE,
	QUIESCE,
	EXIT,
	KINDS
};

static char next[32];
BANOS_PARAM_TEXT(next, "the driver whose function is called");

static banos_owner own;
static banos_bus bus;
static banos_timer timer;
static banos_work work;
static banos_thread thread;
static struct banos_wait wait;
static int64_t (*next_call)(int64_t count);
static uint32_t called[KINDS], broken;

/*
 * int64_t deep_use(void *entry, int64_t (*body)(void *), void *argument): write to each
 * word from entry - PROMISED up to here, call body with 1 KiB of that, and check the
 * rest. Returns what body did, or -5.
 */
__asm__(".text\n"
	"deep_use:\n\t"
	"pushq %rbp\n\tmovq %rsp, %rbp\n\tpushq %rbx\n\tpushq %r12\n\t"
	"leaq -" TEXT(
		PROMISED) "(%rdi), %rbx\n\tandq $-8, %rbx\n\t"
			  "movq %rsp, %r12\n\tmovq %rbx, %rsp\n\t"
			  "movq %rbx, %rax\n"
			  "1:\tmovq %rax, (%rax)\n\taddq $8, %rax\n\tcmpq %r12, %rax\n\tjb 1b\n\t"
			  "movq %rbx, %rax\n"
			  "2:\tcmpq %rax, (%rax)\n\tjne 4f\n\taddq $8, %rax\n\tcmpq %r12, %rax\n\tjb 2b\n\t"
			  "leaq 1024(%rbx), %rsp\n\tandq $-16, %rsp\n\t"
			  "movq %rdx, %rdi\n\tcall *%rsi\n\t"
			  "leaq 1024(%rbx), %rcx\n"
			  "3:\tcmpq %rcx, (%rcx)\n\tjne 4f\n\taddq $8, %rcx\n\tcmpq %r12, %rcx\n\tjb 3b\n\t"
			  "jmp 5f\n"
			  "4:\tmovq $-5, %rax\n"
			  "5:\tleaq -16(%rbp), %rsp\n\tpopq %r12\n\tpopq %rbx\n\tpopq %rbp\n\tret\n");
int64_t deep_use(void *entry, int64_t (*body)(void *), void *argument);

/* Below the return address of the function that this stands in. */
#define USE(kind, body, argument) \
	deep_used(kind, deep_use((char *)__builtin_frame_address(0) + 8, body, argument))

static int64_t deep_used(enum kind kind, int64_t result)
{
	__atomic_fetch_add(&called[kind], 1, __ATOMIC_SEQ_CST);
	if (result == -EIO)
		__atomic_fetch_add(&broken, 1, __ATOMIC_SEQ_CST);
	return result;
}

static int64_t body_print(void *text)
{
	banos_print(own, "%s", (const char *)text);
	return 0;
}

/* ---- the device file ---- */

static int64_t body_write_buffer(void *to)
{
	return banos_buffer_write((banos_buffer)to, "deep\n", 5);
}

static int64_t body_wake(void *unused)
{
	return banos_wait_wake(&wait);
}

static int64_t body_map(void *call)
{
	return banos_map_zero((banos_call)call);
}

static int64_t body_watch(void *watch)
{
	banos_poll_watch((banos_poll)watch, &wait);
	return BANOS_POLL_READ;
}

static int64_t deep_open(void *context, banos_call call, uint32_t flags, void **file)
{
	return USE(OPEN, body_print, "open");
}

static int64_t deep_release(void *context, void *file)
{
	return USE(RELEASE, body_print, "release");
}

static int64_t deep_read(void *context, void *file, banos_buffer to, uint64_t length,
			 uint64_t offset, uint32_t flags)
{
	return USE(READ, body_write_buffer, to);
}

static int64_t deep_write(void *context, void *file, banos_buffer from, uint64_t length,
			  uint64_t offset, uint32_t flags)
{
	int64_t result = USE(WRITE, body_wake, NULL);

	return result < 0 ? result : (int64_t)length;
}

static int64_t body_call_next(void *count)
{
	if (!next_call)
		return 1;
	return next_call((int64_t)count) + 1;
}

static int64_t deep_ioctl(void *context, void *file, banos_call call, uint32_t command,
			  uint64_t argument, uint32_t flags)
{
	return USE(IOCTL, body_call_next, NULL);
}

static int64_t deep_poll(void *context, void *file, banos_poll watch)
{
	return USE(POLL, body_watch, watch);
}

static int64_t deep_map(void *context, void *file, banos_call call, uint64_t offset,
			uint64_t length, uint32_t access)
{
	return USE(MAP, body_map, call);
}

static const struct banos_chardev_ops file_ops = {
	.size = sizeof(file_ops),
	.open = deep_open,
	.release = deep_release,
	.read = deep_read,
	.write = deep_write,
	.ioctl = deep_ioctl,
	.poll = deep_poll,
	.map = deep_map,
};

/* ---- others ---- */

int64_t DEEP_call(int64_t count);
int64_t DEEP_call(int64_t count)
{
	return USE(EXPORTED, body_call_next, NULL);
}
BANOS_EXPORT(DEEP_call);

static int64_t deep_tick(void *context)
{
	return USE(TIMER, body_print, "timer");
}

static int64_t deep_work(void *context)
{
	return USE(WORK, body_print, "work");
}

static int64_t deep_thread(void *context)
{
	return USE(THREAD, body_print, "thread");
}

static int64_t deep_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	return USE(PROBE, body_print, "probe");
}

static int64_t deep_remove(void *context, banos_owner device, void *state)
{
	return USE(REMOVE, body_print, "remove");
}

static int64_t deep_quiesce(void *context, void *device)
{
	return USE(QUIESCE, body_print, "quiesce");
}

static const struct banos_bus_ops bus_ops = { .size = sizeof(bus_ops), .quiesce = deep_quiesce };
static const struct banos_prober_ops prober_ops = {
	.size = sizeof(prober_ops),
	.probe = deep_probe,
	.remove = deep_remove,
};

/* ---- the life ---- */

static int64_t obtain_bus(void)
{
	static const struct banos_bus_config bus_config = { .size = sizeof(bus_config),
							    .ops = &bus_ops,
							    .name = "DEEP" };
	static const struct banos_prober_config prober_config = { .size = sizeof(prober_config),
								  .ops = &prober_ops,
								  .bus = "DEEP" };
	static const struct banos_device_config device_config = { .size = sizeof(device_config),
								  .name = "d",
								  .alias = "DEEP:d" };
	banos_device device;
	int64_t error = banos_bus_register(own, &bus_config, &bus);

	if (!error)
		error = banos_prober_register(own, &prober_config, NULL);
	if (!error)
		error = banos_device_add(bus, &device_config, &device);
	return error;
}

static int64_t obtain_calls(void)
{
	int64_t error = banos_timer_create(own, deep_tick, NULL, &timer);

	if (!error)
		error = banos_timer_start(timer, banos_time_ns() + BANOS_MS);
	if (!error)
		error = banos_work_create(own, deep_work, NULL, &work);
	if (!error && banos_work_queue(work) < 0)
		error = -EBADF;
	if (!error)
		error = banos_thread_create(own, deep_thread, NULL, "deep", &thread);
	if (!error)
		error = banos_wait_init(own, &wait);
	return error;
}

static int64_t body_init(void *unused)
{
	static const struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0666,
		.ops = &file_ops,
		.name = "DEEP",
	};
	int64_t error = obtain_calls();

	if (!error)
		error = obtain_bus();
	if (!error)
		error = banos_chardev_register(own, &config, NULL);
	if (!error && *next) {
		next_call = (int64_t(*)(int64_t))banos_lookup_symbol(own, next);
		error = next_call ? 0 : -ENOENT;
	}
	return error;
}

static int64_t deep_init(banos_owner self)
{
	own = self;
	return USE(INIT, body_init, NULL);
}

static int64_t body_exit(void *unused)
{
	banos_timer_destroy(timer);
	banos_work_destroy(work);
	banos_thread_stop(thread, NULL);
	banos_wait_destroy(&wait);
	if (next_call)
		banos_release_symbol(own, (void *)next_call);
	return 0;
}

static int64_t deep_exit(banos_owner self)
{
	static const char *const names[KINDS] = {
		"init",	   "probe", "open", "read",   "write",	  "ioctl",  "poll",    "map",
		"release", "timer", "work", "thread", "exported", "remove", "quiesce", "exit",
	};
	int64_t error = USE(EXIT, body_exit, NULL);

	for (int i = 0; i < KINDS; i++)
		if (!called[i])
			banos_print(self, "not called: %s", names[i]);
	banos_print(self, "%u without their stack", broken);
	return error;
}

BANOS_DRIVER(DEEP, "1.0", "MIT", "Uses its stack", deep_init, deep_exit);
BANOS_SERVES("DEEP:*");
