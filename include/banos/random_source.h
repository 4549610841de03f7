/* SPDX-License-Identifier: MIT */
/**
 * @file random_source.h  Sources of random bytes. A draft.
 *
 * A source is hardware that makes random bytes. The kernel checks all that it gives (NIST SP 800-90B, 4.4): 1024 bytes before it
 * is believed, and each byte from then on. They are mixed into the kernel's own generator, which never depends on one source
 * alone, and programs read them from /dev/hwrng, which belongs to the source of the best quality, or to the one that root has chosen
 * in /sys/class/misc/hw_random/rng_current. A source that fails a check is put out: a sentence in the log names it, and it is
 * not asked again until it is registered again.
 */
#ifndef BANOS_RANDOM_SOURCE_H
#define BANOS_RANDOM_SOURCE_H

#include <banos/buffer.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/random_source.h>
BANOS_DRAFT_HEADER(random_source);

typedef struct banos_random_source_ *banos_random_source; /**< a source that was registered */

/** Flag of fill(): the program does not wait. */
#define BANOS_RANDOM_NOWAIT 1u

/** Entropy of each byte: 1024 are 8 bits. */
#define BANOS_RANDOM_QUALITY_MAX   1024u
#define BANOS_RANDOM_QUALITY_LEAST 128u /**< 1 bit: less is no source */

/** The method of a source. */
struct banos_random_source_ops {
	uint32_t size; /**< sizeof(struct banos_random_source_ops) */
	uint32_t must; /**< 0: no bits are defined yet */

	/**
	 * Write random bytes to @p to, by banos_buffer_write(), one piece behind the other. Mandatory.
	 * Context: thread; may sleep, unless @p flags has BANOS_RANDOM_NOWAIT. It is called by one thread at a time for each
	 * source. When the source is withdrawn, or its device goes, sleeping ends with -ENODEV.
	 * @param length  1 to 4096
	 * @return how many bytes were written: at least 1. -EAGAIN: none without waiting. -ERESTART: a signal has
	 *	   arrived. Any other error ends the source, and the program receives it.
	 */
	int64_t (*fill)(void *context, banos_buffer to, uint64_t length, uint32_t flags);
};
#define BANOS_RANDOM_SOURCE_OPS_SIZE_2 16u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_random_source_ops, fill) == BANOS_RANDOM_SOURCE_OPS_SIZE_2,
	     random_source_ops);
BANOS_ASSERT(offsetof(struct banos_random_source_ops, fill) == 8, random_source_ops_fill);

struct banos_random_source_config {
	uint32_t size;
	uint32_t quality; /**< least entropy, BANOS_RANDOM_QUALITY_...; 0: not known, as LEAST */
	void *context;	  /**< for the method */
	const struct banos_random_source_ops *ops; /**< read; its function lies in the driver */
	char name[32]; /**< as programs see it, of letters, digits and "._-"; NUL-terminated */
};
#define BANOS_RANDOM_SOURCE_CONFIG_SIZE_2 56u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_random_source_config, name) ==
		     BANOS_RANDOM_SOURCE_CONFIG_SIZE_2,
	     random_source_config);
BANOS_ASSERT(offsetof(struct banos_random_source_config, name) == 24, random_source_config_name);

BANOS_BEGIN

/**
 * @brief Register a source.
 * Since 2, provided by the kernel.
 * Context: thread, without a spin lock.
 * Ownership: withdrawn by banos_random_source_remove(), or before exit() or remove() runs.
 * @param owner   the owner of the source: the driver, or its device
 * @param config  read; copied, with its table of methods
 * @param source  written: the handle. May be NULL.
 * @return 0. From init() it is asked once init() succeeded. -EINVAL: a field is wrong. -E2BIG: an unknown
 *	   field is not 0. -EEXIST: there is a source of that name. -EOPNOTSUPP: an unknown bit in ops->must, or this kernel
 *	   has no such class. -ENOMEM. -EDEADLK: the caller holds a spin lock. -ENODEV: the driver is being removed.
 */
BANOS_SINCE(2)
int64_t banos_random_source_register(banos_owner owner,
				     const struct banos_random_source_config *config,
				     banos_random_source *source);

/**
 * @brief Withdraw a source. Its method does not run any more when this returns.
 * Since 2, provided by the kernel.
 * Context: thread, but not in the source's method.
 * @return 0, -EINVAL: no such source, -EDEADLK: the caller holds a spin lock, -EBUSY: its method has not returned for ten seconds
 */
BANOS_SINCE(2) int64_t banos_random_source_remove(banos_random_source source);

BANOS_END
#endif

#endif
