/* SPDX-License-Identifier: Apache-2.0 */
/* ver_composer.c - Composer's normalisation (composer/semver), then PHP's version_compare.
 *
 * Up to four numbers, missing ones 0, then words with their own places: dev < alpha < beta < RC <
 * none < patch. "2.1.x-dev" is a branch beyond all of 2.1; "dev-NAME" is no version and comes
 * before all. Dates
 * ("2010-01-02") are numbers, too. */
#include "vuln/ver.h"

struct version {
	struct span numbers, words;
	bool branch; /* a name, not a number */
	bool wild;   /* has an x: missing numbers are beyond any */
};

/* Places of words; a number stands at PLACE_NUMBER when it meets a word or the end. */
#define PLACE_UNKNOWN (-1)
#define PLACE_NUMBER 4

static int place(struct span word)
{
	static const struct {
		const char *word;
		int place;
	} places[] = {
	    {"dev", 0}, {"alpha", 1}, {"a", 1},  {"beta", 2}, {"b", 2},
	    {"rc", 3},  {"patch", 5}, {"pl", 5}, {"p", 5},
	};

	for (size_t i = 0; i < COUNT_OF(places); i++)
		if (span_is_icase(word, span_cstr(places[i].word)))
			return places[i].place;
	return PLACE_UNKNOWN;
}

static bool is_wild(uint8_t c)
{
	return c == 'x' || c == 'X' || c == '*';
}

/* Length of the numbers that s begins with: "1.2.3", "2010-01-02", "2.x". */
static size_t numbers_length(struct span s, bool *wild)
{
	size_t n = 0;

	while (n < s.n) {
		uint8_t c = s.p[n], next = n + 1 < s.n ? s.p[n + 1] : 0;

		if (is_digit(c)) {
			n++;
		} else if ((c == '.' || c == '-' || c == ':') && is_digit(next)) {
			n++;
		} else if (c == '.' && is_wild(next) && (n + 2 == s.n || !is_alnum(s.p[n + 2]))) {
			*wild = true;
			n += 2;
		} else {
			break;
		}
	}
	return n;
}

/* "1.0@beta" and "1.0+build" are 1.0. */
static struct span strip(struct span s)
{
	s = span_trim(s);
	(void)span_rcut(s, '@', &s, &(struct span){0});
	(void)span_cut(s, '+', &s, &(struct span){0});
	if (s.n > 1 && (s.p[0] == 'v' || s.p[0] == 'V') && is_digit(s.p[1]))
		s = span_from(s, 1);
	return s;
}

static struct version version_of(struct span s)
{
	struct version v = {.words = s};
	size_t n;

	s = strip(s);
	if (s.n == 0 || !is_digit(s.p[0])) {
		v.branch = true;
		return v;
	}
	n = numbers_length(s, &v.wild);
	v.numbers = span_head(s, n);
	v.words = span_from(s, n);
	return v;
}

/* A number of the list, or what stands for a missing one. */
static struct span next_number(struct span *s, bool wild)
{
	struct span beyond = S("9999999"), digits;

	if (s->n == 0)
		return wild ? beyond : (struct span){0};
	if (!is_digit(s->p[0]))
		*s = span_from(*s, 1);
	if (s->n && is_wild(s->p[0])) {
		*s = span_from(*s, 1);
		return beyond;
	}
	digits = ver_digits(s);
	return digits;
}

static int numbers_cmp(const struct version *x, const struct version *y)
{
	struct span a = x->numbers, b = y->numbers;

	for (unsigned i = 0; i < 4 || a.n || b.n; i++) {
		int order = ver_number_cmp(next_number(&a, x->wild && i < 4),
					   next_number(&b, y->wild && i < 4));

		if (order)
			return order;
	}
	return 0;
}

/* "dev" may follow another word directly: "1.0pldev". */
static struct span next_word(struct span *s)
{
	struct span word, rest;

	while (s->n && !is_alnum(s->p[0]))
		*s = span_from(*s, 1);
	if (s->n && is_digit(s->p[0]))
		return ver_digits(s);
	rest = *s;
	word = ver_letters(&rest);
	if (word.n > 3 && span_ends_icase(word, S("dev")))
		word.n -= 3;
	*s = span_from(*s, word.n);
	return word;
}

/* "stable" is as good as nothing, whatever follows. */
static struct span known_word(struct span *s)
{
	struct span word = next_word(s);

	if (!span_is_icase(word, S("stable")))
		return word;
	*s = span_head(*s, 0);
	return *s;
}

static int word_cmp(struct span a, struct span b)
{
	bool number_a = a.n && is_digit(a.p[0]), number_b = b.n && is_digit(b.p[0]);
	int x = number_a || a.n == 0 ? PLACE_NUMBER : place(a);
	int y = number_b || b.n == 0 ? PLACE_NUMBER : place(b);

	if (x != y)
		return x > y ? 1 : -1;
	if (a.n == 0 || b.n == 0)
		return (a.n != 0) - (b.n != 0);
	if (number_a)
		return ver_number_cmp(a, b);
	return x == PLACE_UNKNOWN ? ver_icase_cmp(a, b) : 0;
}

int ver_composer(struct span a, struct span b)
{
	struct version x = version_of(a), y = version_of(b);
	int order;

	if (x.branch || y.branch)
		return x.branch != y.branch ? (x.branch ? -1 : 1) : ver_sign(span_cmp(a, b));
	order = numbers_cmp(&x, &y);
	while (order == 0 && (x.words.n || y.words.n))
		order = word_cmp(known_word(&x.words), known_word(&y.words));
	return order;
}
