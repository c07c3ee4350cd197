/* SPDX-License-Identifier: Apache-2.0 */
/* strbuf.h - text that grows, up to a stated maximum.
 *
 * Running out is sticky: later puts do nothing, and strbuf_rc() says RMG_E_LIMIT or RMG_E_NOMEM.
 * Memory is the heap's and ends with strbuf_done(). What is inside is always NUL-terminated. */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <rummage.h>

#include "base/span.h"

struct strbuf {
	char *p;
	size_t n, cap, max;
	enum rmg_rc rc;
};

static inline struct strbuf strbuf_of(size_t max)
{
	return (struct strbuf){.max = max};
}

void strbuf_done(struct strbuf *b);
void strbuf_clear(struct strbuf *b); /* keeps the memory, forgets the failure */

void strbuf_put(struct strbuf *b, struct span s);
void strbuf_puts(struct strbuf *b, const char *s);
void strbuf_putc(struct strbuf *b, char c);
void strbuf_printf(struct strbuf *b, const char *fmt, ...) PRINTF(2, 3);
void strbuf_hex(struct strbuf *b, const uint8_t *bytes, size_t n);

/* Percent-encodes (RFC 3986, 2.1) what is neither a letter or digit of ASCII nor one of keep. */
void strbuf_percent(struct strbuf *b, struct span s, struct span keep);

static inline enum rmg_rc strbuf_rc(const struct strbuf *b)
{
	return b->rc;
}

static inline struct span strbuf_span(const struct strbuf *b)
{
	return span_of(b->p, b->n);
}

/* Never NULL: "" while it is empty. */
static inline const char *strbuf_cstr(const struct strbuf *b)
{
	return b->p ? b->p : "";
}

#endif
