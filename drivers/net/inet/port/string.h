/* SPDX-License-Identifier: MIT */
/** @file string.h  What lwIP uses of it. */
#pragma once
#include <stddef.h>

void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
int memcmp(const void *one, const void *other, size_t length);
size_t strlen(const char *text);
int strncmp(const char *one, const char *other, size_t length);
int strcmp(const char *one, const char *other);
