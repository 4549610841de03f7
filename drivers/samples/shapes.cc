/* SPDX-License-Identifier: MIT */
/* A driver in C++: classes, virtual functions, templates, constructors and destructors. */
#include <banos/cxx.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/print.h>

namespace
{

banos_owner owner; /* NULL while the constructors run */

class Shape
{
      public:
	virtual ~Shape()
	{
	}
	virtual uint64_t area() const = 0;
};

class Square final : public Shape
{
      public:
	explicit Square(uint64_t side) : side(side)
	{
	}
	~Square() override
	{
		banos_print(owner, "square of %llu gone", (unsigned long long)side);
	}
	uint64_t area() const override
	{
		return side * side;
	}

      private:
	uint64_t side;
};

template <typename T> T larger(T a, T b)
{
	return a < b ? b : a;
}

/* Constructed before init(), destroyed after exit(). */
Square fixed(larger(2, 3));

int64_t shapes_init(banos_owner self)
{
	owner = self;
	/* There are no exceptions: new answers nullptr without memory. */
	Shape *shape = new (self) Square(5);

	if (!shape)
		return -ENOMEM;
	banos_print(self, "areas %llu and %llu", (unsigned long long)fixed.area(),
		    (unsigned long long)shape->area());
	delete shape;
	return 0;
}

int64_t shapes_exit(banos_owner self)
{
	banos_print(self, "leaving");
	return 0;
}

} // namespace

BANOS_DRIVER(shapes, "1.0", "MIT", "Areas, in C++", shapes_init, shapes_exit);
