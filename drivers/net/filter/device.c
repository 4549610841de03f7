/* SPDX-License-Identifier: MIT */
/*
 * /dev/filter: the rules as text, and /dev/filter_connections: what is tracked. Both are for root.
 *
 * What is written to /dev/filter by one open file is a new set of rules, which replaces the old one as a whole when the file is
 * closed. A line that is wrong is logged, its write() fails with EINVAL, and the old set stays; so it does after every other error. A last
 * line without its end is read when the file is closed: if it is wrong, only the log tells. A set without rules whose policies are all
 * accept, as an empty line makes, ends the filter's work: everything passes, and nothing is tracked.
 */
#include "filter.h"
#include <banos/chardev.h>
#include <banos/errno.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include <banos/time.h>

#define SET_BYTES (sizeof(struct rule_set) + RULES_MAX * sizeof(struct rule))
#define CHUNK	  512u

/* One that was opened. A program may use it by several threads. */
struct rule_file {
	struct banos_mutex lock; /* guards what is written */
	struct rule_set *set;	 /* that is being written; NULL: none */
	bool wrong;
	uint32_t lines, length; /* of what of the current line has come */
	uint32_t at;		/* reading: the next rule or connection */
	char line[RULE_LINE_MAX];
};

/* ---- writing ---- */

/* @return -EINVAL, which the log explains */
static int64_t line_refuse(const struct rule_file *file, uint32_t line, const char *why)
{
	banos_print(filter_owner, "line %u of the rules: %s; the old ones stay", line, why);
	return -EINVAL;
}

/* @return 0, -EINVAL, -ENOSPC */
static int64_t line_take(struct rule_file *file)
{
	const char *why;
	struct rule rule;
	enum rule_line kind;

	file->line[file->length] = 0;
	file->length = 0;
	file->lines++;
	kind = rule_parse(file->line, &rule, &why);
	if (kind == RULE_WRONG)
		return line_refuse(file, file->lines, why);
	if (kind == RULE_POLICY)
		file->set->policies[rule.chain] = rule.action;
	if (kind != RULE_RULE)
		return 0;
	if (file->set->count >= RULES_MAX) {
		(void)line_refuse(file, file->lines, "there are too many");
		return -ENOSPC;
	}
	file->set->rules[file->set->count++] = rule;
	return 0;
}

static int64_t text_take(struct rule_file *file, const char *text, uint32_t length)
{
	int64_t error = 0;

	for (uint32_t i = 0; i < length && !error; i++) {
		if (text[i] == '\n')
			error = line_take(file);
		else if (!text[i] || file->length >= RULE_LINE_MAX - 1)
			error = line_refuse(file, file->lines + 1, "it is too long, or no text");
		else
			file->line[file->length++] = text[i];
	}
	return error;
}

/* Under the file's lock. */
static int64_t rules_take(struct rule_file *file, banos_buffer from, uint64_t length)
{
	uint64_t done = 0;

	if (file->wrong)
		return -EINVAL;
	if (!file->set)
		file->set = banos_alloc(filter_owner, SET_BYTES, 0);
	if (!file->set)
		return -ENOMEM;
	while (done < length) {
		char text[CHUNK];
		int64_t copied = banos_buffer_read(from, text, sizeof(text)), error;

		if (!copied)
			copied = -EIO;
		if (copied < 0)
			return copied;
		error = text_take(file, text, (uint32_t)copied);
		if (error)
			return error;
		done += (uint64_t)copied;
	}
	return (int64_t)done;
}

static int64_t rules_write(void *context, void *opened, banos_buffer from, uint64_t length,
			   uint64_t offset, uint32_t flags)
{
	struct rule_file *file = opened;
	int64_t result = banos_mutex_lock(&file->lock);

	if (result)
		return result;
	result = rules_take(file, from, length);
	if (result < 0)
		file->wrong = true; /* half of a set is never used */
	banos_mutex_unlock(&file->lock);
	return result;
}

/* ---- reading ---- */

static int64_t put_line(banos_buffer to, uint64_t *room, const char *line, uint32_t length)
{
	int64_t copied;

	if (!length || length > *room)
		return 0;
	copied = banos_buffer_write(to, line, length);
	if (copied > 0)
		*room -= (uint64_t)copied;
	return copied;
}

/* The line at @number: policies that are not accept, then rules. @return 0: there are no more; its length */
static uint32_t rules_line(uint32_t *number, char *line, uint32_t size)
{
	struct rule_set *set;
	uint32_t length = 0;
	struct rule policy = { 0 };

	banos_spin_lock(&filter_lock);
	set = filter.rules;
	while (set && *number < RULE_CHAINS && set->policies[*number] == RULE_ACCEPT)
		(*number)++;
	if (set && *number < RULE_CHAINS) {
		policy.chain = (uint8_t)*number;
		policy.action = set->policies[*number];
		memcpy(line, "policy ", 7);
		length = 7 + rule_format(&policy, line + 7, size - 7);
	} else if (set && *number - RULE_CHAINS < set->count) {
		length = rule_format(&set->rules[*number - RULE_CHAINS], line, size);
	}
	banos_spin_unlock(&filter_lock);
	if (length)
		line[length++] = '\n';
	return length;
}

static int64_t rules_read(void *context, void *opened, banos_buffer to, uint64_t length,
			  uint64_t offset, uint32_t flags)
{
	struct rule_file *file = opened;
	uint64_t room = length;
	char line[RULE_LINE_MAX + 2];

	for (;;) {
		uint32_t number = file->at, bytes = rules_line(&number, line, RULE_LINE_MAX);
		int64_t copied = put_line(to, &room, line, bytes);

		if (copied < 0)
			return copied;
		if (!copied)
			break;
		file->at = number + 1;
	}
	return (int64_t)(length - room);
}

static uint32_t key_format(const struct flow_key *key, char *line, uint32_t size)
{
	uint32_t length = 0;

	for (uint32_t i = 0; i < 2; i++) {
		const uint8_t *address = i ? key->to : key->from;
		uint32_t port = i ? key->to_port : key->from_port;
		char digits[8];
		uint32_t at = sizeof(digits);

		length += rule_format_address(address, key->family, line + length, size - length);
		do {
			digits[--at] = (char)('0' + port % 10);
			port /= 10;
		} while (port);
		digits[--at] = ' ';
		if (length + sizeof(digits) - at + 1 > size)
			return length;
		memcpy(line + length, digits + at, sizeof(digits) - at);
		length += (uint32_t)sizeof(digits) - at;
		line[length++] = ' ';
	}
	return length;
}

static const char *protocol_name(uint32_t protocol)
{
	if (protocol == FLOW_TCP)
		return "tcp  ";
	if (protocol == FLOW_UDP)
		return "udp  ";
	return "icmp ";
}

/* Protocol, state, who began with whom, and how answers look. */
static uint32_t connection_line(uint32_t *number, char *line, uint32_t size)
{
	static const char *const states[TRACK_STATES] = { "new ",     "answered ", "established ",
							  "closing ", "ended ",	   "reset " };
	uint64_t now_ns = banos_time_ns();
	uint32_t length = 0;

	banos_spin_lock(&filter_lock);
	for (; *number < filter.table.max && !length; (*number)++) {
		const struct track *track = &filter.table.tracks[*number];
		const char *state = states[track->state];

		if (!track->used || track->expires_ns <= now_ns)
			continue;
		memcpy(line, protocol_name(track->keys[0].protocol), 5);
		length = 5 + (uint32_t)strlen(state);
		memcpy(line + 5, state, strlen(state));
		length += key_format(&track->keys[0], line + length, size - length);
		length += key_format(&track->keys[1], line + length, size - length);
	}
	banos_spin_unlock(&filter_lock);
	if (length)
		line[length - 1] = '\n';
	return length;
}

static int64_t connections_read(void *context, void *opened, banos_buffer to, uint64_t length,
				uint64_t offset, uint32_t flags)
{
	struct rule_file *file = opened;
	uint64_t room = length;
	char line[RULE_LINE_MAX];

	for (;;) {
		uint32_t number = file->at, bytes = connection_line(&number, line, sizeof(line));
		int64_t copied = put_line(to, &room, line, bytes);

		if (copied < 0)
			return copied;
		if (!copied)
			break;
		file->at = number;
	}
	return (int64_t)(length - room);
}

/* ---- files ---- */

static int64_t filter_file_open(void *context, banos_call call, uint32_t flags, void **file)
{
	struct rule_file *fresh = banos_alloc(filter_owner, sizeof(*fresh), 0);
	int64_t error;

	if (!fresh)
		return -ENOMEM;
	error = banos_mutex_init(filter_owner, &fresh->lock);
	if (error)
		banos_free(filter_owner, fresh);
	else
		*file = fresh;
	return error;
}

static bool set_does_nothing(const struct rule_set *set)
{
	for (uint32_t i = 0; i < RULE_CHAINS; i++)
		if (set->policies[i] != RULE_ACCEPT)
			return false;
	return !set->count;
}

/* @return the old set */
static struct rule_set *rules_replace(struct rule_set *set)
{
	struct rule_set *old;

	banos_spin_lock(&filter_lock);
	filter_resolve(set);
	old = filter.rules;
	filter.rules = set;
	banos_spin_unlock(&filter_lock);
	return old;
}

static int64_t filter_file_release(void *context, void *opened)
{
	struct rule_file *file = opened;
	struct rule_set *set = file->set;

	if (set && !file->wrong && file->length && line_take(file))
		file->wrong = true;
	if (set && !file->wrong && set_does_nothing(set))
		banos_free(filter_owner, rules_replace(NULL));
	else if (set && !file->wrong)
		set = rules_replace(set);
	banos_free(filter_owner, set);
	banos_mutex_destroy(&file->lock);
	banos_free(filter_owner, file);
	return 0;
}

int64_t filter_devices_register(banos_owner self)
{
	static const struct banos_chardev_ops rules_ops = { .size = sizeof(rules_ops),
							    .open = filter_file_open,
							    .release = filter_file_release,
							    .read = rules_read,
							    .write = rules_write };
	static const struct banos_chardev_ops connections_ops = { .size = sizeof(connections_ops),
								  .open = filter_file_open,
								  .release = filter_file_release,
								  .read = connections_read };
	static const struct banos_chardev_config rules = { .size = sizeof(rules),
							   .major = BANOS_CHARDEV_ANY,
							   .mode = 0600,
							   .ops = &rules_ops,
							   .name = "filter" };
	static const struct banos_chardev_config connections = { .size = sizeof(connections),
								 .major = BANOS_CHARDEV_ANY,
								 .mode = 0400,
								 .ops = &connections_ops,
								 .name = "filter_connections" };
	int64_t error = banos_chardev_register(self, &rules, NULL);

	if (!error)
		error = banos_chardev_register(self, &connections, NULL);
	return error;
}
