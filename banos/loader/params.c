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
static const struct banos_param_record *next_param(const struct param_target *t, u64 *at)
{
	const struct record_header *h;

	while ((h = record_next(t->records, t->size, at)))
		if (h->kind == BANOS_RECORD_PARAM &&
		    param_consistent((const struct banos_param_record *)h))
			return (const struct banos_param_record *)h;
	return NULL;
}

/* The one thing that relocation makes: all else is read where nothing can change it after it was checked. */
static u64 variable_address(const struct param_target *t, const struct banos_param_record *p)
{
	u64 at = (const u8 *)p - t->records;

	return (u64)((const struct banos_param_record *)(t->relocated + at))->variable;
}

static int check_variables(struct report *r, const struct param_target *t)
{
	const struct banos_param_record *p;
	u64 at = 0;
	int err = 0;

	while ((p = next_param(t, &at))) {
		u64 addr = variable_address(t, p);

		if (addr < t->data || addr - t->data > t->data_size ||
		    p->bytes > t->data_size - (addr - t->data))
			err = report_add(r, -ENOEXEC,
					 "the variable of parameter %s lies outside of its data",
					 p->name);
	}
	return err;
}

static bool word_is(const struct cmdline_word *w, const char *text)
{
	return w->val_len == strlen(text) && !memcmp(w->val, text, w->val_len);
}

static int parse_bool(const struct cmdline_word *w, u8 *out)
{
	static const char *const words[][6] = {
		{ "0", "n", "N", "no", "off", "false" },
		{ "1", "y", "Y", "yes", "on", "true" },
	};

	if (!w->val) {
		*out = 1;
		return 0;
	}
	for (u32 v = 0; v < 2; v++)
		for (u32 i = 0; i < ARRAY_SIZE(words[v]); i++)
			if (word_is(w, words[v][i])) {
				*out = v;
				return 0;
			}
	return -EINVAL;
}

static int parse_number(const struct banos_param_record *p, const struct cmdline_word *w, u64 *out)
{
	char text[32];
	u64 u;
	s64 s;

	if (!w->val || w->val_len >= sizeof(text))
		return -EINVAL;
	memcpy(text, w->val, w->val_len);
	text[w->val_len] = 0;
	if (p->type == BANOS_PARAM_U64_TYPE) {
		if (parse_u64(text, 0, &u) || u < (u64)p->min || u > (u64)p->max)
			return -EINVAL;
		*out = u;
		return 0;
	}
	if (parse_s64(text, 0, &s) || s < p->min || s > p->max)
		return -EINVAL;
	*out = s;
	return 0;
}

static int bad_value(struct report *r, const struct banos_param_record *p,
		     const struct cmdline_word *w)
{
	int n = MIN(w->val_len, 48ul);
	const char *v = w->val ?: "";

	switch (p->type) {
	case BANOS_PARAM_BOOL_TYPE:
		return report_add(r, -EINVAL, "parameter %s is yes or no, not \"%.*s\"", p->name, n,
				  v);
	case BANOS_PARAM_TEXT_TYPE:
		return report_add(r, -EINVAL, "parameter %s takes a text of at most %u bytes",
				  p->name, p->bytes - 1);
	case BANOS_PARAM_U64_TYPE:
		return report_add(r, -EINVAL,
				  "parameter %s is a number from %lu to %lu, not \"%.*s\"", p->name,
				  (unsigned long)p->min, (unsigned long)p->max, n, v);
	default:
		return report_add(r, -EINVAL,
				  "parameter %s is a number from %ld to %ld, not \"%.*s\"", p->name,
				  (long)p->min, (long)p->max, n, v);
	}
}

static int set_one(struct report *r, const struct param_target *t,
		   const struct banos_param_record *p, const struct cmdline_word *w)
{
	u8 *variable = t->mem + (variable_address(t, p) - t->data), flag;
	u64 number;

	switch (p->type) {
	case BANOS_PARAM_BOOL_TYPE:
		if (parse_bool(w, &flag))
			return bad_value(r, p, w);
		*variable = flag;
		return 0;
	case BANOS_PARAM_TEXT_TYPE:
		if (!w->val || w->val_len >= p->bytes)
			return bad_value(r, p, w);
		memcpy(variable, w->val, w->val_len);
		memset(variable + w->val_len, 0, p->bytes - w->val_len);
		return 0;
	default:
		/* Whoever wrote the record may have set wider bounds than the variable has. */
		if (parse_number(p, w, &number) ||
		    (p->type == BANOS_PARAM_U32_TYPE && number != (u32)number) ||
		    (p->type == BANOS_PARAM_I32_TYPE && number != (u64)(s64)(s32)number))
			return bad_value(r, p, w);
		memcpy(variable, &number, p->bytes);
		return 0;
	}
}

/* Names in parameters may be written with - for _, as modprobe does. */
static bool key_is(const struct cmdline_word *w, const char *name)
{
	if (w->key_len != strlen(name))
		return false;
	for (size_t i = 0; i < w->key_len; i++)
		if ((w->key[i] == '-' ? '_' : w->key[i]) != name[i])
			return false;
	return true;
}

static int unknown(struct report *r, const struct param_target *t, const struct cmdline_word *w)
{
	const struct banos_param_record *p;
	char list[128] = "";
	u64 at = 0;
	int n = 0;

	while ((p = next_param(t, &at)) && n < (int)sizeof(list) - 36)
		n += snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "", p->name);
	return report_add(r, -EINVAL, "has no parameter %.*s%s%s", (int)MIN(w->key_len, 48ul),
			  w->key, n ? "; it has " : "", list);
}

int params_apply(struct report *r, const struct param_target *t, const char *params)
{
	struct cmdline_word w;
	int err = check_variables(r, t);

	if (err || !params)
		return err;
	while (cmdline_next(&params, &w)) {
		const struct banos_param_record *p;
		u64 at = 0;
		int bad;

		while ((p = next_param(t, &at)) && !key_is(&w, p->name))
			;
		bad = p ? set_one(r, t, p, &w) : unknown(r, t, &w);
		err = err ?: bad;
	}
	return err;
}

int set_parameters(struct loader *l)
{
	struct param_target t = {
		.records = l->records,
		.relocated = l->where[l->driver_section].mem,
		.size = l->sections[l->driver_section].sh_size,
		.data = l->image.addr + l->image.part_offset[PART_DATA],
		.data_size = l->image.part_size[PART_DATA],
		.mem = l->image.mem + l->image.part_offset[PART_DATA],
	};

	return params_apply(l->report, &t, l->params);
}
