/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/worker_path.h"

#include <unistd.h>

#include "base/env.h"

#ifndef RMG_LIBEXEC
#define RMG_LIBEXEC "/usr/libexec/rummage"
#endif

static bool beside_program(char *buf, size_t n)
{
	ssize_t got = readlink("/proc/self/exe", buf, n - sizeof "rummage-parse");
	char *slash;

	if (got <= 0)
		return false;
	buf[got] = '\0';
	slash = strrchr(buf, '/');
	if (slash == NULL)
		return false;
	snprintf(slash + 1, sizeof "rummage-parse", "rummage-parse");
	return access(buf, X_OK) == 0;
}

enum rmg_rc worker_path(const char *given, char **out, struct rmg_err *err)
{
	char buf[4096];
	const char *path = given ? given : env_get("RUMMAGE_WORKER");

	if (path == NULL && beside_program(buf, sizeof buf))
		path = buf;
	if (path == NULL)
		path = RMG_LIBEXEC "/rummage-parse";
	if (access(path, X_OK) != 0)
		return err_set(err, RMG_E_NOTFOUND,
			       "the worker %s cannot be started; set RUMMAGE_WORKER to where it is",
			       path);
	*out = strdup(path);
	return *out ? RMG_OK : err_set(err, RMG_E_NOMEM, "no memory for a path");
}
