/* SPDX-License-Identifier: MIT */
/** @file multiboot.h  The loader's information into boot_info. */
#pragma once
#include <kernel/boot.h>
/** Copy and translate. @param magic what the loader left in EAX @param info and in EBX */
void multiboot_parse(u32 magic, phys_t info);
/** Forget RAM from @p limit on, which the kernel has no addresses for. @return how many bytes that is */
u64 multiboot_limit(phys_t limit);
/** Stop with a sentence where nothing can start from it. Console needed. @param image_start,image_end  where the kernel lies */
void multiboot_check(phys_t image_start, phys_t image_end);
