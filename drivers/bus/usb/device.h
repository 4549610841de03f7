/* SPDX-License-Identifier: MIT */
/** @file device.h  Where things lie in the memory that the controller has of a device. */
#ifndef USB_DEVICE_H
#define USB_DEVICE_H

#define DEVICE_CONTEXTS_AT 0u /* 32 contexts of at most 64 bytes, written by the controller */
#define CONTROL_RING_AT	   2048u
#define INPUT_CONTEXT_AT   4096u /* 33 contexts, read by the controller */
#define CONTROL_BUFFER_AT  8192u
#define DEVICE_BYTES	   12288u

#endif
