/* SPDX-License-Identifier: MIT */
/* The isa-debug-exit device of QEMU, by which a test ends with a status. */
#include <asm/io.h>
#include <asm/qemu.h>

#define QEMU_EXIT_PORT 0xf4

void qemu_exit(u8 value)
{
	if (IS_ENABLED(CONFIG_QEMU_EXIT))
		outb(QEMU_EXIT_PORT, value);
}
