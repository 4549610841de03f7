/* SPDX-License-Identifier: MIT */
/*
 * Being called back: the driver pulse calls this one. The callback is withdrawn when the driver
 * is removed, before its exit().
 */
#include <banos/driver.h>
#include <banos/print.h>
#include "pulse.h"

static int64_t lamp_pulse(void *context, uint64_t beat, uint64_t arg2, uint64_t arg3, uint64_t arg4,
			  uint64_t arg5)
{
	banos_print((banos_owner)context, beat % 2 ? "on" : "off");
	return 0;
}

static int64_t lamp_init(banos_owner self)
{
	struct banos_callback_config config = {
		.size = sizeof(config), .function = lamp_pulse, .context = self, .signature = "q"
	};
	banos_callback callback;
	int64_t err = banos_callback_create(self, &config, &callback);

	return err ? err : pulse_listen(self, callback);
}

BANOS_DRIVER(lamp, "1.0", "MIT", "Is called by another driver", lamp_init, NULL);
