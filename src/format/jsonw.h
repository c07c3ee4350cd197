/* SPDX-License-Identifier: Apache-2.0 */
/* jsonw.h - writes JSON (RFC 8259) into a strbuf, value by value, commas and escapes included.
 *
 * What is written is valid UTF-8 whatever the bytes were: what is not becomes U+FFFD. Controls of
 * both ranges (and DEL) are escaped, so that a document is safe to show on a terminal. No white
 * space is put anywhere: a document is one line. Memory is the strbuf's, failures are the strbuf's.
 * Putting a value without a key into an object is our own bug and not looked for. */
#ifndef FORMAT_JSONW_H
#define FORMAT_JSONW_H

#include "base/strbuf.h"

struct jsonw {
	struct strbuf *out;
	bool comma; /* something stands before the next value in its container */
};

static inline struct jsonw jsonw_of(struct strbuf *out)
{
	return (struct jsonw){.out = out};
}

void jsonw_object(struct jsonw *w);
void jsonw_object_end(struct jsonw *w);
void jsonw_array(struct jsonw *w);
void jsonw_array_end(struct jsonw *w);

/* The key of the next value; one of ours, plain ASCII, written as it is. */
void jsonw_key(struct jsonw *w, const char *key);
void jsonw_key_span(struct jsonw *w, struct span key); /* of input: escaped */

void jsonw_str(struct jsonw *w, struct span s);
void jsonw_cstr(struct jsonw *w, const char *s); /* NULL: null */
void jsonw_u64(struct jsonw *w, uint64_t n);
void jsonw_i64(struct jsonw *w, int64_t n);
void jsonw_real(struct jsonw *w, double d,
		int decimals); /* trailing zeros cut; null where not finite */
void jsonw_bool(struct jsonw *w, bool b);
void jsonw_null(struct jsonw *w);

/* Members of an object in one call. An empty span is null. */
void jsonw_put(struct jsonw *w, const char *key, struct span s);
void jsonw_put_cstr(struct jsonw *w, const char *key, const char *s);
void jsonw_put_u64(struct jsonw *w, const char *key, uint64_t n);
void jsonw_put_bool(struct jsonw *w, const char *key, bool b);
void jsonw_put_null(struct jsonw *w, const char *key);
void jsonw_put_array(struct jsonw *w, const char *key, const struct span *s, size_t n);

/* The inside of a string literal, without its quotes. */
void jsonw_escape(struct strbuf *out, struct span s);

#endif
