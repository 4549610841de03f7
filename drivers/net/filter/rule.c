/* SPDX-License-Identifier: MIT */
/* Lines of text, and what they match: rule.h. */
#include "rule.h"
#include <banos/string.h>

static const char *const chain_names[RULE_CHAINS] = { "input", "forward", "output", "prerouting",
						      "postrouting" };
static const char *const action_names[] = {
	"accept", "drop", "reject", "masquerade", "snat", "dnat"
};
static const char *const state_names[] = { "new", "established", "related", "invalid" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- words ---- */

static bool rule_is_blank(char letter)
{
	return letter == ' ' || letter == '\t' || letter == '\r';
}

/* @return how long the next word is; *@at: its beginning */
static uint32_t word_next(const char **at)
{
	uint32_t length = 0;

	while (rule_is_blank(**at))
		(*at)++;
	while ((*at)[length] && (*at)[length] != '#' && !rule_is_blank((*at)[length]))
		length++;
	return length;
}

static bool word_is_name(const char *word, uint32_t length, const char *name)
{
	for (uint32_t i = 0; i < length; i++)
		if (!name[i] || word[i] != name[i])
			return false;
	return !name[length];
}

/* @return which of the names it is; @count: none */
static uint32_t word_among(const char *word, uint32_t length, const char *const *names,
			   uint32_t count)
{
	uint32_t i = 0;

	while (i < count && !word_is_name(word, length, names[i]))
		i++;
	return i;
}

/* Decimal digits at *@at. @return false: none, or more than @most */
static bool word_number(const char **at, const char *end, uint32_t most, uint32_t *number)
{
	const char *begin = *at;

	*number = 0;
	for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
		*number = *number * 10 + (uint32_t)(**at - '0');
		if (*number > most)
			return false;
	}
	return *at > begin;
}

/* ---- addresses ---- */

static bool parse_ipv4(const char **at, const char *end, uint8_t *address)
{
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t number;

		if (i && (*at == end || *(*at)++ != '.'))
			return false;
		if (!word_number(at, end, 255, &number))
			return false;
		address[i] = (uint8_t)number;
	}
	return true;
}

static bool hex_digit(char letter, uint32_t *digit)
{
	if (letter >= '0' && letter <= '9')
		*digit = (uint32_t)(letter - '0');
	else if ((letter | 32) >= 'a' && (letter | 32) <= 'f')
		*digit = (uint32_t)((letter | 32) - 'a') + 10;
	else
		return false;
	return true;
}

static bool parse_group(const char **at, const char *end, uint8_t *group)
{
	uint32_t value = 0, digit, digits = 0;

	for (; *at < end && hex_digit(**at, &digit); (*at)++, digits++) {
		if (digits == 4)
			return false;
		value = value << 4 | digit;
	}
	group[0] = (uint8_t)(value >> 8);
	group[1] = (uint8_t)value;
	return digits;
}

/* RFC 4291, without a tail in IPv4's form. */
static bool parse_ipv6(const char **at, const char *end, uint8_t *address)
{
	uint8_t groups[16] = { 0 };
	uint32_t count = 0, gap = 8;

	if (end - *at >= 2 && (*at)[0] == ':' && (*at)[1] == ':') {
		gap = 0;
		*at += 2;
	}
	while (count < 8 && *at < end && **at != '/') {
		if (!parse_group(at, end, groups + count * 2))
			return false;
		count++;
		if (*at == end || **at != ':')
			break;
		(*at)++;
		if (*at < end && **at == ':') {
			if (gap != 8)
				return false;
			gap = count;
			(*at)++;
		} else if (count == 8 || *at == end || **at == '/') {
			return false;
		}
	}
	if ((gap == 8) != (count == 8))
		return false;
	if (gap == 8)
		gap = count;
	memset(address, 0, 16);
	memcpy(address, groups, gap * 2);
	memcpy(address + 16 - (count - gap) * 2, groups + gap * 2, (count - gap) * 2);
	return true;
}

/* @family: in: 0 or what it has to be; out */
static bool parse_address(const char **at, const char *end, uint8_t *address, uint8_t *family)
{
	uint8_t wanted = 4;
	bool six = false;

	for (const char *look = *at; look < end && *look != '.'; look++)
		six = six || *look == ':';
	if (six)
		wanted = 6;
	if (*family && *family != wanted)
		return false;
	*family = wanted;
	memset(address, 0, 16);
	if (six)
		return parse_ipv6(at, end, address);
	return parse_ipv4(at, end, address);
}

static const char *parse_prefix(const char *at, const char *end, uint8_t *address, uint8_t *bits,
				uint8_t *family)
{
	uint32_t most, number;

	if (!parse_address(&at, end, address, family))
		return "an address is malformed, or of another family";
	most = number = 32;
	if (*family == 6)
		most = number = 128;
	if (at < end && *at == '/') {
		at++;
		if (!word_number(&at, end, most, &number))
			return "the bits of a prefix are malformed";
	}
	if (at != end)
		return "an address is malformed";
	for (uint32_t bit = number; bit < 128; bit++)
		address[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	*bits = (uint8_t)number;
	return NULL;
}

static const char *parse_ports(const char *at, const char *end, uint16_t *least, uint16_t *most)
{
	uint32_t first, last;

	if (!word_number(&at, end, 65535, &first) || !first)
		return "a port is not 1 to 65535";
	last = first;
	if (at < end && *at == '-') {
		at++;
		if (!word_number(&at, end, 65535, &last) || last < first)
			return "a range of ports is malformed";
	}
	if (at != end)
		return "a port is malformed";
	*least = (uint16_t)first;
	*most = (uint16_t)last;
	return NULL;
}

static const char *parse_states(const char *at, const char *end, uint8_t *states)
{
	while (at < end) {
		uint32_t length = 0, which;

		while (at + length < end && at[length] != ',')
			length++;
		which = word_among(at, length, state_names, COUNT(state_names));
		if (which == COUNT(state_names))
			return "a state is none of new, established, related, invalid";
		*states |= (uint8_t)(1u << which);
		at += length;
		if (at < end)
			at++;
	}
	return NULL;
}

static const char *parse_protocol(const char *word, uint32_t length, struct rule *rule)
{
	static const char *const names[] = { "tcp", "udp", "icmp", "icmp6" };
	static const uint8_t numbers[] = { FLOW_TCP, FLOW_UDP, FLOW_ICMP, FLOW_ICMP6 };
	uint32_t which = word_among(word, length, names, COUNT(names)), number;
	const char *at = word;

	rule->has_protocol = 1;
	if (which < COUNT(names))
		number = numbers[which];
	else if (!word_number(&at, word + length, 255, &number) || at != word + length)
		return "a protocol is neither tcp, udp, icmp, icmp6 nor a number";
	rule->protocol = (uint8_t)number;
	return NULL;
}

static const char *parse_name(const char *word, uint32_t length, char *name)
{
	if (!length || length >= RULE_NAME)
		return "the name of an interface is missing, or too long";
	memcpy(name, word, length);
	name[length] = 0;
	return NULL;
}

/* ---- a line ---- */

static const char *const match_names[] = { "in", "out",	  "proto", "from",
					   "to", "sport", "dport", "state" };

static const char *parse_match(struct rule *rule, uint32_t which, const char *word, uint32_t length)
{
	const char *end = word + length;

	switch (which) {
	case 0: return parse_name(word, length, rule->in);
	case 1: return parse_name(word, length, rule->out);
	case 2: return parse_protocol(word, length, rule);
	case 3: return parse_prefix(word, end, rule->from, &rule->from_bits, &rule->family);
	case 4: return parse_prefix(word, end, rule->to, &rule->to_bits, &rule->family);
	case 5: return parse_ports(word, end, &rule->from_least, &rule->from_most);
	case 6: return parse_ports(word, end, &rule->to_least, &rule->to_most);
	default: return parse_states(word, end, &rule->states);
	}
}

/* What stands behind snat and dnat. */
static const char *parse_target(struct rule *rule, const char *word, uint32_t length)
{
	const char *end = word + length;
	uint32_t port;

	if (!rule->family)
		rule->family = 4;
	if (rule->family != 4 || !parse_ipv4(&word, end, rule->address))
		return "an address to translate to is not one of IPv4";
	if (word == end)
		return NULL;
	if (rule->action != RULE_DNAT || *word++ != ':' || !word_number(&word, end, 65535, &port) ||
	    !port || word != end)
		return "what stands behind an address to translate to is malformed";
	rule->port = (uint16_t)port;
	return NULL;
}

static const char *rule_check(const struct rule *rule)
{
	bool has_ports = rule->from_most || rule->to_most || rule->port;

	if (has_ports && rule->protocol != FLOW_TCP && rule->protocol != FLOW_UDP)
		return "ports need proto tcp or udp";
	if (rule->chain == RULE_PREROUTING && rule->action != RULE_DNAT &&
	    rule->action != RULE_ACCEPT)
		return "prerouting has accept and dnat alone";
	if (rule->chain == RULE_POSTROUTING && rule->action != RULE_SNAT &&
	    rule->action != RULE_MASQUERADE && rule->action != RULE_ACCEPT)
		return "postrouting has accept, snat and masquerade alone";
	if (rule->chain < RULE_PREROUTING && rule->action > RULE_REJECT)
		return "input, forward and output have accept, drop and reject alone";
	if ((rule->chain == RULE_INPUT || rule->chain == RULE_PREROUTING) && rule->out[0])
		return "there is no interface out in that chain";
	if ((rule->chain == RULE_OUTPUT || rule->chain == RULE_POSTROUTING) && rule->in[0])
		return "there is no interface in in that chain";
	return NULL;
}

/* Behind the chain. @matches: out: bits of those that were given */
static const char *parse_rule(const char *at, struct rule *rule, uint32_t *matches)
{
	const char *why = NULL;
	uint32_t length, which;

	for (;;) {
		length = word_next(&at);
		which = word_among(at, length, match_names, COUNT(match_names));
		if (which == COUNT(match_names))
			break;
		if (*matches & 1u << which)
			return "a match is given twice";
		*matches |= 1u << which;
		at += length;
		length = word_next(&at);
		why = parse_match(rule, which, at, length);
		if (why)
			return why;
		at += length;
	}
	which = word_among(at, length, action_names, COUNT(action_names));
	if (which == COUNT(action_names))
		return "a word is neither a match nor an action";
	rule->action = (uint8_t)which;
	at += length;
	length = word_next(&at);
	if (rule->action >= RULE_SNAT) {
		why = parse_target(rule, at, length);
		at += length;
		length = word_next(&at);
	}
	if (!why && length)
		why = "something stands behind the action";
	if (!why)
		why = rule_check(rule);
	return why;
}

enum rule_line rule_parse(const char *line, struct rule *rule, const char **why)
{
	uint32_t length = word_next(&line), chain, matches = 0;
	bool policy = word_is_name(line, length, "policy");

	*rule = (struct rule){ 0 };
	*why = NULL;
	if (!length)
		return RULE_NOTHING;
	if (policy) {
		line += length;
		length = word_next(&line);
	}
	chain = word_among(line, length, chain_names, RULE_CHAINS);
	rule->chain = (uint8_t)chain;
	if (chain == RULE_CHAINS)
		*why = "a line begins with no chain";
	else
		*why = parse_rule(line + length, rule, &matches);
	if (!*why && policy && (chain > RULE_OUTPUT || rule->action > RULE_DROP))
		*why = "a policy is accept or drop, of input, forward or output";
	if (!*why && policy && matches)
		*why = "a policy has no matches";
	if (*why)
		return RULE_WRONG;
	if (policy)
		return RULE_POLICY;
	return RULE_RULE;
}

/* ---- matching ---- */

static bool prefix_has(const uint8_t *prefix, uint32_t bits, const uint8_t *address)
{
	uint32_t bytes = bits / 8, rest = bits % 8;

	return !memcmp(prefix, address, bytes) &&
	       (!rest || !((prefix[bytes] ^ address[bytes]) & (0xff00u >> rest & 0xff)));
}

bool rule_matches(const struct rule *rule, const struct flow_key *key, bool ports, uint32_t state,
		  uint32_t in, uint32_t out)
{
	if (rule->family && rule->family != key->family)
		return false;
	if (rule->has_protocol && rule->protocol != key->protocol)
		return false;
	if (rule->states && !(rule->states & state))
		return false;
	if ((rule->in[0] && rule->in_index != in) || (rule->out[0] && rule->out_index != out))
		return false;
	if ((rule->in[0] && !in) || (rule->out[0] && !out))
		return false;
	if (rule->from_most &&
	    (!ports || key->from_port < rule->from_least || key->from_port > rule->from_most))
		return false;
	if (rule->to_most &&
	    (!ports || key->to_port < rule->to_least || key->to_port > rule->to_most))
		return false;
	return prefix_has(rule->from, rule->from_bits, key->from) &&
	       prefix_has(rule->to, rule->to_bits, key->to);
}

/* ---- text ---- */

struct writing {
	char *to;
	uint32_t size, length; /* length: also of what did not fit */
};

static void write_text(struct writing *writing, const char *text)
{
	for (; *text; text++, writing->length++)
		if (writing->length + 1 < writing->size)
			writing->to[writing->length] = *text;
}

static void write_number(struct writing *writing, uint32_t number, uint32_t base)
{
	char digits[12];
	uint32_t at = sizeof(digits) - 1;

	digits[at] = 0;
	do {
		digits[--at] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number);
	write_text(writing, digits + at);
}

static void write_address(struct writing *writing, const uint8_t *address, uint32_t family)
{
	const char *separator = ".";
	uint32_t groups = 4;

	if (family == 6) {
		separator = ":";
		groups = 8;
	}
	for (uint32_t i = 0; i < groups; i++) {
		if (i)
			write_text(writing, separator);
		if (family == 6)
			write_number(writing, (uint32_t)(address[i * 2] << 8 | address[i * 2 + 1]),
				     16);
		else
			write_number(writing, address[i], 10);
	}
}

static uint32_t writing_end(struct writing *writing)
{
	uint32_t length = writing->length;

	if (length >= writing->size)
		length = writing->size - 1;
	writing->to[length] = 0;
	return length;
}

uint32_t rule_format_address(const uint8_t *address, uint32_t family, char *to, uint32_t size)
{
	struct writing writing = { .to = to, .size = size };

	write_address(&writing, address, family);
	return writing_end(&writing);
}

static void write_prefix(struct writing *writing, const char *name, const uint8_t *address,
			 uint32_t bits, uint32_t family)
{
	if (!bits)
		return;
	write_text(writing, name);
	write_address(writing, address, family);
	write_text(writing, "/");
	write_number(writing, bits, 10);
}

static void write_ports(struct writing *writing, const char *name, uint32_t least, uint32_t most)
{
	if (!most)
		return;
	write_text(writing, name);
	write_number(writing, least, 10);
	if (most == least)
		return;
	write_text(writing, "-");
	write_number(writing, most, 10);
}

static void write_interface(struct writing *writing, const char *what, const char *name)
{
	if (!name[0])
		return;
	write_text(writing, what);
	write_text(writing, name);
}

static void write_states(struct writing *writing, uint32_t states)
{
	const char *separator = " state ";

	for (uint32_t i = 0; i < COUNT(state_names); i++) {
		if (!(states & 1u << i))
			continue;
		write_text(writing, separator);
		write_text(writing, state_names[i]);
		separator = ",";
	}
}

static void write_action(struct writing *writing, const struct rule *rule)
{
	write_text(writing, " ");
	write_text(writing, action_names[rule->action]);
	if (rule->action < RULE_SNAT)
		return;
	write_text(writing, " ");
	write_address(writing, rule->address, 4);
	if (!rule->port)
		return;
	write_text(writing, ":");
	write_number(writing, rule->port, 10);
}

uint32_t rule_format(const struct rule *rule, char *to, uint32_t size)
{
	struct writing writing = { .to = to, .size = size };

	write_text(&writing, chain_names[rule->chain]);
	write_interface(&writing, " in ", rule->in);
	write_interface(&writing, " out ", rule->out);
	if (rule->has_protocol) {
		write_text(&writing, " proto ");
		write_number(&writing, rule->protocol, 10);
	}
	write_prefix(&writing, " from ", rule->from, rule->from_bits, rule->family);
	write_prefix(&writing, " to ", rule->to, rule->to_bits, rule->family);
	/* The family alone. That of an address to translate to says it, too. */
	if (rule->family && !rule->from_bits && !rule->to_bits && rule->action < RULE_SNAT) {
		write_text(&writing, " from ");
		write_address(&writing, rule->from, rule->family);
		write_text(&writing, "/0");
	}
	write_ports(&writing, " sport ", rule->from_least, rule->from_most);
	write_ports(&writing, " dport ", rule->to_least, rule->to_most);
	write_states(&writing, rule->states);
	write_action(&writing, rule);
	return writing_end(&writing);
}
