/* SPDX-License-Identifier: MIT */
/** @file filter_program.h  Programs of the classic Berkeley packet filter (SO_ATTACH_FILTER). Pure. */
#pragma once
#include <kernel/types.h>

/** struct sock_filter. */
struct filter_step {
	u16 code;
	u8 if_true, if_false; /* steps to skip */
	u32 k;
};
#define FILTER_STEPS_MAX 4096u

/** What a program can ask of a frame besides its bytes. */
struct filter_frame {
	const u8 *bytes;
	u32 length; /* of bytes */
	u32 whole;  /* of the frame */
	u32 network; /* offset of what follows the link's header, from bytes on; may lie in front of them: see before */
	u32 before; /* bytes of the frame in front of bytes */
	u32 ethertype, kind, interface;
};

/** @brief Does it use known steps only, jump forward and inside, divide by no constant 0, and end with a return? */
bool filter_is_valid(const struct filter_step *steps, u32 count);
/** @brief Run a valid program. @return how many bytes of the frame to keep; 0: none of it */
u32 filter_run(const struct filter_step *steps, const struct filter_frame *frame);
