/* SPDX-License-Identifier: Apache-2.0 */
#include "base/span.h"

#include <stdlib.h>

int span_cmp(struct span a, struct span b)
{
	size_t n = MIN_OF(a.n, b.n);
	int order = n ? memcmp(a.p, b.p, n) : 0;

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

bool span_is_icase(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (to_lower(a.p[i]) != to_lower(b.p[i]))
			return false;
	return true;
}

bool span_starts_icase(struct span s, struct span head)
{
	return s.n >= head.n && span_is_icase(span_head(s, head.n), head);
}

bool span_ends_icase(struct span s, struct span tail)
{
	return s.n >= tail.n && span_is_icase(span_from(s, s.n - tail.n), tail);
}

bool span_at(struct span s, uint64_t off, uint64_t n, struct span *out)
{
	if (off > s.n || n > s.n - off)
		return false;
	*out = span_of(s.p ? s.p + off : s.p, (size_t)n);
	return true;
}

size_t span_chr(struct span s, uint8_t c)
{
	const uint8_t *at = s.n ? memchr(s.p, c, s.n) : NULL;

	return at ? (size_t)(at - s.p) : SIZE_MAX;
}

size_t span_rchr(struct span s, uint8_t c)
{
	for (size_t i = s.n; i-- > 0;)
		if (s.p[i] == c)
			return i;
	return SIZE_MAX;
}

size_t span_find(struct span s, struct span needle)
{
	const uint8_t *at;

	if (needle.n == 0)
		return 0;
	at = s.n < needle.n ? NULL : memmem(s.p, s.n, needle.p, needle.n);
	return at ? (size_t)(at - s.p) : SIZE_MAX;
}

size_t span_find_from(struct span s, size_t from, struct span needle)
{
	size_t at = from <= s.n ? span_find(span_from(s, from), needle) : SIZE_MAX;

	return at == SIZE_MAX ? SIZE_MAX : from + at;
}

static bool cut_at(struct span s, size_t at, struct span *before, struct span *after)
{
	if (at == SIZE_MAX)
		return false;
	*before = span_head(s, at);
	*after = span_from(s, at + 1);
	return true;
}

bool span_cut(struct span s, uint8_t c, struct span *before, struct span *after)
{
	return cut_at(s, span_chr(s, c), before, after);
}

bool span_rcut(struct span s, uint8_t c, struct span *before, struct span *after)
{
	return cut_at(s, span_rchr(s, c), before, after);
}

bool span_next(struct span *s, uint8_t c, struct span *field)
{
	if (s->n == 0)
		return false;
	if (!span_cut(*s, c, field, s)) {
		*field = *s;
		*s = span_from(*s, s->n);
	}
	return true;
}

bool span_word(struct span *s, struct span *word)
{
	size_t begin = 0, end;

	while (begin < s->n && is_space(s->p[begin]))
		begin++;
	end = begin;
	while (end < s->n && !is_space(s->p[end]))
		end++;
	if (end == begin)
		return false;
	*word = span_of(s->p + begin, end - begin);
	*s = span_from(*s, end);
	return true;
}

struct span span_trim(struct span s)
{
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	while (s.n && is_space(s.p[0]))
		s = span_from(s, 1);
	return s;
}

struct span span_rtrim_chr(struct span s, uint8_t c)
{
	while (s.n && s.p[s.n - 1] == c)
		s.n--;
	return s;
}

struct span span_basename(struct span path)
{
	size_t slash = span_rchr(path, '/');

	return slash == SIZE_MAX ? path : span_from(path, slash + 1);
}

struct span span_dirname(struct span path)
{
	size_t slash = span_rchr(path, '/');

	return span_head(path, slash == SIZE_MAX ? 0 : slash);
}

/* What a digit is worth and one, so that what is no digit is worth most. */
static const uint8_t digits[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

static unsigned digit_value(uint8_t c)
{
	return digits[c] - 1u;
}

bool span_u64(struct span s, unsigned base, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = digit_value(s.p[i]);

		if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, digit, &value) || value > max)
			return false;
	}
	*out = value;
	return true;
}

bool span_unhex(struct span s, uint8_t *out, size_t n)
{
	if (n > SIZE_MAX / 2 || s.n != 2 * n)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (digit_value(s.p[i]) > 15)
			return false;
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(digit_value(s.p[2 * i]) << 4 | digit_value(s.p[2 * i + 1]));
	return true;
}

/* Length of the pattern's element at p (one byte, or "[...]"), and whether c is taken by it. */
static size_t glob_one(struct span pattern, uint8_t c, bool *taken)
{
	size_t close = pattern.p[0] == '[' ? span_chr(pattern, ']') : SIZE_MAX;

	if (close == SIZE_MAX) {
		*taken = pattern.p[0] == c || (pattern.p[0] == '?' && c != '/');
		return 1;
	}
	*taken = span_chr(span_of(pattern.p + 1, close - 1), c) != SIZE_MAX;
	return close + 1;
}

/* One path component against one pattern component, with a single point to come back to. */
static bool glob_component(struct span pattern, struct span name)
{
	size_t p = 0, i = 0, star = SIZE_MAX, mark = 0;

	while (i < name.n) {
		bool taken = false;
		size_t step = 0;

		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			mark = i;
			continue;
		}
		if (p < pattern.n)
			step = glob_one(span_from(pattern, p), name.p[i], &taken);
		if (taken) {
			p += step;
			i++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			i = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

bool span_glob(struct span pattern, struct span path)
{
	struct span back_pattern = {0}, back_path = {0};
	bool can_go_back = false;

	for (;;) {
		struct span rest = pattern, left = path, want, name;

		if (!span_next(&rest, '/', &want)) {
			if (path.n == 0)
				return true;
		} else if (span_is(want, S("**"))) {
			back_pattern = pattern = rest;
			back_path = path;
			can_go_back = true;
			continue;
		} else if (span_next(&left, '/', &name) && glob_component(want, name)) {
			pattern = rest;
			path = left;
			continue;
		}
		/* A mismatch: let the last "**" take one component more. */
		if (!can_go_back || !span_next(&back_path, '/', &name))
			return false;
		pattern = back_pattern;
		path = back_path;
	}
}

char *span_dup(struct span s)
{
	char *copy = malloc(s.n + 1);

	if (copy == NULL)
		return NULL;
	if (s.n)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}
