/* SPDX-License-Identifier: MIT */
/**
 * @file callback.h  How a driver calls those that it serves, and learns that they are gone.
 *
 * No function pointer crosses between drivers: the function behind it would be
 * unmapped with its driver. The driver that wants to be called (the client) creates a
 * callback and passes its handle to an exported function of the other driver (the
 * exporter), as an argument of letter "c" (<banos/export.h>):
 *
 *	client:    banos_callback_create(self, &config, &callback);
 *		   hub_subscribe(self, callback);
 *	exporter:  banos_callback_call(callback, number, 0, 0, 0, 0);
 *
 * From then on the exporter may call it from any of its functions, until it is closed. Each
 * call passes through the kernel, which counts it. banos_callback_close(), and the removal
 * of the client, wait until running calls have returned; later calls return -ENODEV. So an
 * exporter needs no lock against the removal of its clients, and may forget them late:
 * banos_owner_watch() tells it when.
 *
 * A callback is withdrawn before exit() (of a device: before remove()) runs. It is no leak, and to close it
 * there is -EINVAL, as for whatever is withdrawn.
 */
#ifndef BANOS_CALLBACK_H
#define BANOS_CALLBACK_H

#include <banos/base.h>

/** Handle of a callback. */
typedef struct banos_callback_ *banos_callback;

/**
 * The function never sleeps, so it may be called under a banos_spinlock. It runs as if it held one:
 * functions of Context "thread" return -EDEADLK in it.
 */
#define BANOS_CALLBACK_ATOMIC 1u

#define BANOS_CALLBACK_SIGNATURE_SIZE 64 /**< bytes for the letters, with the NUL */

/** A function that other drivers may call. */
struct banos_callback_config {
	uint32_t size;	/**< sizeof() */
	uint32_t flags; /**< BANOS_CALLBACK_ATOMIC, or 0: it may sleep */
	/**
	 * Any thread may call it, several at once. Its result is the caller's result: 0 or more, or an error from
	 * -4095 to -1; any other counts as -EINVAL and is logged.
	 */
	int64_t (*function)(void *context, uint64_t arg1, uint64_t arg2, uint64_t arg3,
			    uint64_t arg4, uint64_t arg5);
	void *context; /**< passed to it */
	/**
	 * Letters of arg1 to arg5 and of the result (<banos/export.h>), NUL-terminated. "": integers,
	 * and handles that are not used but compared.
	 */
	char signature[BANOS_CALLBACK_SIGNATURE_SIZE];
};
#define BANOS_CALLBACK_CONFIG_SIZE_1 88u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_callback_config, signature) == BANOS_CALLBACK_CONFIG_SIZE_1,
	     callback_config);
BANOS_ASSERT(offsetof(struct banos_callback_config, function) == 8, callback_config_function);
BANOS_ASSERT(offsetof(struct banos_callback_config, signature) == 24, callback_config_signature);

BANOS_BEGIN

/**
 * @brief Create a callback.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: @p owner's until banos_callback_close(). It may be called
 * as soon as another driver has the handle, also before init() or probe() has returned.
 * @param config    struct, read
 * @param callback  8 bytes, written: the handle
 * @return 0, -ENOMEM, -ENODEV: @p owner is being removed, -EINVAL: function is not in the driver, unknown
 *	   flag, or malformed signature, -E2BIG: an unknown field of @p config is not 0
 */
BANOS_SINCE(1)
int64_t banos_callback_create(banos_owner owner, const struct banos_callback_config *config,
			      banos_callback *callback);

/**
 * @brief Call a callback.
 * Since 1, provided by the kernel.
 * Context: any for a callback with BANOS_CALLBACK_ATOMIC, else thread. The caller may hold a
 * banos_mutex; then the function must not call back into what takes it.
 * @param callback  its own, or one that was passed to the caller
 * @param arg1      to @p arg5: as its signature states; those that it lacks are not looked at. What a
 *		    letter for bytes describes lies in memory of the caller.
 * @return the result of the function; -ENODEV: it was closed, or its driver is gone; -EINVAL:
 *	   it was not passed to the caller, or is 0, or what an argument describes is not the caller's memory; -E2BIG: an argument describes more than
 *	   BANOS_COPY_MAX bytes; -EOVERFLOW: calls are nested too deep (<banos/driver.h>); -EDEADLK: it may sleep, and the caller holds a banos_spinlock
 */
BANOS_SINCE(1)
int64_t banos_callback_call(banos_callback callback, uint64_t arg1, uint64_t arg2, uint64_t arg3,
			    uint64_t arg4, uint64_t arg5);

/**
 * @brief Close a callback: when this returns 0, no call runs, and none begins any more.
 * Since 1, provided by the kernel.
 * Context: thread; not from the function itself. Not while holding a mutex that the function takes.
 * @return 0, -EINVAL: no such callback, -EDEADLK: called by the function itself, -EBUSY: a call has not
 *	   returned within 10 s (none begins any more; it can be closed later)
 */
BANOS_SINCE(1) int64_t banos_callback_close(banos_callback callback);

/**
 * @brief Be told when a client is gone.
 * Since 1, provided by the kernel.
 * Context: thread.
 *
 * When @p client (a driver, or one of its devices) is removed or has failed, and none of its functions
 * will run any more, @p callback is called once, with the handle of @p client as first argument. The
 * client's memory is freed after it has returned. It may sleep, but not wait for the client. A
 * client whose init() or probe() failed is gone, too.
 * Ownership: the watch belongs to @p self. It ends when it has told, with @p callback, or with @p self.
 * @param self      the caller, or one of its devices
 * @param client    as passed to the caller as an argument of letter "h", or the caller's own. After this
 *		    call its handle serves to be compared, and to be passed to this function.
 * @param callback  the caller's own; its signature is "" or "h"
 * @return 0; -EEXIST: @p callback watches it already; -ENODEV: @p client is going, nothing will be told, or
 *	   @p self is being removed; -EINVAL: @p self or @p callback is not the caller's, or @p client was not
 *	   passed to it; -ENOMEM
 */
BANOS_SINCE(1)
int64_t banos_owner_watch(banos_owner self, banos_owner client, banos_callback callback);

BANOS_END

#endif
