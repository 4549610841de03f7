/* SPDX-License-Identifier: MIT */
/*
 * A self-testing driver that is C++ indeed: static objects in their order, virtual functions and
 * destructors, templates, new and delete, functions of one body in several files' groups.
 * Joined with banos-cxx.o.
 */
#include <banos/callback.h>
#include <banos/cxx.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/string.h>
#include <banos/work.h>
#include "check.h"

namespace
{

banos_owner driver;
uint32_t alive, built[3];

/* Counts the objects that exist. */
class Counted
{
      public:
	explicit Counted(uint32_t number) : number(number)
	{
		alive++;
	}
	virtual ~Counted()
	{
		alive--;
	}
	virtual uint64_t value() const
	{
		return number;
	}

      protected:
	uint32_t number;
};

class Square : public Counted
{
      public:
	explicit Square(uint32_t side) : Counted(side), name(0)
	{
	}
	virtual ~Square()
	{
		name = 1;
	}
	virtual uint64_t value() const
	{
		return static_cast<uint64_t>(number) * number;
	}

      private:
	uint32_t name;
};

/* Static objects are made in the order of their declarations, before init(). */
class Ordered
{
      public:
	explicit Ordered(uint32_t at)
	{
		built[at] = ++next;
	}

      private:
	static uint32_t next;
};
uint32_t Ordered::next;
Ordered first(0), second(1), third(2);
Square fixed(7);

template <typename T, uint32_t SIZE> class Ring
{
      public:
	Ring() : head(0), count(0)
	{
	}
	bool put(const T &value)
	{
		if (count == SIZE)
			return false;
		items[(head + count++) % SIZE] = value;
		return true;
	}
	bool take(T &value)
	{
		if (!count)
			return false;
		value = items[head];
		head = (head + 1) % SIZE;
		count--;
		return true;
	}

      private:
	T items[SIZE];
	uint32_t head, count;
};

class Locked
{
      public:
	explicit Locked(banos_mutex *mutex) : mutex(mutex), error(banos_mutex_lock(mutex))
	{
	}
	~Locked()
	{
		if (!error)
			(void)banos_mutex_unlock(mutex);
	}

      private:
	banos_mutex *mutex;

      public:
	int64_t error;
};

void try_objects()
{
	Counted *shapes[4];
	uint64_t sum = 0;
	uint32_t i;

	CHECK(alive == 1 && built[0] == 1 && built[1] == 2 && built[2] == 3);
	for (i = 0; i < 4; i++)
		shapes[i] = i % 2 ? new (driver) Square(i + 1) : new (driver) Counted(i + 1);
	CHECK(alive == 5);
	for (i = 0; i < 4; i++)
		sum += shapes[i] ? shapes[i]->value() : 1000;
	CHECK(sum == 1 + 4 + 3 + 16);
	CHECK(reinterpret_cast<uint64_t>(shapes[0]) % 16 == 0);
	for (i = 0; i < 4; i++)
		delete shapes[i];
	CHECK(alive == 1 && fixed.value() == 49);
	CHECK(new (static_cast<banos_owner>(0)) Square(1) == 0);
}

void try_arrays()
{
	Square *row = static_cast<Square *>(0);
	uint8_t *bytes = new (driver) uint8_t[5000];

	CHECK(bytes != 0);
	memset(bytes, 0x3c, 5000);
	CHECK(bytes[4999] == 0x3c);
	delete[] bytes;
	delete row;
	CHECK(alive == 1);
}

void try_templates()
{
	Ring<uint64_t, 3> ring;
	uint64_t value = 0;

	CHECK(ring.put(10) && ring.put(20) && ring.put(30) && !ring.put(40));
	CHECK(ring.take(value) && value == 10);
	CHECK(ring.put(50));
	CHECK(ring.take(value) && ring.take(value) && ring.take(value) && value == 50);
	CHECK(!ring.take(value));
}

void try_locks()
{
	static banos_mutex mutex;

	CHECK(banos_mutex_init(driver, &mutex) == 0);
	{
		Locked lock(&mutex);

		CHECK(lock.error == 0 && banos_mutex_trylock(&mutex) == -EBUSY);
	}
	CHECK(banos_mutex_trylock(&mutex) == 0 && banos_mutex_unlock(&mutex) == 0);
	CHECK(banos_mutex_destroy(&mutex) == 0);
}

/* An object behind the context of a function in C. */
class Worker
{
      public:
	Worker() : calls(0)
	{
	}
	static int64_t enter(void *context)
	{
		return static_cast<Worker *>(context)->run();
	}
	static int64_t enter_callback(void *context, uint64_t arg1, uint64_t arg2, uint64_t arg3,
				      uint64_t arg4, uint64_t arg5)
	{
		(void)static_cast<Worker *>(context)->run();
		return static_cast<int64_t>(arg1 + arg2 + arg3 + arg4 + arg5);
	}
	volatile uint32_t calls;

      private:
	int64_t run()
	{
		calls = calls + 1;
		return 0;
	}
};

void try_callbacks()
{
	Worker worker;
	banos_work work = 0;
	banos_callback callback = 0;
	banos_callback_config config = banos_callback_config();

	CHECK(banos_work_create(driver, Worker::enter, &worker, &work) == 0);
	CHECK(banos_work_queue(work) == 1 && banos_work_wait(work) == 0 && worker.calls == 1);
	CHECK(banos_work_destroy(work) == 0);
	config.size = sizeof(config);
	config.function = Worker::enter_callback;
	config.context = &worker;
	CHECK(banos_callback_create(driver, &config, &callback) == 0);
	CHECK(banos_callback_call(callback, 1, 20, 300, 4000, 50000) == 54321);
	CHECK(worker.calls == 2 && banos_callback_close(callback) == 0);
}

int64_t objects_init(banos_owner self)
{
	driver = self;
	try_objects();
	try_arrays();
	try_templates();
	try_locks();
	try_callbacks();
	return check_verdict(self);
}

} // namespace

BANOS_DRIVER(conformance_objects, "1.0", "MIT", "Tests C++", objects_init, NULL);
