/* SPDX-License-Identifier: Apache-2.0 */
/* image_json.h - what an image is made of as JSON and back: what a reader elsewhere tells the hub,
 * which has the facts of the layers and merges them itself. Schema: docs/API.md, "Facts".
 *
 * Names, configuration and layers stand in an inventory, as a scan fills them in before the layers
 * are merged. Unknown members are skipped. Bounded by max_bytes, LIMIT_LAYERS and LIMIT_NOTES. */
#ifndef WATCH_IMAGE_JSON_H
#define WATCH_IMAGE_JSON_H

#include "base/strbuf.h"
#include "model/inventory.h"

/* Why a layer could not be read; code "" where it was. */
struct image_unread {
	struct span code, text;
};

struct image_told {
	struct inventory *inv;       /* the target and the layers; of the notes those below */
	struct image_unread *unread; /* one a layer; NULL: all were read */
	/* Notes that do not come out of the layers' facts. */
	const struct layer_note *notes[2];
	size_t n_notes[2];
	struct span asked;            /* the digest that it was read under; "" none */
	struct span revision;         /* what a label calls this version */
	int64_t created_ms, taken_ms; /* 0: not known */
};

void image_write(const struct image_told *t, struct strbuf *out);

/* out->inv: new, the caller's to free, as are all spans, which live in it. What is not RMG_OK
 * leaves nothing. Notes are put into notes[0], not yet into the inventory. */
MUST enum rmg_rc image_parse(struct span text, size_t max_bytes, struct image_told *out,
			     struct rmg_err *err);

#endif
