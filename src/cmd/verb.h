/* SPDX-License-Identifier: Apache-2.0 */
/* verb.h - finding the verb that words name. */
#ifndef CMD_VERB_H
#define CMD_VERB_H

#include "cmd/cmd.h"

/* The verb that words begin with; words_used is 1 or 2. */
bool verb_find(size_t n, const char *const *words, enum verb_id *out, size_t *words_used);

/* Whether word is the first of two that name the verb: "db". */
bool verb_begins(const struct verb *v, const char *word);

/* Shows how the verbs that begin with word are used; false where none does. */
bool help_of_words(const char *word);

/* Says that there is no such verb, and which one may be meant. */
int verb_unknown(size_t n, const char *const *words);

#endif
