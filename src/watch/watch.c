/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/watch.h"

#define X(name, fn, what) enum rmg_rc fn(const struct watch_opts *opts, struct rmg_err *err);
#include "watch/watch.def"
#undef X

static const struct watch_kind kinds[] = {
#define X(name, fn, what) {#name, what, fn},
#include "watch/watch.def"
#undef X
};

const struct watch_kind *watch_kind_at(size_t i)
{
	return i < COUNT_OF(kinds) ? &kinds[i] : NULL;
}

enum rmg_rc watch_run(const struct watch_opts *opts, struct rmg_err *err)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (strcmp(kinds[i].name, opts->kind) == 0)
			return kinds[i].run(opts, err);
	return err_set(err, RMG_E_ARG, "nothing called \"%s\" can be watched", opts->kind);
}
