/* SPDX-License-Identifier: MIT */
/*
 * banos-cxx.o, a part of each driver in C++: what compilers call by themselves.
 *
 * Destructors of static objects are announced here when their constructors have
 * run, and run backwards with the driver's other destructors, after exit(). There
 * is no more room than below, since nothing owns memory yet when constructors
 * run; what exceeds it is not destroyed, which the driver's memory survives.
 */
#include <banos/cxx.h>
#include <banos/memory.h>

namespace
{

struct {
	void (*run)(void *);
	void *object;
} destructors[128];
uint32_t count;

__attribute__((destructor)) void run_destructors()
{
	while (count) {
		count--;
		destructors[count].run(destructors[count].object);
	}
}

} // namespace

extern "C" {

__attribute__((visibility("hidden"))) extern void *__dso_handle;
void *__dso_handle;

int __cxa_atexit(void (*run)(void *), void *object, void *)
{
	if (count == sizeof(destructors) / sizeof(destructors[0]))
		return -1;
	destructors[count].run = run;
	destructors[count].object = object;
	count++;
	return 0;
}

/* A virtual function that no class has defined was called: nothing sensible can follow. */
void __cxa_pure_virtual()
{
	__builtin_trap();
}
}

void *operator new(size_t size, banos_owner owner) noexcept
{
	struct banos_cxx_header *h = size > SIZE_MAX - sizeof(*h)
					     ? nullptr
					     : static_cast<struct banos_cxx_header *>(
						       banos_alloc(owner, size + sizeof(*h), 0));

	if (!h)
		return nullptr;
	h->owner = owner;
	return h + 1;
}

void *operator new[](size_t size, banos_owner owner) noexcept
{
	return operator new(size, owner);
}

void operator delete(void *object) noexcept
{
	if (!object)
		return;
	struct banos_cxx_header *h = static_cast<struct banos_cxx_header *>(object) - 1;

	banos_free(h->owner, h);
}

void operator delete[](void *object) noexcept
{
	operator delete(object);
}
void operator delete(void *object, size_t) noexcept
{
	operator delete(object);
}
void operator delete[](void *object, size_t) noexcept
{
	operator delete(object);
}
