/* SPDX-License-Identifier: Apache-2.0 */
/* settings.h - options from files and from the environment, as rummage(1) orders them: the system's
 * file, the user's, --config, RUMMAGE_SECTION_KEY. An unknown key, or one that a file has twice, is
 * an error that names file and line, since a policy that is silently not applied is worse than
 * none. What yamlr.h refuses bounds a file, and LIMIT_SETTINGS_BYTES. */
#ifndef CMD_SETTINGS_H
#define CMD_SETTINGS_H

#include "cmd/opt.h"

/* config: the file of --config, NULL for none. */
MUST enum rmg_rc settings_load(struct options *o, enum verb_id verb, const char *config,
			       struct rmg_err *err);

/* One file's text; name is for messages. */
MUST enum rmg_rc settings_parse(struct options *o, enum verb_id verb, struct span text,
				const char *name, enum opt_level level, struct rmg_err *err);

/* environment: NULL-terminated "NAME=VALUE". */
MUST enum rmg_rc settings_environment(struct options *o, enum verb_id verb,
				      char *const *environment, struct rmg_err *err);

#endif
