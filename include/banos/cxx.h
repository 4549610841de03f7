/* SPDX-License-Identifier: MIT */
/**
 * @file cxx.h  New and delete for drivers in C++.
 *
 *	Device *device = new (self) Device(1);
 *	delete device;
 *
 * new takes the owner of the memory and returns nullptr if there is no memory (the
 * object is not constructed then). A new without an owner does not exist. delete may
 * be used from any thread, with virtual destructors too.
 *
 * Link banos-cxx.o into the driver ("ld -r"): it contains both, and the functions that
 * compilers call implicitly for destructors of static objects and for pure virtual
 * functions. Constructors of static objects run before init(), destructors after
 * exit(). There are no exceptions, no run-time type information, and no guards
 * around static objects in functions: -fno-exceptions -fno-rtti
 * -fno-threadsafe-statics. In C this header is empty.
 */
#ifndef BANOS_CXX_H
#define BANOS_CXX_H

#include <banos/base.h>

#ifdef __cplusplus
#if __cplusplus >= 201103L
#define BANOS_NOEXCEPT_ noexcept
#else
#define BANOS_NOEXCEPT_ throw()
#endif

/** Precedes each object: the owner of its memory. */
struct banos_cxx_header {
	banos_owner owner;
	uint64_t zero;
};
BANOS_ASSERT(sizeof(struct banos_cxx_header) == 16, cxx_header);
BANOS_ASSERT(offsetof(struct banos_cxx_header, zero) == 8, cxx_header_zero);

/*
 * Since 1, in banos-cxx.o. Context: thread. size bytes, 16-aligned; a resource of owner
 * until delete. nullptr: no memory, or owner is none.
 */
void *operator new(size_t size, banos_owner owner) BANOS_NOEXCEPT_;
void *operator new[](size_t size, banos_owner owner) BANOS_NOEXCEPT_;
#endif

#endif
