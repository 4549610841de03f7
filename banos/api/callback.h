/* SPDX-License-Identifier: MIT */
/** @file callback.h  What callback.c and watch.c share. */
#pragma once
#include <kernel/gate.h>
#include <kernel/signature.h>

#define CALLBACK_GRANTS 4u /* drivers to which one callback can be passed */

struct callback {
	struct owned owned;
	struct owner *root; /* of its driver */
	const void *function;
	void *context;
	u32 flags;
	bool dead;		      /* no call begins any more */
	struct atomic running;	      /* calls */
	u64 granted[CALLBACK_GRANTS]; /* handles of the drivers to which it was passed; 0: none */
	spinlock_t lock;	      /* writes to ->granted */
	struct signature signature;
};

extern const struct owned_class callback_class;

/** @brief Call it for the kernel. @p callback is counted. @return -ENODEV: it is dead; or its result */
s64 callback_run(struct callback *callback, const u64 args[SIGNATURE_ARGS_BACK]);
