/* SPDX-License-Identifier: Apache-2.0 */
/* span.h - borrowed bytes by value: not NUL-terminated, never owned, any content.
 *
 * Every function is total: no input makes it read outside the span. Functions that can miss
 * return false and leave their outputs untouched. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

struct span {
	const uint8_t *p;
	size_t n;
};

/* A span of a string literal, and the printf pair for "%.*s". */
#define S(literal) ((struct span){(const uint8_t *)("" literal), sizeof(literal) - 1})
#define SPAN_FMT "%.*s"
#define SPAN_ARG(s)                                                                                \
	(int)MIN_OF((s).n, (size_t)0x7fffffff), (const char *)((s).n ? (s).p : (const uint8_t *)"")

static inline struct span span_of(const void *p, size_t n)
{
	return (struct span){(const uint8_t *)p, n};
}

static inline struct span span_cstr(const char *s) /* NULL: the empty span */
{
	return s ? span_of(s, strlen(s)) : (struct span){0};
}

static inline bool span_is(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Orders by bytes, a prefix before what it begins: <0, 0, >0. */
int span_cmp(struct span a, struct span b);

bool span_is_icase(struct span a, struct span b); /* ASCII letters only */

static inline bool span_starts(struct span s, struct span head)
{
	return s.n >= head.n && (head.n == 0 || memcmp(s.p, head.p, head.n) == 0);
}

static inline bool span_ends(struct span s, struct span tail)
{
	return s.n >= tail.n && (tail.n == 0 || memcmp(s.p + s.n - tail.n, tail.p, tail.n) == 0);
}

bool span_starts_icase(struct span s, struct span head);
bool span_ends_icase(struct span s, struct span tail);

/* All from byte off on; empty where off lies behind the end. */
static inline struct span span_from(struct span s, size_t off)
{
	return off < s.n ? span_of(s.p + off, s.n - off) : span_of(s.n ? s.p + s.n : s.p, 0);
}

/* The first n bytes, or all where there are fewer. */
static inline struct span span_head(struct span s, size_t n)
{
	return span_of(s.p, MIN_OF(s.n, n));
}

/* n bytes at off; false where they do not all lie inside. For offsets that input gave. */
MUST bool span_at(struct span s, uint64_t off, uint64_t n, struct span *out);

/* Position of the first (last) byte c, or of needle; SIZE_MAX where there is none. */
size_t span_chr(struct span s, uint8_t c);
size_t span_rchr(struct span s, uint8_t c);
size_t span_find(struct span s, struct span needle);
size_t span_find_from(struct span s, size_t from, struct span needle);

static inline bool span_has(struct span s, struct span needle)
{
	return span_find(s, needle) != SIZE_MAX;
}

/* Cuts at the first (last) c: before and after it, without it. */
bool span_cut(struct span s, uint8_t c, struct span *before, struct span *after);
bool span_rcut(struct span s, uint8_t c, struct span *before, struct span *after);

/* Takes the next field off *s up to c (which is dropped) or to the end; false once *s is used up.
 * "a,,b" gives a, "", b; "" gives nothing. */
bool span_next(struct span *s, uint8_t c, struct span *field);

/* Takes the next run of bytes that are not white space off *s; false once none is left. */
bool span_word(struct span *s, struct span *word);

struct span span_trim(struct span s); /* white space: space, \t \r \n \v \f */
struct span span_rtrim_chr(struct span s, uint8_t c);

/* The last component of a path, and all before its slash ("" where there is none). */
struct span span_basename(struct span path);
struct span span_dirname(struct span path);

/* The whole span as a number in base 8, 10 or 16, digits only, at most max. */
MUST bool span_u64(struct span s, unsigned base, uint64_t max, uint64_t *out);

/* 2n hexadecimal digits of either case into n bytes. */
MUST bool span_unhex(struct span s, uint8_t *out, size_t n);

/* Shell-like pattern on a path: '*' and '?' stop at '/', a component that is "**" spans any number
 * of them, "[abc]" takes one of the bytes. Takes no more than their two lengths' product. */
bool span_glob(struct span pattern, struct span path);

static inline bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_alpha(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool is_alnum(uint8_t c)
{
	return is_digit(c) || is_alpha(c);
}

/* A copy that ends with NUL, for free(); NULL without memory. */
char *span_dup(struct span s);

static inline bool is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline uint8_t to_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

#endif
