/* SPDX-License-Identifier: MIT */
/*
 * Rules of the failure injector: their text, and what they decide.
 *
 *	heap+page,every=50,skip=1000
 *	all,prob=200,seed=7,times=10,task=sh
 *	range,nth=3,in=thread_create,log
 *
 * A decision depends on nothing but the rule and the number of the call, so
 * a run can be repeated.
 */
#include <kernel/err.h>
#include <kernel/fault_rule.h>
#include <kernel/string.h>

static const char *const site_names[FAULT_SITES] = {
	[FAULT_PAGE] = "page", [FAULT_USER] = "user",	[FAULT_TABLE] = "table",
	[FAULT_HEAP] = "heap", [FAULT_RANGE] = "range",
};

const char *fault_site_name(enum fault_site site)
{
	return site_names[site];
}

/* ---- text ---- */

struct slice {
	const char *at;
	size_t len;
};

/* Cut off the text before @sep, or all of it. @return false: nothing is left */
static bool slice_next(struct slice *rest, char sep, struct slice *out)
{
	const char *end;

	if (!rest->at)
		return false;
	end = memchr(rest->at, sep, rest->len);
	out->at = rest->at;
	if (!end) {
		*out = *rest;
		*rest = (struct slice){ NULL, 0 };
		return true;
	}
	out->len = end - rest->at;
	rest->len -= out->len + 1;
	rest->at = end + 1;
	return true;
}

static bool slice_is(const struct slice *slice, const char *word)
{
	return slice->len == strlen(word) && !memcmp(slice->at, word, slice->len);
}

static bool slice_copy(const struct slice *slice, char *out, size_t size)
{
	if (!slice->len || slice->len >= size)
		return false;
	memcpy(out, slice->at, slice->len);
	out[slice->len] = 0;
	return true;
}

static bool parse_sites(struct slice text, u32 *out)
{
	struct slice word;

	*out = 0;
	while (slice_next(&text, '+', &word)) {
		u32 bits = slice_is(&word, "all") ? (1u << FAULT_SITES) - 1 : 0;

		for (u32 i = 0; i < FAULT_SITES; i++)
			if (slice_is(&word, site_names[i]))
				bits = 1u << i;
		if (!bits)
			return false;
		*out |= bits;
	}
	return *out;
}

static bool rule_parse_number(struct fault_rule *rule, const struct slice *key,
			      const struct slice *value)
{
	char digits[24];
	u64 number;

	if (!slice_copy(value, digits, sizeof(digits)) || parse_u64(digits, 10, &number))
		return false;
	if (slice_is(key, "skip"))
		rule->skip = number;
	else if (slice_is(key, "seed"))
		rule->seed = number;
	else if (!number)
		return false; /* the rest begins with 1 */
	else if (slice_is(key, "every"))
		rule->every = number;
	else if (slice_is(key, "prob"))
		rule->prob = number;
	else if (slice_is(key, "times"))
		rule->times = number;
	else if (slice_is(key, "nth")) {
		rule->skip = number - 1;
		rule->times = 1;
	} else {
		return false;
	}
	return true;
}

static bool rule_parse_option(struct fault_rule *rule, struct slice word)
{
	struct slice key, value;

	slice_next(&word, '=', &key);
	value = word;
	if (!value.at) {
		rule->log |= slice_is(&key, "log");
		return slice_is(&key, "log");
	}
	if (slice_is(&key, "in"))
		return slice_copy(&value, rule->in, sizeof(rule->in));
	if (slice_is(&key, "task"))
		return slice_copy(&value, rule->task, sizeof(rule->task));
	if (slice_is(&key, "from")) {
		rule->from_boot = slice_is(&value, "boot");
		return rule->from_boot;
	}
	return rule_parse_number(rule, &key, &value);
}

int fault_rule_parse(const char *text, size_t len, struct fault_rule *out, const char **error)
{
	struct slice rest = { text, len }, word;

	*out = (struct fault_rule){ .every = 1 };
	*error = "the rule is empty or too long";
	if (!slice_copy(&rest, out->text, sizeof(out->text)))
		return -EINVAL;
	*error =
		"a rule begins with a site: page, user, table, heap, range, all, or several joined by +";
	slice_next(&rest, ',', &word);
	if (!parse_sites(word, &out->sites))
		return -EINVAL;
	*error =
		"the options are nth=N, every=N, skip=N, times=N, prob=N, seed=N, in=FUNCTION, task=NAME, from=boot, log";
	while (slice_next(&rest, ',', &word))
		if (!rule_parse_option(out, word))
			return -EINVAL;
	*error = NULL;
	return 0;
}

/* ---- decision ---- */

/* A number that looks drawn by lot (Steele, Lea, Flood: SplitMix64, OOPSLA 2014). */
static u64 random_mix(u64 state)
{
	state += 0x9e3779b97f4a7c15ull;
	state = (state ^ state >> 30) * 0xbf58476d1ce4e5b9ull;
	state = (state ^ state >> 27) * 0x94d049bb133111ebull;
	return state ^ state >> 31;
}

bool fault_rule_hits(const struct fault_rule *rule, u64 number)
{
	if (number <= rule->skip)
		return false;
	number -= rule->skip;
	if (rule->prob)
		return random_mix(rule->seed ^ random_mix(number)) % rule->prob == 0;
	/* nth=N: the first behind what is skipped; every=N: the Nth, the 2Nth ... */
	return number % rule->every == 0;
}
