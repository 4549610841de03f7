/* SPDX-License-Identifier: MIT */
/** @file bus_internal.h  Between bus.c (what there is) and bus_bind.c (which driver has what). */
#pragma once
#include <kernel/bus.h>

extern struct mutex bus_lock;

/**
 * @brief Become the one thread that binds or unbinds the device. Sleeps, until @p deadline_ns or a fatal signal.
 * @return 0; -EBUSY: another thread has claimed it for long, or this one has, in a function of the driver's
 */
int __must_check bus_device_claim(struct bus_device *device, u64 deadline_ns);
void bus_device_unclaim(struct bus_device *device);
/** @brief It is to be freed, and was never stopped: what is in its quarantine stays allocated, which was logged. Any context. */
void bus_device_lose_quarantine(struct bus_device *device);
/**
 * @brief Take the device from its driver, if it has one. It is claimed. Sleeps.
 * @return 0, -EBUSY: something of the driver does not end; to be tried again
 */
int bus_device_unbind(struct bus_device *device);

/**
 * How well a prober serves a device: by the most literal characters in a pattern of it that
 * matches; among equals the prober that was published first is the better one.
 */
struct prober_rank {
	u32 literals;
	u64 id;	  /* of the prober */
	u64 data; /* of the pattern: for probe() */
};
/** Better than each prober. */
#define PROBER_RANK_BEST                  \
	{                                 \
		.literals = ~0u, .id = 0, \
	}

/**
 * @brief The best prober that wants the device and is worse than @p rank, which becomes its rank.
 * @return counted; NULL: none
 */
struct prober *prober_next(struct bus_device *device, struct prober_rank *rank);

/** @brief Have the thread look for a driver, after pending_start_thread(). With bus_lock held. */
void pending_queue_locked(struct bus_device *device);
/** @brief Has the driver a prober for that bus? Sleeps. */
bool prober_exists(const struct owner *root, const char *bus);
/** @brief Search a driver for the device again, unless it is being removed. Sleeps. */
void bus_device_offer(struct bus_device *device);
void pending_unqueue_locked(struct bus_device *device);
/** @brief Something was queued: start the thread, or wake it. */
void pending_start_thread(void);
