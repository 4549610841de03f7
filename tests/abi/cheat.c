/* SPDX-License-Identifier: MIT */
/*
 * A driver that does what no header allows, one thing of several (test_wall.py). Any kernel but that
 * with the wall lets it.
 */
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/print.h>

#define STACK_BYTES 8192u

static void **kept;

static int64_t cheat_open(void *context, banos_call call, uint32_t flags, void **file)
{
	(void)context;
	(void)call;
	(void)flags;
	kept = file;
	return 0;
}

static int64_t cheat_write(void *context, void *file, banos_buffer from, uint64_t length,
			   uint64_t offset, uint32_t flags)
{
	(void)context;
	(void)file;
	(void)from;
	(void)offset;
	(void)flags;
	if (CHEAT == 3)
		*kept = 0;
	return (int64_t)length;
}

static void use_stack(uint32_t bytes)
{
	volatile uint8_t array[bytes];

	array[0] = 1;
	array[bytes - 1] = array[0];
}

static int64_t cheat_init(banos_owner self)
{
	static const struct banos_chardev_ops ops = { sizeof(ops), 0, cheat_open, 0, 0,
						      cheat_write, 0, 0,	  0 };
	struct banos_chardev_config config = {
		sizeof(config), 0, BANOS_CHARDEV_ANY, 0, 0666, 0, 0, &ops, "cheat"
	};
	banos_chardev device;

	if (CHEAT == 1) /* the kernel's code, behind what each driver reaches */
		(void)*((volatile uint8_t *)__builtin_return_address(0) + 0x10000);
	if (CHEAT == 2)
		use_stack(STACK_BYTES);
	else
		use_stack(STACK_BYTES - 1024);
	if (CHEAT == 4) /* the kernel's variable of this processor */
		__asm__ volatile("movq %%gs:0, %%rax" ::: "rax");
	banos_print(self, "PASS: 1 checks");
	return banos_chardev_register(self, &config, &device);
}

BANOS_DRIVER(cheat, "1.0", "MIT", "Does what is not allowed", cheat_init, NULL);
