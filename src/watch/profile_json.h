/* SPDX-License-Identifier: Apache-2.0 */
/* profile_json.h - what was used of an image as JSON and back (model/profile.h): what an agent
 * sends to the hub. Schema: docs/API.md, "Profiles". Keys are 16 hexadecimal digits. Unknown
 * members are skipped. Bounded by max_bytes and LIMIT_PROFILE_KEYS of each kind. */
#ifndef WATCH_PROFILE_JSON_H
#define WATCH_PROFILE_JSON_H

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "format/json.h"
#include "format/jsonw.h"
#include "model/profile.h"

void profile_write(const struct profile *p, struct strbuf *out);

/* All that out has is a's. */
MUST enum rmg_rc profile_parse(struct span text, size_t max_bytes, struct arena *a,
			       struct profile *out, struct rmg_err *err);

/* An array of keys, and back; *out is a's. false: too many, or one of them is none. */
void profile_keys_write(struct jsonw *w, const char *name, const uint64_t *keys, size_t n);
MUST bool profile_keys_read(json *array, struct arena *a, const uint64_t **out, size_t *n);

#endif
