/* SPDX-License-Identifier: MIT */
/* What objects.cc and objects2.cc share. */
#pragma once
#include <banos/base.h>
#include <banos/print.h>

extern banos_owner owner;
extern char trace[32];
extern uint32_t used;

class Base
{
      public:
	virtual ~Base()
	{
	}
	virtual char letter() const = 0;
};

class Noisy final : public Base
{
      public:
	explicit Noisy(char name) : name(name)
	{
		trace[used++] = name;
	}
	~Noisy() override
	{
		banos_print(owner, "end %c", name);
	}
	char letter() const override
	{
		return name;
	}

      private:
	char name;
};

inline int &shared()
{
	static int value = 5;
	return value;
}

template <typename T> T largest(T a, T b)
{
	if (a < b)
		return b;
	return a;
}

int &other_shared();
char other_letter();
