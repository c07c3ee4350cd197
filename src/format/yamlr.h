/* SPDX-License-Identifier: Apache-2.0 */
/* yamlr.h - YAML 1.1 as a row of events, by libyaml: what a settings or an ignore file may say.
 *
 * One document; anchors, aliases and explicit tags are refused (they are how a small file becomes a
 * large one), as is nesting deeper than YAMLR_DEPTH. The text of an event lives until the next one.
 * Failures name the line. Scalars are valid UTF-8. */
#ifndef FORMAT_YAMLR_H
#define FORMAT_YAMLR_H

#include <rummage.h>

#include "base/err.h"
#include "base/span.h"

enum { YAMLR_DEPTH = 8 };

enum yamlr_kind {
	YAMLR_SCALAR,
	YAMLR_LIST, /* what follows up to its YAMLR_ENDED are elements */
	YAMLR_MAP,  /* ... are keys and values in turn; keys are scalars */
	YAMLR_ENDED,
	YAMLR_EOF,
};

struct yamlr;

struct yamlr_item {
	enum yamlr_kind kind;
	struct span text; /* of a scalar */
	bool plain;       /* not quoted: "~", "null" and "" mean nothing then */
	unsigned line;    /* from 1 */
};

/* Borrows bytes. */
MUST enum rmg_rc yamlr_open(struct span bytes, struct yamlr **out, struct rmg_err *err);
void yamlr_close(struct yamlr *y);

/* After YAMLR_EOF, or a failure, it stays there. */
MUST enum rmg_rc yamlr_next(struct yamlr *y, struct yamlr_item *out, struct rmg_err *err);

/* A plain scalar that means nothing. */
bool yamlr_is_null(const struct yamlr_item *item);

#endif
