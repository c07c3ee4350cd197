/* SPDX-License-Identifier: Apache-2.0 */
/* env.h - environment variables. An empty one counts as unset: it is how a shell, a unit file or a
 * compose file takes away what was set elsewhere. The text is the environment's own. */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include <stdlib.h>

static inline const char *env_get(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

#endif
