/* SPDX-License-Identifier: MIT */
/* Pulls a device out of QEMU's machine "pc", unasked, by the registers that its ACPI code uses. */
#include <banos/driver.h>
#include <banos/io.h>

#define HOTPLUG_PORTS 0xae00
#define EJECT	      0x08
#define SELECT	      0x10

static uint32_t slot;
BANOS_PARAM_U32(slot, 0, 31, "which one");

static int64_t eject_init(banos_owner self)
{
	banos_ports ports;
	int64_t error = banos_ports_claim(self, HOTPLUG_PORTS, 20, &ports);

	if (error)
		return error;
	banos_port_write(ports, SELECT, 4, 0);
	banos_port_write(ports, EJECT, 4, 1u << slot);
	return banos_ports_release(ports);
}

BANOS_DRIVER(eject, "1.0", "MIT", "Pulls a device out", eject_init, NULL);
