// SPDX-License-Identifier: MIT
/*
 * Drivers and the functions they call: Banos alone. Of the files that lie beside this program.
 */
#include "bench.h"
#include <sys/ioctl.h>
#include <sys/stat.h>
#include "../../include/uapi/banos.h"
#include "operations.h"

#define NDRIVERS 50
static struct {
	char *data;
	size_t size;
} driver;
static long ids[NDRIVERS], nids;

static void read_driver(const char *name)
{
	struct stat info;
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%.*s%s", (int)(strrchr(self, '/') + 1 - self), self, name);
	fd = open(path, O_RDONLY);
	must(fd >= 0 && !fstat(fd, &info), path);
	driver.size = info.st_size;
	driver.data = malloc(driver.size);
	must(driver.data && read(fd, driver.data, driver.size) == info.st_size, path);
	close(fd);
}
static void trivial_driver(void)
{
	read_driver("trivial.ko");
}
static void large_driver(void)
{
	read_driver("functions.ko");
}

static void driver_install(long count)
{
	while (count--)
		ids[nids++] = CALL(SYS_banos_install, driver.data, driver.size);
}
static void driver_remove(long count)
{
	while (count--)
		must(!CALL(SYS_banos_remove, ids[--nids]), "banos_remove");
}
static void installed(void)
{
	trivial_driver();
	driver_install(NDRIVERS);
}
static void no_driver(void)
{
	driver_remove(nids);
	free(driver.data);
}

/* ---- functions of the driver API, called by a driver of ours ---- */

static void operations_begin(int hold, long held)
{
	read_driver("operations.ko");
	driver_install(1);
	must((fds[0] = open("/dev/operations", O_RDWR)) >= 0, "/dev/operations");
	must(!CALL(SYS_ioctl, fds[0], hold, held), "hold");
}
static void beside_10_allocations(void)
{
	operations_begin(HOLD_MEMORY, 10);
}
static void beside_4000_allocations(void)
{
	operations_begin(HOLD_MEMORY, 4000);
}
static void beside_10_mutexes(void)
{
	operations_begin(HOLD_MUTEXES, 10);
}
static void beside_10000_mutexes(void)
{
	operations_begin(HOLD_MUTEXES, 10000);
}
static void beside_10_timers(void)
{
	operations_begin(HOLD_TIMERS, 10);
}
static void beside_1000_timers(void)
{
	operations_begin(HOLD_TIMERS, 1000);
}
static void beside_nothing(void)
{
	operations_begin(HOLD_MEMORY, 0);
}
static void beside_exporter(void)
{
	read_driver("exporter.ko");
	driver_install(1);
	free(driver.data);
	beside_nothing();
}
static void operations_end(void)
{
	close_all();
	no_driver();
}

static void driver_method(long count)
{
	while (count--)
		CALL(SYS_ioctl, fds[0], OPERATION_NOTHING, 0);
}

#define OPERATION(name, command)                                                   \
	static void name(long count)                                               \
	{                                                                          \
		must(!CALL(SYS_ioctl, fds[0], command, count), "/dev/operations"); \
	}
OPERATION(api_alloc, OPERATION_ALLOC)
OPERATION(api_alloc_pages, OPERATION_ALLOC_PAGES)
OPERATION(api_mutex_init, OPERATION_MUTEX_INIT)
OPERATION(api_wait_init, OPERATION_WAIT_INIT)
OPERATION(api_timer_create, OPERATION_TIMER_CREATE)
OPERATION(api_timer_start, OPERATION_TIMER_START)
OPERATION(api_mutex, OPERATION_MUTEX)
OPERATION(api_spin, OPERATION_SPIN)
OPERATION(api_wake, OPERATION_WAKE)
OPERATION(driver_call, OPERATION_CALL)
OPERATION(driver_call_handle, OPERATION_CALL_HANDLE)
OPERATION(driver_callback, OPERATION_CALLBACK)

static const struct row rows[] = {
	{ "driver_install", NDRIVERS, driver_install, trivial_driver, no_driver },
	{ "driver_remove", NDRIVERS, driver_remove, installed, no_driver },
	{ "driver_install_1000", 4, driver_install, large_driver, no_driver },
	{ "driver_method", 1000, driver_method, beside_nothing, operations_end },
	{ "driver_call", 10000, driver_call, beside_exporter, operations_end },
	{ "driver_call_handle", 10000, driver_call_handle, beside_exporter, operations_end },
	{ "driver_callback", 10000, driver_callback, beside_exporter, operations_end },
	{ "api_alloc_10", 1000, api_alloc, beside_10_allocations, operations_end },
	{ "api_alloc_4000", 1000, api_alloc, beside_4000_allocations, operations_end },
	{ "api_alloc_pages_10", 1000, api_alloc_pages, beside_10_allocations, operations_end },
	{ "api_alloc_pages_4000", 1000, api_alloc_pages, beside_4000_allocations, operations_end },
	{ "api_mutex_init_10", 1000, api_mutex_init, beside_10_mutexes, operations_end },
	{ "api_mutex_init_10000", 1000, api_mutex_init, beside_10000_mutexes, operations_end },
	{ "api_wait_init_10", 1000, api_wait_init, beside_10_mutexes, operations_end },
	{ "api_wait_init_10000", 1000, api_wait_init, beside_10000_mutexes, operations_end },
	{ "api_timer_create_10", 1000, api_timer_create, beside_10_timers, operations_end },
	{ "api_timer_create_1000", 1000, api_timer_create, beside_1000_timers, operations_end },
	{ "api_timer_start_10", 1000, api_timer_start, beside_10_timers, operations_end },
	{ "api_timer_start_1000", 1000, api_timer_start, beside_1000_timers, operations_end },
	{ "api_mutex", 1000, api_mutex, beside_10_mutexes, operations_end },
	{ "api_spin", 1000, api_spin, beside_10_mutexes, operations_end },
	{ "api_wake_10", 1000, api_wake, beside_10_mutexes, operations_end },
	{ "api_wake_10000", 1000, api_wake, beside_10000_mutexes, operations_end },
};
const struct group driver_group = { "drivers", rows, NELEMS(rows) };
