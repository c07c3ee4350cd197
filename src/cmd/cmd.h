/* SPDX-License-Identifier: Apache-2.0 */
/* cmd.h - what a verb of the program is. A verb returns the exit code; it has said everything that
 * is to be said. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include "cmd/options.h"

/* Exit codes, rummage(1). Of several references the worst counts: 1, then 2, then 3. */
enum { EXIT_WHOLE = 0, EXIT_NOT_DONE = 1, EXIT_POLICY = 2, EXIT_INCOMPLETE = 3 };

enum verb_id {
#define X(id, typed, operands, least, most, what) VERB_##id,
#include "cmd/cmd.def"
#undef X
	VERBS
};

struct verb {
	const char *typed;    /* "db update" */
	const char *operands; /* "REF..." */
	size_t least, most;   /* operands */
	const char *what;
	int (*run)(struct options *o);
};

extern const struct verb verbs[VERBS];

#define X(id, typed, operands, least, most, what) int cmd_##id(struct options *o);
#include "cmd/cmd.def"
#undef X

/* Whether Ctrl-C (or SIGTERM) came: the stop callback of the library. */
bool cmd_stopped(void *user);

#endif
