/* SPDX-License-Identifier: MIT */
/**
 * @file mark.h  Marks by which a measured program tells the QEMU plugin where the
 * part begins and ends that is to be counted: a NOP of seven bytes, whose unused
 * displacement says which. Where nobody looks for them they do nothing.
 */
#pragma once

#define MARK_BEGIN 0x0f, 0x1f, 0x80, 0x62, 0x00, 0xba, 0x6e
#define MARK_END   0x0f, 0x1f, 0x80, 0x65, 0x00, 0xba, 0x6e
#define MARK_TELL  0x0f, 0x1f, 0x80, 0x74, 0x00, 0xba, 0x6e /* all that were to end have */
#define MARK_SIZE  7

#define MARK_TEXT(...)	#__VA_ARGS__
#define MARK_BYTES(...) ".byte " MARK_TEXT(__VA_ARGS__)
/** MARK(MARK_BEGIN); */
#define MARK(which) __asm__ volatile(MARK_BYTES(which)::: "memory")
