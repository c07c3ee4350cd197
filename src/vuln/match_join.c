/* SPDX-License-Identifier: Apache-2.0 */
#include "vuln/match_join.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/strbuf.h"

void join_done(struct join *j)
{
	VEC_DONE(&j->hits);
	VEC_DONE(&j->clears);
	VEC_DONE(&j->texts);
	VEC_DONE(&j->findings);
	map_done(&j->names);
}

enum rmg_rc join_rc(const struct join *j)
{
	return j->rc != RMG_OK ? j->rc : arena_rc(j->arena);
}

void join_begin(struct join *j)
{
	j->hits.n = j->clears.n = 0;
}

static void no_memory(struct join *j)
{
	j->rc = RMG_E_NOMEM;
}

void join_add(struct join *j, const struct adv_rule *rule, const struct subject *subject,
	      enum rule_says says, const struct rule_match *match, uint32_t class)
{
	if (says == RULE_CLEAR &&
	    !VEC_PUSH(&j->clears, (struct clear){.card = rule->card, .class = class}))
		no_memory(j);
	if (says == RULE_AFFECTED &&
	    !VEC_PUSH(
		&j->hits,
		(struct hit){.rule = *rule, .match = *match, .subject = subject, .class = class}))
		no_memory(j);
}

/* Withdrawn advisories say nothing. */
static bool read_card(struct join *j, uint32_t i, struct adv_card *out)
{
	return advdb_card(j->db, i, out) && out->withdrawn.n == 0;
}

static void read_hits(struct join *j)
{
	size_t n = 0;

	VEC_EACH (h, &j->hits) {
		if (!read_card(j, h->rule.card, &h->card))
			continue;
		h->canonical = h->card.canonical.n ? h->card.canonical : h->card.id;
		j->hits.v[n++] = *h;
	}
	j->hits.n = n;
}

/* Only those count that come before a hit. */
static void read_clears(struct join *j)
{
	uint32_t last = 0;
	size_t n = 0;

	VEC_EACH (h, &j->hits)
		last = MAX_OF(last, h->class);
	VEC_EACH (c, &j->clears) {
		struct adv_card card;

		if (c->class >= last || !read_card(j, c->card, &card))
			continue;
		c->canonical = card.canonical.n ? card.canonical : card.id;
		j->clears.v[n++] = *c;
	}
	j->clears.n = n;
}

static bool is_cve(struct span id)
{
	return span_starts(id, S("CVE-"));
}

/* The i-th name of a card: its id, then its aliases. */
static bool card_name(struct join *j, const struct adv_card *card, uint32_t i, struct span *out)
{
	if (i == 0) {
		*out = card->id;
		return true;
	}
	return advdb_alias(j->db, card, i - 1, out);
}

/* Names that are not CVEs lead to the hit that has them; a record of several CVEs is none of them.
 */
static void name_hit(struct join *j, size_t i)
{
	struct span name;
	uint32_t have;

	for (uint32_t k = 0; card_name(j, &j->hits.v[i].card, k, &name); k++)
		if (!is_cve(name) && !map_add(&j->names, hash_span(name), (uint32_t)i, &have))
			no_memory(j);
}

static void adopt(struct join *j, struct hit *h)
{
	struct span name;

	for (uint32_t k = 0; card_name(j, &h->card, k, &name); k++) {
		uint32_t other = is_cve(name) ? MAP_NONE : map_find(&j->names, hash_span(name));

		if (other == MAP_NONE)
			continue;
		h->canonical = j->hits.v[other].canonical;
		return;
	}
}

/* GO-... that knows its GHSA-... only is the CVE that the GHSA record stands for. */
static void follow_aliases(struct join *j)
{
	map_clear(&j->names);
	for (size_t i = 0; i < j->hits.n; i++)
		if (is_cve(j->hits.v[i].canonical))
			name_hit(j, i);
	for (size_t i = 0; i < j->hits.n; i++) {
		struct hit *h = &j->hits.v[i];

		if (is_cve(h->canonical))
			continue;
		adopt(j, h);
		name_hit(j, i);
	}
}

static int hit_cmp(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;
	bool x_own = span_is(x->card.id, x->canonical), y_own = span_is(y->card.id, y->canonical);
	int order = span_cmp(x->canonical, y->canonical);

	if (order)
		return order;
	if (x->class != y->class)
		return x->class > y->class ? 1 : -1;
	if (x_own != y_own)
		return x_own ? -1 : 1;
	order = span_cmp(x->card.id, y->card.id);
	if (order)
		return order;
	return (x->rule.events > y->rule.events) - (x->rule.events < y->rule.events);
}

static int id_cmp(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;

	return span_cmp(x->card.id, y->card.id);
}

static int clear_cmp(const void *a, const void *b)
{
	const struct clear *x = a, *y = b;
	int order = span_cmp(x->canonical, y->canonical);

	return order ? order : (x->class > y->class) - (x->class < y->class);
}

static int text_cmp(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

/* Sorted, each once, in the verdict's arena. */
static const struct span *keep_texts(struct join *j, size_t *n)
{
	struct span *out;
	size_t kept = 0;

	if (j->texts.n)
		qsort(j->texts.v, j->texts.n, sizeof *j->texts.v, text_cmp);
	out = ARENA_ARRAY(j->arena, j->texts.n, struct span);
	for (size_t i = 0; out && i < j->texts.n; i++)
		if (kept == 0 || !span_is(out[kept - 1], j->texts.v[i]))
			out[kept++] = j->texts.v[i];
	*n = kept;
	return out;
}

static void add_text(struct join *j, struct span text)
{
	if (!VEC_PUSH(&j->texts, text))
		no_memory(j);
}

static void set_aliases(struct join *j, struct finding *f, const struct hit *hits, size_t n)
{
	struct span name;

	j->texts.n = 0;
	for (size_t i = 0; i < n; i++)
		for (uint32_t k = 0; card_name(j, &hits[i].card, k, &name); k++)
			if (!span_is(name, f->id))
				add_text(j, name);
	f->aliases = keep_texts(j, &f->n_aliases);
}

/* Insertion into a list that stays short: fixes of one vulnerability on one package. */
static void set_fixed(struct join *j, struct finding *f, const struct hit *hits, size_t n)
{
	struct span *fixed = ARENA_ARRAY(j->arena, n, struct span);
	size_t kept = 0;

	for (size_t i = 0; fixed && i < n && kept < 64; i++) {
		struct span version = hits[i].match.fixed;
		size_t at = kept;
		int order = 1;

		if (version.n == 0)
			continue;
		while (at > 0 && (order = hits[i].subject->cmp(version, fixed[at - 1])) < 0)
			at--;
		if (at > 0 && order == 0)
			continue;
		memmove(fixed + at + 1, fixed + at, (kept - at) * sizeof *fixed);
		fixed[at] = version;
		kept++;
	}
	f->fixed = fixed;
	f->n_fixed = kept;
}

static void set_cvss(struct join *j, struct finding *f, const struct hit *hits, size_t n)
{
	struct adv_cvss *out;
	size_t most = 0, kept = 0;

	for (size_t i = 0; i < n; i++)
		most += hits[i].card.n_cvss;
	most = MIN_OF(most, (size_t)64);
	out = ARENA_ARRAY(j->arena, most, struct adv_cvss);
	for (size_t i = 0; out && i < n; i++) {
		struct adv_cvss c;

		for (uint32_t k = 0; kept < most && advdb_cvss(j->db, &hits[i].card, k, &c); k++) {
			bool have = false;

			for (size_t o = 0; o < kept && !have; o++)
				have = span_is(out[o].vector, c.vector);
			if (!have)
				out[kept++] = c;
		}
	}
	f->cvss = out;
	f->n_cvss = kept;
}

/* How good a word of severity is: the publisher's for this package, GitHub's, another's, a score.
 */
static unsigned trust_in(const struct hit *h)
{
	if (h->rule.severity != SEV_UNKNOWN)
		return 4;
	if (h->card.severity == SEV_UNKNOWN)
		return 0;
	if (span_is(h->card.severity_from, S("ghsa")))
		return 3;
	return span_is(h->card.severity_from, S("cvss")) ? 1 : 2;
}

static void set_severity(struct join *j, struct finding *f, const struct hit *hits, size_t n)
{
	unsigned best = 0;
	double worst = -1;

	for (size_t i = 0; i < n; i++) {
		unsigned trust = trust_in(&hits[i]);
		bool own = trust == 4;
		enum adv_severity s = own ? hits[i].rule.severity : hits[i].card.severity;

		if (trust == 0 || trust < best || (trust == best && s <= f->severity))
			continue;
		best = trust;
		f->severity = s;
		f->severity_from =
		    own ? j->sources[hits[i].rule.source] : hits[i].card.severity_from;
	}
	if (f->severity != SEV_UNKNOWN)
		return;
	for (size_t i = 0; i < f->n_cvss; i++)
		worst = MAX_OF(worst, f->cvss[i].score);
	if (worst < 0)
		return;
	f->severity = cvss_severity(worst);
	f->severity_from = S("cvss");
}

static void set_scores(struct finding *f, const struct hit *hits, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct adv_card *c = &hits[i].card;

		if (c->has_epss && !f->has_epss) {
			f->has_epss = true;
			f->epss = c->epss;
			f->epss_percentile = c->epss_percentile;
		}
		if (c->has_kev && !f->has_kev) {
			f->has_kev = true;
			f->kev_added = c->kev_added;
			f->kev_due = c->kev_due;
		}
	}
}

/* Plainly affected outweighs the milder words. A fix that is known makes it "fixed". */
static void set_status(struct finding *f, const struct hit *hits, size_t n)
{
	static const uint8_t weight[] = {
	    [ADV_AFFECTED] = 4,     [ADV_FIXED] = 0,
	    [ADV_NOT_AFFECTED] = 0, [ADV_UNDER_INVESTIGATION] = 1,
	    [ADV_WONT_FIX] = 3,     [ADV_END_OF_LIFE] = 2,
	};
	const struct adv_rule *best = &hits[0].rule;

	for (size_t i = 1; i < n; i++)
		if (weight[hits[i].rule.status] > weight[best->status])
			best = &hits[i].rule;
	f->status = best->status;
	f->status_text = best->status_text;
	if (f->status == ADV_AFFECTED && f->n_fixed)
		f->status = ADV_FIXED;
}

static void put_event(struct strbuf *b, const struct adv_event *e)
{
	static const char *const words[] = {"introduced", "fixed", "last_affected", "limit"};

	strbuf_printf(b, "%s ", words[e->kind]);
	strbuf_put(b, e->version);
}

/* "Debian:12 openssl: introduced 0, fixed 3.0.11-1" */
static struct span why_of(struct join *j, const struct hit *h)
{
	struct strbuf b = strbuf_of(KIB(16));
	struct adv_event e;
	struct span why;

	strbuf_put(&b, h->subject->ecosystem);
	strbuf_putc(&b, ' ');
	strbuf_put(&b, h->subject->name);
	strbuf_puts(&b, ": ");
	if (h->match.listed) {
		strbuf_puts(&b, "version ");
		strbuf_put(&b, h->subject->version);
		strbuf_puts(&b, " is listed");
	}
	for (uint32_t i = 0; i < h->match.n; i++) {
		if (!advdb_event(j->db, &h->rule, h->match.first + i, &e))
			break;
		strbuf_puts(&b, i ? ", " : "");
		put_event(&b, &e);
	}
	if (h->subject->no_epoch)
		strbuf_puts(&b, " (epochs ignored)");
	why = arena_dup(j->arena, strbuf_span(&b));
	if (strbuf_rc(&b) == RMG_E_NOMEM)
		no_memory(j);
	strbuf_done(&b);
	return why;
}

static struct span first_of(struct span a, struct span b)
{
	return a.n ? a : b;
}

static void set_texts(struct finding *f, const struct hit *hits, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		f->summary = first_of(f->summary, hits[i].card.summary);
		f->url = first_of(f->url, hits[i].card.url);
		f->published = first_of(f->published, hits[i].card.published);
		f->modified = first_of(f->modified, hits[i].card.modified);
	}
}

static void make_finding(struct join *j, uint32_t component, const struct hit *hits, size_t n)
{
	struct finding f = {.id = hits[0].canonical, .component = component};

	set_aliases(j, &f, hits, n);
	set_fixed(j, &f, hits, n);
	set_cvss(j, &f, hits, n);
	set_severity(j, &f, hits, n);
	set_scores(&f, hits, n);
	set_status(&f, hits, n);
	set_texts(&f, hits, n);
	f.why = why_of(j, &hits[0]);
	f.source = j->sources[hits[0].rule.source];
	if (!VEC_PUSH(&j->findings, f))
		no_memory(j);
}

/* Whether a publisher that comes before the hit has cleared it; clears are sorted. */
static bool is_cleared(const struct join *j, size_t *at, const struct hit *h)
{
	const struct clear *c = j->clears.v;

	while (*at < j->clears.n && span_cmp(c[*at].canonical, h->canonical) < 0)
		(*at)++;
	return *at < j->clears.n && span_is(c[*at].canonical, h->canonical) &&
	       c[*at].class < h->class;
}

void join_component(struct join *j, uint32_t component)
{
	size_t n, clear = 0;

	read_hits(j);
	if (j->hits.n == 0)
		return;
	read_clears(j);
	qsort(j->hits.v, j->hits.n, sizeof *j->hits.v, id_cmp);
	follow_aliases(j);
	qsort(j->hits.v, j->hits.n, sizeof *j->hits.v, hit_cmp);
	if (j->clears.n)
		qsort(j->clears.v, j->clears.n, sizeof *j->clears.v, clear_cmp);
	for (size_t i = 0; i < j->hits.n && join_rc(j) == RMG_OK; i += n) {
		const struct hit *first = &j->hits.v[i];
		size_t same = 0;

		for (n = 0; i + n < j->hits.n && span_is(first[n].canonical, first->canonical); n++)
			same += first[n].class == first->class;
		if (!is_cleared(j, &clear, first))
			make_finding(j, component, first, same);
	}
}
