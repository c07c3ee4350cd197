/* SPDX-License-Identifier: Apache-2.0 */
/* ver_apk.c - apk-package(5): digits{.digits}{letter}{_suffix{number}}{~hash}{-r#}.
 *
 * The first token that differs decides, by its kind where kinds differ: the kinds below are in the
 * order in which they make a version newer. What apk calls invalid ends the version there, and is
 * older than the same without it. A part with a leading zero is compared as text (after the first
 * part). A number after the letter ("9.8p1") is kept, as apk 2 had it. */
#include "vuln/ver.h"

enum kind {
	KIND_PRE_SUFFIX,
	KIND_INVALID,
	KIND_END,
	KIND_REVISION,
	KIND_HASH,
	KIND_SUFFIX_NUMBER,
	KIND_SUFFIX,
	KIND_LETTER,
	KIND_PART,
	KIND_FIRST,
};

/* In order; the first four come before a version without a suffix. */
static const struct span suffixes[] = {
    {(const uint8_t *)"alpha", 5}, {(const uint8_t *)"beta", 4}, {(const uint8_t *)"pre", 3},
    {(const uint8_t *)"rc", 2},    {(const uint8_t *)"cvs", 3},  {(const uint8_t *)"svn", 3},
    {(const uint8_t *)"git", 3},   {(const uint8_t *)"hg", 2},   {(const uint8_t *)"p", 1},
};
#define PRE_SUFFIXES 4

struct token {
	enum kind kind;
	struct span text; /* digits, letter or hash */
	size_t suffix;
};

static bool is_lower(uint8_t c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_lower_hex(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

static struct span lower_run(struct span *s, bool (*is)(uint8_t c))
{
	size_t n = 0;
	struct span run;

	while (n < s->n && is(s->p[n]))
		n++;
	run = span_head(*s, n);
	*s = span_from(*s, n);
	return run;
}

static struct token suffix_token(struct span *s)
{
	struct span word;

	*s = span_from(*s, 1);
	word = lower_run(s, is_lower);
	for (size_t i = 0; i < COUNT_OF(suffixes); i++)
		if (span_is(word, suffixes[i]))
			return (struct token){i < PRE_SUFFIXES ? KIND_PRE_SUFFIX : KIND_SUFFIX,
					      word, i};
	return (struct token){.kind = KIND_INVALID};
}

static struct token number_token(enum kind kind, struct span *s, size_t skip)
{
	*s = span_from(*s, skip);
	return (struct token){.kind = kind, .text = ver_digits(s)};
}

static struct token revision_token(struct span *s)
{
	struct token t = number_token(KIND_REVISION, s, 2);

	return t.text.n ? t : (struct token){.kind = KIND_INVALID};
}

static bool is_suffix(enum kind kind)
{
	return kind == KIND_SUFFIX || kind == KIND_PRE_SUFFIX;
}

/* The token after one of kind last; *s moves behind it. */
static struct token next_token(enum kind last, struct span *s)
{
	uint8_t c = s->n ? s->p[0] : 0;

	if (last == KIND_INVALID || last == KIND_END || s->n == 0)
		return (struct token){.kind = last == KIND_INVALID ? KIND_INVALID : KIND_END};
	if (is_lower(c) && last >= KIND_PART) {
		struct token t = {.kind = KIND_LETTER, .text = span_head(*s, 1)};

		*s = span_from(*s, 1);
		return t;
	}
	if (c == '.' && last >= KIND_PART)
		return number_token(KIND_PART, s, 1);
	if (is_digit(c) && last == KIND_LETTER)
		return number_token(KIND_PART, s, 0);
	if (is_digit(c) && is_suffix(last))
		return number_token(KIND_SUFFIX_NUMBER, s, 0);
	if (c == '_' && (last >= KIND_SUFFIX_NUMBER || is_suffix(last)))
		return suffix_token(s);
	if (c == '~' && (last >= KIND_SUFFIX_NUMBER || is_suffix(last))) {
		struct token t = {.kind = KIND_HASH};

		*s = span_from(*s, 1);
		t.text = lower_run(s, is_lower_hex);
		t.kind = t.text.n ? KIND_HASH : KIND_INVALID;
		return t;
	}
	if (span_starts(*s, S("-r")) && last != KIND_REVISION)
		return revision_token(s);
	return (struct token){.kind = KIND_INVALID};
}

static int same_kind_cmp(const struct token *a, const struct token *b)
{
	bool zero = (a->text.n && a->text.p[0] == '0') || (b->text.n && b->text.p[0] == '0');

	switch (a->kind) {
	case KIND_PRE_SUFFIX:
	case KIND_SUFFIX:
		return (a->suffix > b->suffix) - (a->suffix < b->suffix);
	case KIND_PART:
		if (zero)
			return ver_sign(span_cmp(a->text, b->text));
		return ver_number_cmp(a->text, b->text);
	case KIND_FIRST:
	case KIND_SUFFIX_NUMBER:
	case KIND_REVISION:
		return ver_number_cmp(a->text, b->text);
	case KIND_LETTER:
	case KIND_HASH:
		return ver_sign(span_cmp(a->text, b->text));
	case KIND_INVALID:
	case KIND_END:
		break;
	}
	return 0;
}

int ver_apk(struct span a, struct span b)
{
	struct token x = number_token(KIND_FIRST, &a, 0), y = number_token(KIND_FIRST, &b, 0);

	for (;;) {
		int order;

		if (x.kind != y.kind)
			return x.kind > y.kind ? 1 : -1;
		order = same_kind_cmp(&x, &y);
		if (order)
			return order;
		if (x.kind == KIND_END || x.kind == KIND_INVALID)
			return 0;
		x = next_token(x.kind, &a);
		y = next_token(y.kind, &b);
	}
}
