/* SPDX-License-Identifier: MIT */
/* A network device whose start() takes its time: that of the parameter ms. */
#include <banos/driver.h>
#include <banos/network.h>
#include <banos/time.h>

static uint32_t ms = 4000;
BANOS_PARAM_U32(ms, 0, 60000, "how long start() takes");

static uint32_t depth;
BANOS_PARAM_U32(depth, 0, 4096, "empty packets of a queue");

static int64_t dozer_start(void *context)
{
	banos_sleep_until(banos_time_ns() + ms * BANOS_MS, 0);
	return 0;
}

static int64_t dozer_transmit(void *context, uint32_t queue, const struct banos_net_packet *packets,
			      uint32_t count, uint32_t stride)
{
	return -1;
}

static int64_t dozer_init(banos_owner self)
{
	static banos_net net;
	static const struct banos_net_ops ops = {
		.size = sizeof(ops),
		.start = dozer_start,
		.transmit = dozer_transmit,
	};
	const struct banos_net_config config = {
		.size = sizeof(config),
		.flags = BANOS_NET_NO_DMA,
		.name = "doze#",
		.tx_queues = 1,
		.rx_queues = 64,
		.rx_depth = depth,
		.rx_room = 65536,
		.ops = &ops,
	};

	return banos_net_register(self, &config, &net);
}

BANOS_DRIVER(dozer, "1", "MIT", "A network device that sleeps", dozer_init, NULL);
