// SPDX-License-Identifier: MIT
/*
 * Parameters: "name=value name=value ...", as of insmod and, with the driver's
 * name in front, of the kernel's command line. Values are written into the
 * driver's own variables before init() runs. All of them are checked, and
 * everything wrong is said; then the driver is not installed.
 */
#include <kernel/cmdline.h>
#include <kernel/err.h>
#include <kernel/loader.h>
#include <kernel/string.h>

/* Only those that can be set; of the others check_records() told. */
static const struct banos_param_record *next_param(const struct param_target *target, u64 *pos)
{
	const struct record_header *header;

	while ((header = record_next(target->records, target->size, pos)))
		if (header->kind == BANOS_RECORD_PARAM &&
		    param_consistent((const struct banos_param_record *)header))
			return (const struct banos_param_record *)header;
	return NULL;
}

/* The one thing that relocation makes: all else is read where nothing can change it after it was checked. */
static u64 variable_address(const struct param_target *target,
			    const struct banos_param_record *record)
{
	u64 pos = (const u8 *)record - target->records;

	return (u64)((const struct banos_param_record *)(target->relocated + pos))->variable;
}

static int check_variables(struct report *report, const struct param_target *target)
{
	const struct banos_param_record *record;
	u64 pos = 0;
	int err = 0;

	while ((record = next_param(target, &pos))) {
		u64 addr = variable_address(target, record);

		if (addr < target->data || addr - target->data > target->data_size ||
		    record->bytes > target->data_size - (addr - target->data))
			err = report_add(report, -ENOEXEC,
					 "the variable of parameter %s lies outside of its data",
					 record->name);
	}
	return err;
}

static bool word_is(const struct cmdline_word *word, const char *text)
{
	return word->val_len == strlen(text) && !memcmp(word->val, text, word->val_len);
}

static int parse_bool(const struct cmdline_word *word, u8 *out)
{
	static const char *const words[][6] = {
		{ "0", "n", "N", "no", "off", "false" },
		{ "1", "y", "Y", "yes", "on", "true" },
	};

	if (!word->val) {
		*out = 1;
		return 0;
	}
	for (u32 value = 0; value < 2; value++)
		for (u32 i = 0; i < ARRAY_SIZE(words[value]); i++)
			if (word_is(word, words[value][i])) {
				*out = value;
				return 0;
			}
	return -EINVAL;
}

static int param_parse_number(const struct banos_param_record *record,
			      const struct cmdline_word *word, u64 *out)
{
	char text[32];
	u64 unsigned_value;
	s64 signed_value;

	if (!word->val || word->val_len >= sizeof(text))
		return -EINVAL;
	memcpy(text, word->val, word->val_len);
	text[word->val_len] = 0;
	if (record->type == BANOS_PARAM_U64_TYPE) {
		if (parse_u64(text, 0, &unsigned_value) || unsigned_value < (u64)record->min ||
		    unsigned_value > (u64)record->max)
			return -EINVAL;
		*out = unsigned_value;
		return 0;
	}
	if (parse_s64(text, 0, &signed_value) || signed_value < record->min ||
	    signed_value > record->max)
		return -EINVAL;
	*out = signed_value;
	return 0;
}

static int bad_value(struct report *report, const struct banos_param_record *record,
		     const struct cmdline_word *word)
{
	int name_len = MIN(word->val_len, 48ul);
	const char *value = word->val ?: "";

	switch (record->type) {
	case BANOS_PARAM_BOOL_TYPE:
		return report_add(report, -EINVAL, "parameter %s must be yes or no, not \"%.*s\"",
				  record->name, name_len, value);
	case BANOS_PARAM_TEXT_TYPE:
		return report_add(report, -EINVAL, "parameter %s takes a text of at most %u bytes",
				  record->name, record->bytes - 1);
	case BANOS_PARAM_U64_TYPE:
		return report_add(report, -EINVAL,
				  "parameter %s must be a number from %lu to %lu, not \"%.*s\"",
				  record->name, (unsigned long)record->min,
				  (unsigned long)record->max, name_len, value);
	default:
		return report_add(report, -EINVAL,
				  "parameter %s must be a number from %ld to %ld, not \"%.*s\"",
				  record->name, (long)record->min, (long)record->max, name_len,
				  value);
	}
}

static int set_one(struct report *report, const struct param_target *target,
		   const struct banos_param_record *record, const struct cmdline_word *word)
{
	u8 *variable = target->mem + (variable_address(target, record) - target->data), flag;
	u64 number;

	switch (record->type) {
	case BANOS_PARAM_BOOL_TYPE:
		if (parse_bool(word, &flag))
			return bad_value(report, record, word);
		*variable = flag;
		return 0;
	case BANOS_PARAM_TEXT_TYPE:
		if (!word->val || word->val_len >= record->bytes)
			return bad_value(report, record, word);
		memcpy(variable, word->val, word->val_len);
		memset(variable + word->val_len, 0, record->bytes - word->val_len);
		return 0;
	default:
		/* The record may have wider bounds than the type of the variable. */
		if (param_parse_number(record, word, &number) ||
		    (record->type == BANOS_PARAM_U32_TYPE && number != (u32)number) ||
		    (record->type == BANOS_PARAM_I32_TYPE && number != (u64)(s64)(s32)number))
			return bad_value(report, record, word);
		memcpy(variable, &number, record->bytes);
		return 0;
	}
}

/* Names in parameters may be written with - for _, as modprobe does. */
static bool key_is(const struct cmdline_word *word, const char *name)
{
	if (word->key_len != strlen(name))
		return false;
	for (size_t i = 0; i < word->key_len; i++) {
		char letter = word->key[i];

		if (letter == '-')
			letter = '_';
		if (letter != name[i])
			return false;
	}
	return true;
}

static int param_unknown(struct report *report, const struct param_target *target,
			 const struct cmdline_word *word)
{
	const struct banos_param_record *record;
	char list[128] = "";
	u64 pos = 0;
	int name_len = 0;

	while ((record = next_param(target, &pos)) && name_len < (int)sizeof(list) - 36)
		name_len += snprintf(list + name_len, sizeof(list) - name_len, "%s%s",
				     name_len ? ", " : "", record->name);
	return report_add(report, -EINVAL, "has no parameter %.*s%s%s",
			  (int)MIN(word->key_len, 48ul), word->key, name_len ? "; it has " : "",
			  list);
}

int params_apply(struct report *report, const struct param_target *target, const char *params)
{
	struct cmdline_word word;
	int err = check_variables(report, target);

	if (err || !params)
		return err;
	while (cmdline_next(&params, &word)) {
		const struct banos_param_record *record;
		u64 pos = 0;
		int bad;

		while ((record = next_param(target, &pos)) && !key_is(&word, record->name))
			;
		if (record)
			bad = set_one(report, target, record, &word);
		else
			bad = param_unknown(report, target, &word);
		first_error(&err, bad);
	}
	return err;
}

int set_parameters(struct loader *l)
{
	struct param_target target = {
		.records = l->records,
		.relocated = l->relocated,
		.size = l->records_size,
		.data = l->image.addr + l->image.part_offset[PART_DATA],
		.data_size = l->image.part_size[PART_DATA],
		.mem = l->image.mem + l->image.part_offset[PART_DATA],
	};

	return params_apply(l->report, &target, l->params);
}
