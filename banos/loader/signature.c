// SPDX-License-Identifier: MIT
/* The letters of signatures; see signature.h and <banos/export.h>. */
#include <kernel/driver_api.h>
#include <kernel/err.h>
#include <kernel/loader.h>
#include <kernel/signature.h>
#include <kernel/string.h>

_Static_assert(SIGNATURE_SIZE == BANOS_SIGNATURE_SIZE, "size of a signature");
_Static_assert(BANOS_COPY_MAX == 65536, "five digits");

struct reader {
	const char *text;
	u32 pos;
	u32 args_max;
	bool inside; /* between the parentheses of a callback */
	struct signature *out;
	char *words;
};

static int signature_wrong(struct reader *reader, const char *what)
{
	snprintf(reader->words, SIGNATURE_WORDS_SIZE, "\"%.64s\" is wrong from character %u on: %s",
		 reader->text, reader->pos + 1, what);
	return -EINVAL;
}

static char signature_peek(const struct reader *reader)
{
	return reader->text[reader->pos];
}

static bool signature_accept(struct reader *reader, char letter)
{
	if (signature_peek(reader) != letter)
		return false;
	reader->pos++;
	return true;
}

/* 1 to BANOS_COPY_MAX, without zeroes in front. @return 0: no such number */
static u32 signature_number(struct reader *reader)
{
	u32 number = 0;

	if (signature_peek(reader) == '0')
		return 0;
	while (signature_peek(reader) >= '0' && signature_peek(reader) <= '9') {
		number = number * 10 + (u32)(signature_peek(reader) - '0');
		if (number > BANOS_COPY_MAX)
			return 0;
		reader->pos++;
	}
	return number;
}

/* "16", "$2", "16*$2" */
static int signature_length(struct reader *reader, struct signature_arg *arg)
{
	bool counted = signature_accept(reader, '$');
	u32 number;

	arg->bytes = 1;
	if (!counted) {
		arg->bytes = signature_number(reader);
		if (!arg->bytes)
			return signature_wrong(
				reader, "a length is needed: 1 to 65536, or $ and an argument");
		if (!signature_accept(reader, '*'))
			return 0;
		if (!signature_accept(reader, '$'))
			return signature_wrong(reader, "* is followed by $ and an argument");
		if (arg->bytes == 1)
			return signature_wrong(reader, "1* is left out");
	}
	number = signature_number(reader);
	if (!number || number > SIGNATURE_ARGS)
		return signature_wrong(reader, "$ is followed by the number of an argument");
	arg->length_arg = number;
	return 0;
}

static int signature_read(struct reader *reader, char end);

/* "c" or "c(letters)" */
static int signature_callback(struct reader *reader, struct signature_arg *arg)
{
	struct signature inner;
	struct reader nested = *reader;
	int err;

	if (!signature_accept(reader, '('))
		return 0;
	if (reader->inside)
		return signature_wrong(reader, "a callback in a callback states no letters");
	memset(&inner, 0, sizeof(inner));
	nested.pos = reader->pos;
	nested.args_max = SIGNATURE_ARGS_BACK;
	nested.inside = true;
	nested.out = &inner;
	err = signature_read(&nested, ')');
	if (err)
		return err;
	arg->inner = reader->pos;
	arg->inner_len = nested.pos - reader->pos;
	reader->pos = nested.pos + 1;
	return 0;
}

static int signature_argument(struct reader *reader)
{
	struct signature *out = reader->out;
	struct signature_arg *arg = &out->args[out->nargs];
	char letter = signature_peek(reader);

	if (!letter || !strchr("iqhctsfrwx", letter))
		return signature_wrong(reader, "it is none of the letters i q h c t s f r w x");
	if (out->nargs == reader->args_max)
		return signature_wrong(reader, reader->args_max == SIGNATURE_ARGS
						       ? "a function has six arguments at most"
						       : "a callback has five arguments at most");
	reader->pos++;
	arg->letter = letter;
	if (letter == 'h')
		out->handles |= 1u << out->nargs;
	if (letter == 'c')
		out->callbacks |= 1u << out->nargs;
	if (strchr("tsfrwx", letter))
		out->pointers |= 1u << out->nargs;
	out->nargs++;
	if (letter == 'c')
		return signature_callback(reader, arg);
	if (letter == 'r' || letter == 'w' || letter == 'x')
		return signature_length(reader, arg);
	return 0;
}

/* The arguments that others name as their length. */
static int signature_check_lengths(struct reader *reader)
{
	const struct signature *out = reader->out;

	for (u32 i = 0; i < out->nargs; i++) {
		u32 number = out->args[i].length_arg;

		if (number && (number > out->nargs || (out->args[number - 1].letter != 'i' &&
						       out->args[number - 1].letter != 'q')))
			return signature_wrong(
				reader, "the argument behind a $ is none, or not of letter i or q");
	}
	return 0;
}

static int signature_read(struct reader *reader, char end)
{
	int err = 0;

	while (!err && signature_peek(reader) != end && signature_peek(reader) != '>')
		err = signature_argument(reader);
	if (!err && signature_accept(reader, '>')) {
		reader->out->result = signature_peek(reader);
		if (!signature_accept(reader, 'h') && !signature_accept(reader, 'c'))
			return signature_wrong(reader, "a result behind > is h or c");
		if (signature_peek(reader) != end)
			return signature_wrong(reader, "nothing follows the result");
	}
	if (err)
		return err;
	return signature_check_lengths(reader);
}

int signature_parse(const char *text, u32 args_max, struct signature *out, char *words)
{
	struct reader reader = { .text = text, .args_max = args_max, .out = out, .words = words };

	memset(out, 0, sizeof(*out));
	if (strnlen(text, SIGNATURE_SIZE) == SIGNATURE_SIZE) {
		snprintf(words, SIGNATURE_WORDS_SIZE, "\"%.64s...\" is longer than %u characters",
			 text, SIGNATURE_SIZE - 1);
		return -EINVAL;
	}
	strscpy(out->text, text, sizeof(out->text));
	return signature_read(&reader, 0);
}

bool signature_is_plain(const struct signature *signature)
{
	for (u32 i = 0; i < signature->nargs; i++)
		if (!strchr("iqh", signature->args[i].letter))
			return false;
	return signature->result != 'c';
}

/* ---- records ---- */

int signature_record_read(const struct record_header *header, struct signature_record *out)
{
	const char *text = (const char *)(header + 1);
	size_t size = header->size - sizeof(*header), len = strnlen(text, size);
	const char *blank = memchr(text, ' ', len);

	if (len == size || !blank || blank == text || blank - text > LOADER_EXPORT_NAME_MAX)
		return -EINVAL;
	out->name = text;
	out->name_len = blank - text;
	out->letters = blank + 1;
	return 0;
}
