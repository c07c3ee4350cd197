/* SPDX-License-Identifier: Apache-2.0 */
/* json.h - JSON (RFC 8259) from untrusted bytes, by yyjson, as spans.
 *
 * The document's memory is bounded: about 12 times its bytes, and no document above max_bytes is
 * read. Values that are absent or of another kind read as NULL, "", 0, false: ask json_is_*() where
 * the difference matters. Strings are UTF-8 and may hold NULs. All dies with json_done(), which a
 * json_parse() that fails has done already. Nesting deeper than JSON_DEPTH is refused, so that
 * walking by recursion is safe. */
#ifndef FORMAT_JSON_H
#define FORMAT_JSON_H

#include <rummage.h>
#include <yyjson.h>

#include "base/err.h"
#include "base/span.h"

enum { JSON_DEPTH = 200 };

typedef yyjson_val json; /* a value inside a document; NULL is "absent" to every function here */

struct json_doc {
	yyjson_doc *doc;
	void *pool;
	size_t pool_bytes; /* kept for the next json_parse() into the same struct */
	json *root;
};

/* A zeroed struct is ready; the same one may be parsed into again and again. Trailing bytes that
 * are not white space, NaN, comments and a byte order mark (except at the start, which is skipped)
 * are errors. */
MUST enum rmg_rc json_parse(struct json_doc *d, struct span bytes, size_t max_bytes,
			    struct rmg_err *err);
void json_done(struct json_doc *d);

/* Inline, so that the length of a literal key is known when compiling: records of feeds ask by the
 * million. */
static inline json *json_get(json *object, const char *key)
{
	return yyjson_obj_getn(object, key, strlen(key));
}

json *json_get_span(json *object, struct span key);
json *json_at(json *array, size_t i); /* constant time only from the front: iterate instead */

struct span json_str(json *v);
static inline struct span json_get_str(json *object, const char *key)
{
	return json_str(json_get(object, key));
}

bool json_get_bool(json *object, const char *key);
double json_num(json *v); /* integers too */
/* Whole numbers 0..2^63-1. */
MUST bool json_get_u64(json *object, const char *key, uint64_t *out);

bool json_is_object(json *v);
bool json_is_array(json *v);
bool json_is_str(json *v);
size_t json_len(json *v); /* elements or members */

/* for (struct json_iter it = json_iter(v); json_next(&it);) ... it.key, it.value; of arrays key is
 * "". */
struct json_iter {
	struct span key;
	json *value;
	yyjson_val *at;
	size_t left;
	bool object;
};
struct json_iter json_iter(json *container);
bool json_next(struct json_iter *it);

#endif
