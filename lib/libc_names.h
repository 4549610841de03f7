/* SPDX-License-Identifier: MIT */
/**
 * @file libc_names.h  Our versions of libc's functions under names of their own.
 *
 * In the kernel string.c and format.c are memcpy() and its kin. On the host
 * libc and the sanitizers own these names, so there ours are banos_memcpy()
 * and so on; a host test that includes this file calls ours by the usual names
 * and libc's as __builtin_memcpy(). To be included last, behind <stdio.h>.
 */
#pragma once
#ifdef __BANOS_HOST__
#include <stdarg.h>

#define memcpy	  banos_memcpy
#define memmove	  banos_memmove
#define memset	  banos_memset
#define memcmp	  banos_memcmp
#define bcmp	  banos_bcmp
#define memchr	  banos_memchr
#define strlen	  banos_strlen
#define strnlen	  banos_strnlen
#define strcmp	  banos_strcmp
#define strncmp	  banos_strncmp
#define strchr	  banos_strchr
#define strrchr	  banos_strrchr
#define strstr	  banos_strstr
#define vsnprintf banos_vsnprintf
#define snprintf  banos_snprintf

void *memcpy(void *d, const void *s, size_t n);
void *memmove(void *d, const void *s, size_t n);
void *memset(void *d, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
int bcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *t);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int snprintf(char *buf, size_t size, const char *fmt, ...);
#endif
