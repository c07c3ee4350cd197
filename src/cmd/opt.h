/* SPDX-License-Identifier: Apache-2.0 */
/* opt.h - the option parser: the command line against options.def, the help text from it, and the
 * setting of values that settings.c shares. Messages go to err; nothing is printed but the help. */
#ifndef CMD_OPT_H
#define CMD_OPT_H

#include <stdio.h>

#include "base/err.h"
#include "cmd/cmd.h"

enum opt_kind { OPT_FLAG, OPT_TEXT, OPT_LIST, OPT_SIZE };

struct opt_spec {
	const char *name;          /* "fail-on"; NULL: a setting only */
	char letter;               /* 0: none */
	const char *arg;           /* NULL: takes none */
	const char *section, *key; /* NULL: no setting */
	enum opt_kind kind;
	size_t offset; /* of its field in struct options */
	uint32_t verbs;
	const char *help;
};

extern const struct opt_spec opt_specs[];
extern const size_t opt_n_specs;

/* Where a value came from; a later one wins. */
enum opt_level { LEVEL_SYSTEM = 1, LEVEL_USER, LEVEL_CONFIG, LEVEL_ENVIRONMENT, LEVEL_FLAG };

static inline bool opt_is_of(const struct opt_spec *s, enum verb_id verb)
{
	return (s->verbs >> verb) & 1u;
}

/* text NULL: a flag that is set. Text is copied. */
MUST enum rmg_rc opt_set(struct options *o, const struct opt_spec *spec, const char *text,
			 enum opt_level level, struct rmg_err *err);

/* What the command line says, into a zeroed o with an arena. Call it first, to know --config, and
 * again into a fresh o after the settings, which it overrides. */
MUST enum rmg_rc opt_parse(struct options *o, enum verb_id verb, int argc, char **argv,
			   struct rmg_err *err);

void opt_help(FILE *f, enum verb_id verb);
void opt_usage(FILE *f); /* the list of verbs */

/* The word of words (NULL-terminated) that is meant by a misspelt one; NULL where none is near. */
const char *opt_nearest(const char *word, const char *const *words);

#endif
