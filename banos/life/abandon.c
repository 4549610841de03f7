// SPDX-License-Identifier: MIT
/* Abandoning calls of drivers, for test: gate_abandon=NAME:N, and /proc/banos/abandon. See kernel/cross_abandon.c. */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/fs/proc.h>
#include <kernel/printk.h>
#include <kernel/test_options.h>
#include <kernel/wall.h>

#define ABANDON_TEXT_SIZE 80

static int show_abandon(struct seq_file *seq, void *arg)
{
	cross_abandon_show(seq);
	return 0;
}

static int write_abandon(char *text, size_t len, void *arg)
{
	int err = driver_check_privilege(DRIVER_REQUEST_MANAGE);

	if (err)
		return err;
	if (len && text[len - 1] == '\n')
		text[len - 1] = 0;
	return cross_abandon_set(text);
}

void abandon_init(void)
{
	char text[ABANDON_TEXT_SIZE];

	if (option_value(&opt_gate_abandon, text, sizeof(text)) > 0 && cross_abandon_set(text))
		pr_warn("banos: gate_abandon= is not NAME:N\n");
	proc_create_rw("banos/abandon", 0600, show_abandon, write_abandon, NULL);
}
