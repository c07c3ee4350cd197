/* SPDX-License-Identifier: Apache-2.0 */
/* hook.h - what registries send of their own accord when something is pushed or deleted.
 *
 * Nobody vouches for it: it is a hint that a tag should be asked about, and its digest says only
 * what need not be asked again. What is no tag is left out (an event of a blob, a pull); what is no
 * document of its kind is RMG_E_FORMAT. Hints beyond LIMIT_HOOK_HINTS are counted and left out. */
#ifndef WATCH_HOOK_H
#define WATCH_HOOK_H

#include <rummage.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

struct hook_kind;
const struct hook_kind *hook_kind_of(struct span name); /* NULL: none is called so */

struct hook {
	struct span host; /* "" not said; registries have several names, this may be another */
	struct span repository;  /* "library/debian" */
	struct span tag, digest; /* digest: "" not said */
};

struct hooks {
	struct hook *v; /* texts and array are the arena's */
	size_t n, left_out;
};

MUST enum rmg_rc hook_parse(const struct hook_kind *kind, struct span text, struct arena *a,
			    struct hooks *out, struct rmg_err *err);

#endif
