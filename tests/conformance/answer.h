/* SPDX-License-Identifier: MIT */
/**
 * @file answer.h  For self-testing drivers with a character device: what a program reads from it.
 */
#ifndef CONFORMANCE_ANSWER_H
#define CONFORMANCE_ANSWER_H

#include <banos/chardev.h>
#include <banos/print.h>
#include <banos/user.h>
#include "check.h"

/** For read(): "PASS: 17 checks", or the first that did not hold. @return the result of the method */
static int64_t answer_program(banos_buffer to, uint64_t length)
{
	char text[128];
	int64_t bytes;

	if (check_failed)
		bytes = banos_format(text, sizeof(text), "FAIL: line %u: %s\n", check_line,
				     check_failed);
	else
		bytes = banos_format(text, sizeof(text), "PASS: %u checks\n", check_count);
	if (bytes > (int64_t)sizeof(text) - 1)
		bytes = sizeof(text) - 1;
	return banos_buffer_write(to, text, (uint64_t)bytes < length ? (uint64_t)bytes : length);
}

/** Register a device that anybody may open, by the name of @p ops' driver. @return as banos_chardev_register() */
static int64_t answer_register(banos_owner owner, const char *name,
			       const struct banos_chardev_ops *ops, banos_chardev *device)
{
	struct banos_chardev_config config;
	uint32_t i;

	for (i = 0; i < sizeof(config); i++)
		((volatile char *)&config)[i] = 0;
	config.size = sizeof(config);
	config.major = BANOS_CHARDEV_ANY;
	config.mode = 0666;
	config.context = (void *)ops;
	config.ops = ops;
	for (i = 0; name[i] && i < sizeof(config.name) - 1; i++)
		config.name[i] = name[i];
	return banos_chardev_register(owner, &config, device);
}

#endif
