// SPDX-License-Identifier: MIT
/*
 * Odd reads and writes of /proc and /sys: any file of which the supervisor made a list,
 * at odd places and in odd pieces, and texts that are nearly what is expected.
 */
#include <fcntl.h>
#include "fuzz.h"

/* clang-format off */
static const char *const texts[] = {
	"", "\n", "0", "1", "-1", "2\n", "100", "4096", "65536", "2147483647", "-2147483648", "4294967295", "18446744073709551615",
	"99999999999999999999", "0x10", "1 2 3", "1000 1000 1000", "on", "off", "y", "N\n", "a", "%s%s%n", "/", "core", "self", "\t 7 ",
	"0-3", "3-0", "0,1,2", "banos", "user\0x",
};
/* clang-format on */

static size_t text_size(const char *text)
{
	size_t size = 0;

	while (text[size])
		size++;
	return size;
}

/* Root's numbers in these would end the run, not the kernel. */
static bool may_write(const char *name)
{
	static const char *const no[] = { "sysrq",  "panic",	"lock",	   "vm/fail",	 "reboot",
					  "printk", "kmemleak", "pid_max", "threads-max" };

	for (size_t offset = 0; name[offset]; offset++)
		for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
			size_t same = 0;

			while (no[i][same] && no[i][same] == name[offset + same])
				same++;
			if (!no[i][same])
				return false;
		}
	return true;
}

void tree_call(struct worker *worker)
{
	const char *name;
	const char *text = texts[random_below(&worker->random, ARRAY_SIZE(texts))];
	int64_t fd;

	if (!control->nr_tree_files)
		return;
	name = control->tree_files[random_below(&worker->random, control->nr_tree_files)];
	control->tree_accesses++;
	fd = RAW(SYS_open, name, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
	if (fd < 0)
		fd = RAW(SYS_open, name,
			 (one_in(&worker->random, 2) ? O_RDONLY : O_WRONLY) | O_NONBLOCK |
				 O_CLOEXEC,
			 0);
	if (fd < 0)
		return;
	for (uint32_t i = 0; i <= random_below(&worker->random, 4); i++) {
		uint64_t args[6] = { (uint64_t)fd, (uint64_t)value_scratch(worker, 256), 0 };

		switch (random_below(&worker->random, 6)) {
		case 0:
			if (!may_write(name))
				break;
			args[1] = (uint64_t)text;
			args[2] = text_size(text);
			worker_call(worker, SYS_write, args);
			break;
		case 1:
			if (!may_write(name))
				break;
			args[1] = value_of(worker, BYTES);
			args[2] = value_of(worker, LENGTH);
			args[3] = value_of(worker, OFFSET);
			worker_call(worker, SYS_pwrite64, args);
			break;
		case 2:
			args[1] = value_of(worker, OFFSET);
			worker_call(worker, SYS_lseek, args);
			break;
		case 3:
			args[1] = value_of(worker, BYTES);
			args[2] = value_of(worker, LENGTH);
			args[3] = value_of(worker, OFFSET);
			worker_call(worker, SYS_pread64, args);
			break;
		default:
			args[2] = 1 + random_below(&worker->random, 5000);
			worker_call(worker, SYS_read, args);
		}
	}
	RAW(SYS_close, fd);
}
