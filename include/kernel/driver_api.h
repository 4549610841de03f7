/* SPDX-License-Identifier: MIT */
/**
 * @file driver_api.h  The public driver headers, for code that is not a driver. To be included
 * instead of <banos/...>.
 */
#pragma once
#define BANOS_CFLAGS 0
#include <banos/base.h>
#include <banos/block.h>
#include <banos/buffer.h>
#include <banos/bus.h>
#include <banos/callback.h>
#include <banos/chardev.h>
#include <banos/disk.h>
#include <banos/dma.h>
#include <banos/draft.h>
#include <banos/driver.h>
#include <banos/export.h>
#include <banos/filesystem.h>
#include <banos/filesystem_prober.h>
#include <banos/firmware.h>
#include <banos/io.h>
#include <banos/irq.h>
#include <banos/lock.h>
#include <banos/map.h>
#include <banos/memory.h>
#include <banos/network.h>
#include <banos/packet_hook.h>
#include <banos/partition.h>
#include <banos/print.h>
#include <banos/protocol.h>
#include <banos/random.h>
#include <banos/random_source.h>
#include <banos/scheduler.h>
#include <banos/socket_family.h>
#include <banos/thread.h>
#include <banos/thunks.h>
#include <banos/time.h>
#include <banos/timer.h>
#include <banos/user.h>
#include <banos/wait.h>
#include <banos/work.h>
