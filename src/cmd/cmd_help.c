/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/verb.h"

bool help_of_words(const char *word)
{
	bool shown = false;

	for (size_t i = 0; i < VERBS; i++) {
		if (!verb_begins(&verbs[i], word))
			continue;
		if (shown)
			putchar('\n');
		opt_help(stdout, (enum verb_id)i);
		shown = true;
	}
	return shown;
}

int cmd_help(struct options *o)
{
	size_t words = 0;
	enum verb_id verb;

	if (o->n_operands == 0) {
		opt_usage(stdout);
		return EXIT_WHOLE;
	}
	/* "help db" is about all that begins with it */
	if (o->n_operands == 1 && help_of_words(o->operands[0]))
		return EXIT_WHOLE;
	if (!verb_find(o->n_operands, o->operands, &verb, &words))
		return verb_unknown(o->n_operands, o->operands);
	opt_help(stdout, verb);
	return EXIT_WHOLE;
}
