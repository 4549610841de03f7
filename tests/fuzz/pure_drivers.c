// SPDX-License-Identifier: MIT
/* Target: banos/loader/signature.c, the letters that drivers state about their functions. */
#include <stdlib.h>
#include <string.h>
#include <kernel/signature.h>
#include "pure.h"

static void check_signature(const struct signature *signature, u32 args_max)
{
	require(signature->nargs <= args_max, "arguments are bounded");
	require(!(signature->handles & signature->callbacks) &&
			(signature->handles | signature->callbacks) < 1u << signature->nargs,
		"handles are arguments");
	require(!signature->result || strchr("hc", signature->result), "results are known");
	for (u32 i = 0; i < signature->nargs; i++) {
		const struct signature_arg *arg = &signature->args[i];
		bool bytes = strchr("rwx", arg->letter) != NULL;

		require(arg->letter && strchr("iqhctsfrwx", arg->letter), "letters are known");
		require(bytes ? arg->bytes && arg->bytes <= 65536 : !arg->bytes,
			"bytes have a length");
		require(arg->length_arg <= signature->nargs, "lengths are arguments");
		require(arg->inner + arg->inner_len <= strlen(signature->text),
			"letters of callbacks lie in the text");
	}
}

/* What was read is the text again, so that two signatures are equal as their texts are. */
static void check_inner(const struct signature *signature)
{
	for (u32 i = 0; i < signature->nargs; i++) {
		char text[SIGNATURE_SIZE] = "", words[SIGNATURE_WORDS_SIZE];
		struct signature inner;

		if (!signature->args[i].inner)
			continue;
		memcpy(text, signature->text + signature->args[i].inner,
		       signature->args[i].inner_len);
		require(!signature_parse(text, SIGNATURE_ARGS_BACK, &inner, words),
			"letters of callbacks are a signature");
	}
}

static void fuzz_signature(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *words = malloc(SIGNATURE_WORDS_SIZE);
	u32 args_max = size % 2 ? SIGNATURE_ARGS : SIGNATURE_ARGS_BACK;
	struct signature signature;

	memcpy(text, data, size);
	text[size] = 0;
	if (signature_parse(text, args_max, &signature, words)) {
		require(memchr(words, 0, SIGNATURE_WORDS_SIZE) && *words, "there is a reason");
	} else {
		require(!strcmp(signature.text, text), "the text is kept");
		check_signature(&signature, args_max);
		check_inner(&signature);
	}
	free(words);
	free(text);
}

const struct fuzz_target driver_targets[] = {
	{ "signature", fuzz_signature },
	{ 0 },
};
