/* SPDX-License-Identifier: Apache-2.0 */
/* ver_maven.c - ComparableVersion of Maven 3.9.
 *
 * A version is a list of numbers and words; a hyphen, and a change between digit and letter, begin
 * a list within it, which is always the last thing in its parent. So the nested lists are read here
 * as one run of items with OPEN between, and two versions are compared level by level. Items that
 * mean nothing (0, "ga", "final", "release") do not count at the end of their list. */
#include "vuln/ver.h"

enum kind { KIND_NUMBER, KIND_WORD, KIND_OPEN, KIND_END };

struct item {
	enum kind kind;
	struct span text;
	bool before_digit; /* a word that a digit follows: "a1" is alpha-1 */
};

struct lexer {
	struct span s;
	size_t i, start;
	bool digit, empty; /* the character before was a digit; the list has no item yet */
	struct item queue[3];
	unsigned n, at;
};

/* Ranks of known words; a word that is not known comes after all of them. */
#define RANK_RELEASE 5
#define RANK_UNKNOWN 7

static int rank(const struct item *w)
{
	static const struct {
		const char *word;
		int rank;
	} words[] = {
	    {"alpha", 0},
	    {"beta", 1},
	    {"milestone", 2},
	    {"rc", 3},
	    {"cr", 3},
	    {"snapshot", 4},
	    {"", RANK_RELEASE},
	    {"ga", RANK_RELEASE},
	    {"final", RANK_RELEASE},
	    {"release", RANK_RELEASE},
	    {"sp", 6},
	};

	if (w->before_digit && w->text.n == 1) {
		switch (to_lower(w->text.p[0])) {
		case 'a':
			return 0;
		case 'b':
			return 1;
		case 'm':
			return 2;
		default:
			break;
		}
	}
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (span_is_icase(w->text, span_cstr(words[i].word)))
			return words[i].rank;
	return RANK_UNKNOWN;
}

static void put_item(struct lexer *l, bool number, struct span text, bool before_digit)
{
	l->queue[l->n++] = (struct item){number ? KIND_NUMBER : KIND_WORD, text, before_digit};
	l->empty = false;
}

static void put_open(struct lexer *l)
{
	l->queue[l->n++] = (struct item){.kind = KIND_OPEN};
	l->empty = true;
}

static struct span since_start(const struct lexer *l)
{
	return span_of(l->s.p + l->start, l->i - l->start);
}

/* A separator ends an item; where there is none, it stands for 0. */
static void put_separated(struct lexer *l)
{
	if (l->i == l->start)
		put_item(l, true, S("0"), false);
	else
		put_item(l, l->digit, since_start(l), false);
	l->start = l->i + 1;
}

static void scan_character(struct lexer *l)
{
	uint8_t c = l->s.p[l->i];

	if (c == '.') {
		put_separated(l);
	} else if (c == '-') {
		put_separated(l);
		put_open(l);
	} else if (is_digit(c)) {
		if (!l->digit && l->i > l->start) {
			if (!l->empty)
				put_open(l);
			put_item(l, false, since_start(l), true);
			l->start = l->i;
			put_open(l);
		}
		l->digit = true;
	} else {
		if (l->digit && l->i > l->start) {
			put_item(l, true, since_start(l), false);
			l->start = l->i;
			put_open(l);
		}
		l->digit = false;
	}
	l->i++;
}

static void scan_rest(struct lexer *l)
{
	if (l->start < l->s.n) {
		if (!l->digit && !l->empty)
			put_open(l);
		put_item(l, l->digit, since_start(l), false);
		l->start = l->s.n;
	} else {
		l->queue[l->n++] = (struct item){.kind = KIND_END};
	}
}

static struct item next_item(struct lexer *l)
{
	if (l->at == l->n) {
		l->at = l->n = 0;
		while (l->n == 0 && l->i < l->s.n)
			scan_character(l);
		if (l->n == 0)
			scan_rest(l);
	}
	return l->queue[l->at++];
}

static bool is_null(const struct item *t)
{
	if (t->kind == KIND_NUMBER)
		return ver_number_cmp(t->text, (struct span){0}) == 0;
	return t->kind == KIND_WORD && rank(t) == RANK_RELEASE;
}

static bool is_item(const struct item *t)
{
	return t->kind == KIND_NUMBER || t->kind == KIND_WORD;
}

/* Items with what ends the lists already dropped. Every item has a number, so that what was found
 * by looking ahead is remembered and the whole stays linear. */
struct cursor {
	struct lexer lexer;
	size_t items; /* items given or passed so far */
	size_t last;  /* items up to and with the last that means something, in the whole version */
	size_t inner_until; /* null items before this one are followed by others in their list */
};

static struct cursor cursor_of(struct span s)
{
	struct lexer ahead = {.s = s, .empty = true};
	struct cursor c = {.lexer = ahead};
	size_t n = 0;

	for (struct item t = next_item(&ahead); t.kind != KIND_END; t = next_item(&ahead)) {
		if (!is_item(&t))
			continue;
		n++;
		if (!is_null(&t))
			c.last = n;
	}
	return c;
}

/* Whether the null item just taken is followed by one that means something before its list ends. */
static bool is_inner(struct cursor *c)
{
	struct lexer ahead = c->lexer;
	size_t n = c->items;

	if (c->items < c->inner_until)
		return true;
	for (struct item t = next_item(&ahead); is_item(&t); t = next_item(&ahead)) {
		n++;
		if (is_null(&t))
			continue;
		c->inner_until = n;
		return true;
	}
	return false;
}

/* The next element of this level: an item, OPEN for the list that ends it, or END. */
static struct item next_element(struct cursor *c)
{
	struct item t = next_item(&c->lexer);

	while (is_item(&t)) {
		c->items++;
		if (!is_null(&t) || is_inner(c))
			return t;
		/* The rest of this list is null. */
		do {
			t = next_item(&c->lexer);
			if (is_item(&t))
				c->items++;
		} while (is_item(&t));
	}
	if (t.kind == KIND_OPEN && c->items >= c->last)
		t.kind = KIND_END;
	return t;
}

/* What is left of one version where the other has ended: the first item that means something. */
static int rest_cmp(struct item t, struct cursor *c)
{
	while (t.kind == KIND_OPEN || (is_item(&t) && is_null(&t)))
		t = next_element(c);
	if (t.kind == KIND_END)
		return 0;
	return t.kind == KIND_NUMBER || rank(&t) > RANK_RELEASE ? 1 : -1;
}

static int word_cmp(const struct item *x, const struct item *y)
{
	int a = rank(x), b = rank(y);

	if (a != b)
		return a > b ? 1 : -1;
	return a == RANK_UNKNOWN ? ver_icase_cmp(x->text, y->text) : 0;
}

/* Both are elements. Numbers beat lists, lists beat words. */
static int element_cmp(const struct item *x, const struct item *y)
{
	static const int strength[] = {[KIND_NUMBER] = 2, [KIND_WORD] = 0, [KIND_OPEN] = 1};

	if (x->kind != y->kind)
		return strength[x->kind] > strength[y->kind] ? 1 : -1;
	if (x->kind == KIND_NUMBER)
		return ver_number_cmp(x->text, y->text);
	return x->kind == KIND_WORD ? word_cmp(x, y) : 0;
}

int ver_maven(struct span a, struct span b)
{
	struct cursor x = cursor_of(a), y = cursor_of(b);

	for (;;) {
		struct item l = next_element(&x), r = next_element(&y);
		int order;

		if (l.kind == KIND_END)
			return -rest_cmp(r, &y);
		if (r.kind == KIND_END)
			return rest_cmp(l, &x);
		order = element_cmp(&l, &r);
		if (order)
			return order;
	}
}
