// SPDX-License-Identifier: MIT
/* The label by which programs recognise an image and find its exports (kernel/image_label.h). */
#include <generated/version.h>
#include <asm/driver_area.h>
#include <kernel/builtin.h>
#include <kernel/driver.h>
#include <kernel/image_label.h>
#include <kernel/kconfig.h>
#include <kernel/loader.h>

extern const struct banos_export __banos_exports_start[], __banos_exports_end[];

#define FLAG(condition, flag) ((condition) * (flag))

static const struct image_label image_label __attribute__((used, aligned(16))) = {
	.magic = IMAGE_LABEL_MAGIC,
	.size = sizeof(struct image_label),
	.level = BANOS_LEVEL,
	.flags = FLAG(CONFIG_NR_CPUS > 1, IMAGE_LABEL_SMP) |
		 FLAG(IS_ENABLED(CONFIG_DEBUG_KERNEL), IMAGE_LABEL_DEBUG),
	.export_size = sizeof(struct banos_export),
	.exports = (u64)__banos_exports_start,
	.exports_end = (u64)__banos_exports_end,
	.builtin_size = sizeof(struct builtin_driver),
	.builtins = (u64)__banos_builtins_start,
	.builtins_end = (u64)__banos_builtins_end,
	.file_max = LOADER_FILE_MAX,
	.memory_max = LOADER_MEMORY_MAX,
	.driver_base = DRIVER_BASE,
	.release = BANOS_RELEASE,
	.drafts = (u64)drafts_offered,
};
