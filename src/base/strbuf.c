/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void strbuf_done(struct strbuf *b)
{
	free(b->p);
	*b = strbuf_of(b->max);
}

void strbuf_clear(struct strbuf *b)
{
	b->n = 0;
	b->rc = RMG_OK;
	if (b->p)
		b->p[0] = '\0';
}

/* Room for n bytes more and the NUL. */
static bool room(struct strbuf *b, size_t n)
{
	size_t want;
	char *p;

	if (b->rc != RMG_OK)
		return false;
	if (n > b->max - MIN_OF(b->n, b->max)) {
		b->rc = RMG_E_LIMIT;
		return false;
	}
	if (b->n + n < b->cap)
		return true;
	want = MAX_OF(b->n + n + 1, MAX_OF(b->cap * 2, (size_t)64));
	p = realloc(b->p, want);
	if (p == NULL) {
		b->rc = RMG_E_NOMEM;
		return false;
	}
	b->p = p;
	b->cap = want;
	return true;
}

void strbuf_put(struct strbuf *b, struct span s)
{
	if (!room(b, s.n))
		return;
	if (s.n)
		memcpy(b->p + b->n, s.p, s.n);
	b->n += s.n;
	b->p[b->n] = '\0';
}

void strbuf_puts(struct strbuf *b, const char *s)
{
	strbuf_put(b, span_cstr(s));
}

void strbuf_putc(struct strbuf *b, char c)
{
	strbuf_put(b, span_of(&c, 1));
}

void strbuf_printf(struct strbuf *b, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0 && b->rc == RMG_OK)
		b->rc = RMG_E_LIMIT; /* longer than any string may be */
	if (n < 0 || !room(b, (size_t)n))
		return;
	va_start(args, fmt);
	vsnprintf(b->p + b->n, (size_t)n + 1, fmt, args);
	va_end(args);
	b->n += (size_t)n;
}

void strbuf_hex(struct strbuf *b, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		strbuf_putc(b, digits[bytes[i] >> 4]);
		strbuf_putc(b, digits[bytes[i] & 15]);
	}
}

void strbuf_percent(struct strbuf *b, struct span s, struct span keep)
{
	for (size_t i = 0; i < s.n; i++) {
		if (is_alnum(s.p[i]) || span_chr(keep, s.p[i]) != SIZE_MAX)
			strbuf_putc(b, (char)s.p[i]);
		else
			strbuf_printf(b, "%%%02X", s.p[i]);
	}
}
