/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verb.h"

#include <stdio.h>
#include <string.h>

#include "cmd/opt.h"
#include "cmd/say.h"

#define X(id, typed_, operands_, least_, most_, what_)                                             \
	[VERB_##id] = {.typed = typed_,                                                            \
		       .operands = operands_,                                                      \
		       .least = least_,                                                            \
		       .most = most_,                                                              \
		       .what = what_,                                                              \
		       .run = cmd_##id},
const struct verb verbs[VERBS] = {
#include "cmd/cmd.def"
};
#undef X

bool verb_begins(const struct verb *v, const char *word)
{
	size_t n = strlen(word);

	return strncmp(v->typed, word, n) == 0 && v->typed[n] == ' ';
}

bool verb_find(size_t n, const char *const *words, enum verb_id *out, size_t *words_used)
{
	for (size_t i = 0; n && i < VERBS; i++) {
		if (strcmp(words[0], verbs[i].typed) == 0) {
			*words_used = 1;
			*out = (enum verb_id)i;
			return true;
		}
		if (n > 1 && verb_begins(&verbs[i], words[0]) &&
		    strcmp(words[1], verbs[i].typed + strlen(words[0]) + 1) == 0) {
			*words_used = 2;
			*out = (enum verb_id)i;
			return true;
		}
	}
	return false;
}

int verb_unknown(size_t n, const char *const *words)
{
	const char *names[VERBS + 1];
	char typed[128];
	const char *near;

	for (size_t i = 0; i < VERBS; i++)
		names[i] = verbs[i].typed;
	names[VERBS] = NULL;
	for (size_t i = 0; i < VERBS; i++) {
		if (verb_begins(&verbs[i], words[0]))
			return say_usage(NULL, n > 1 ? "%s: no such verb: %s" : "%s: which one?%s",
					 words[0], n > 1 ? words[1] : "");
	}
	snprintf(typed, sizeof typed, "%s", words[0]);
	near = opt_nearest(typed, names);
	if (near)
		return say_usage(NULL, "no such verb: %s; did you mean %s?", typed, near);
	return say_usage(NULL, "no such verb: %s", typed);
}
