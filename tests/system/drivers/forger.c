/* SPDX-License-Identifier: MIT */
/* Hands devices to the bus that are none of its own, by trying all handles. */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/pci.h>
#include <banos/print.h>

static int64_t forger_init(banos_owner self)
{
	uint32_t taken = 0;

	for (uint64_t generation = 0; generation < 4; generation++)
		for (uint64_t index = 0; index < 300; index++)
			if (pci_enable((banos_owner)(generation << 32 | index), 0) != -ENODEV)
				taken++;
	if (pci_enable(self, 0) != -ENODEV)
		taken++;
	banos_print(self, "%u devices were taken", taken);
	return 0;
}

BANOS_DRIVER(forger, "1.0", "MIT", "Hands in devices of others", forger_init, NULL);
