/* SPDX-License-Identifier: MIT */
/** @file plan.h  What becomes of each frame of a bad link: when it goes on, or not at all. Pure. */
#ifndef SHAPER_PLAN_H
#define SHAPER_PLAN_H
#include <stdbool.h>
#include <stdint.h>

struct plan {
	uint64_t delay_ns, jitter_ns;
	uint32_t loss_ppm, duplicate_ppm, reorder_ppm; /**< of a million frames */
	uint64_t rate_bytes;			       /**< in a second; 0: no limit */
	uint64_t burst_bytes;			       /**< that go at once after a rest */
	uint64_t random;			       /**< not 0: the same seed draws the same */
	uint64_t free_ns; /**< when the link will have sent what it was given */
	uint64_t last_ns; /**< when the last one in order goes on */
};

/**
 * @param bytes   of the frame
 * @param room	  false: none can wait, and what would have to is lost, without a place in the rate or the order
 * @param at_ns   written: when it goes on, @p now_ns or later
 * @param twice   written: once more besides
 * @return false: it is lost
 */
bool plan_frame(struct plan *plan, uint64_t now_ns, uint32_t bytes, bool room, uint64_t *at_ns,
		bool *twice);
#endif
