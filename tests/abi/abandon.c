// SPDX-License-Identifier: MIT
/*
 * Abandons calls of a driver, one after the other; linked with drive.c.
 *
 *	init=/drive -- abandon=NAME [from=N] [step=N] [to=N]
 *
 * All files of /drivers are driven together, again and again: with the first crossing of the driver
 * NAME abandoned (kernel/cross_abandon.c), which may make anything of what they do fail, and then as
 * drive.c does it, when all has to pass; then the second crossing, and so on until the
 * driver has no more. In between no driver may be left, and at the end memory is as it was. step=: each Nth one.
 */
#include <uapi/banos.h>
#include "drive.h"

#define WAIT_MS 20000
/* After how many crossings memory is looked at: the kernel keeps some copies of what crossed. */
#define SLACK_TIMES  4u
#define STEADY_TIMES 64u

static char abandon_name[64];
static uint32_t first_crossing = 1, last_crossing = ~0u, step = 1;

static uint32_t number_of(const char *text)
{
	uint32_t number = 0;

	while (*text >= '0' && *text <= '9')
		number = number * 10 + (uint32_t)(*text++ - '0');
	return number;
}

static void take_argument(const char *text)
{
	if (text_begins(text, "abandon="))
		memcpy(abandon_name, text + 8, strlen(text + 8) + 1);
	if (text_begins(text, "from="))
		first_crossing = number_of(text + 5);
	if (text_begins(text, "to="))
		last_crossing = number_of(text + 3);
	if (text_begins(text, "step="))
		step = number_of(text + 5);
}

static char *number_append(char *end, uint32_t number)
{
	if (number >= 10)
		end = number_append(end, number / 10);
	*end++ = (char)('0' + number % 10);
	*end = 0;
	return end;
}

/* @number 0: none */
static void abandon_arm(uint32_t number)
{
	char text[80];
	char *end = text;
	int64_t file = call3(SYS_OPEN, (uint64_t) "/proc/banos/abandon", O_WRONLY, 0);

	memcpy(text, abandon_name, strlen(abandon_name));
	end += strlen(abandon_name);
	*end++ = ':';
	end = number_append(end, number);
	*end++ = '\n';
	if (call3(SYS_WRITE, (uint64_t)file, (uint64_t)text, (uint64_t)(end - text)) != end - text)
		tap(0, abandon_name, "is to be abandoned");
	call3(SYS_CLOSE, (uint64_t)file, 0, 0);
}

/* Page tables of the kernel's own ranges are not freed: each range lies behind the last one. */
static int64_t memory_left_kib(void)
{
	return memory_kib("MemFree:") + memory_kib("PageTables:");
}

/* But for those of the kernel's image. */
static uint32_t count_installed(void)
{
	static struct banos_query query;
	uint32_t count = 0;

	for (int64_t id = 0; id >= 0; id++) {
		id = call3(SYS_banos_query, (uint64_t)id, (uint64_t)&query, sizeof(query));
		if (id < 0)
			break;
		count += !query.builtin;
	}
	return count;
}

/* A kernel's thread removes what has failed. */
static int all_are_gone(void)
{
	for (uint32_t waited = 0; waited < WAIT_MS; waited += 10) {
		if (!count_installed())
			return 1;
		sleep_ms(10);
	}
	return 0;
}

/* @return 0: the driver has no such crossing, or it stayed */
static int abandon_one(int64_t kmsg, uint32_t number)
{
	int done, gone;

	print("# abandon ");
	print_number(number);
	print("\n");
	abandon_arm(number);
	drive_quietly(kmsg);
	gone = all_are_gone();
	read_text("/proc/banos/abandon");
	done = !!text_find(file_text, ", abandoned");
	abandon_arm(0);
	if (!gone)
		tap(0, abandon_name, "is removed after it was abandoned");
	if (done && gone)
		drive_group(kmsg, 0, driver_count);
	return done && gone;
}

void drive_otherwise(int64_t kmsg, int argc, char **argv)
{
	uint32_t number, times = 0;
	int64_t before = 0;

	for (int i = 1; i < argc; i++)
		take_argument(argv[i]);
	for (number = first_crossing; number <= last_crossing; number += step) {
		if (!abandon_one(kmsg, number))
			break;
		times++;
		if (times == SLACK_TIMES || times == STEADY_TIMES)
			before = memory_left_kib();
	}
	print("# crossings abandoned: ");
	print_number(times);
	print("\n");
	tap(times > 0, abandon_name, "was abandoned");
	if (before)
		judge_memory(before, memory_left_kib());
}
