/* SPDX-License-Identifier: Apache-2.0 */
/* match.c - which keys of the database a component is asked for, and under which version.
 *
 * deb        the source package's name and version: Debian's and Ubuntu's feeds speak of sources; a
 * rebuilt binary ("+b1") has a version that its source never had. apk        the source's
 * (origin's) name, then its own: secdb files speak of origins, other feeds of both, and a name is
 * used once in a repository. rpm        its own name, a missing epoch being 0 as rpm has it; then
 * the source's name without epochs: a source file's name has none, and advisories do
 * ("4:5.26.3-419" for perl-5.26.3-419). A stream of a module is judged by advisories on that
 * stream. others     the language's registry. What a distribution's own package holds is not a
 * component, so that a backported fix is not taken for a missing one.
 *
 * Headers of a kernel are not a kernel: advisories on the kernel's source do not concern them. They
 * are counted in a note. A kernel that is in an image is judged: it may be booted. */
#include "vuln/match.h"

#include "base/err.h"
#include "base/limits.h"
#include "vuln/ecosystem.h"
#include "vuln/match_join.h"

enum { MAX_ECOSYSTEMS = 24, MAX_SUBJECTS = 2 * MAX_ECOSYSTEMS, CLASSES = 3 };

struct matcher {
	const struct inventory *inv;
	struct advdb *db;
	struct verdict *v;
	struct join join;
	struct arena scratch; /* of one component */
	struct span *sources;
	uint8_t *source_class;
	struct span ecosystems[MAX_ECOSYSTEMS]; /* of the distribution, in the database */
	size_t n_ecosystems;
	struct subject subjects[MAX_SUBJECTS];
	size_t n_subjects;
	VEC(struct layer_note) notes;
	VEC(struct span) uncovered; /* language ecosystems that no feed covers, told of */
	size_t unversioned;
};

static int (*const cmp_of[ORDER_COUNT])(struct span a, struct span b) = {
#define X(name, fn) [ORDER_##name] = fn,
#include "vuln/vercmp.def"
#undef X
};

static void note(struct matcher *m, enum note_level level, struct span code, struct span text)
{
	struct layer_note n = {
	    .note = {.level = level, .code = code, .cataloger = S("match"), .text = text},
	    .layer = NO_LAYER};

	if (!VEC_PUSH(&m->notes, n))
		m->join.rc = RMG_E_NOMEM;
	if (level == NOTE_LOST)
		m->v->complete = false;
}

static struct span count_text(struct matcher *m, size_t n)
{
	char text[32];
	int len = snprintf(text, sizeof text, "%zu", n);

	return arena_dup(&m->v->arena, span_of(text, (size_t)len));
}

static void read_sources(struct matcher *m)
{
	size_t n = m->db->n_sources;

	m->sources = ARENA_ARRAY(&m->v->arena, n + 1, struct span);
	m->source_class = ARENA_ARRAY(&m->v->arena, n + 1, uint8_t);
	for (uint32_t i = 0; m->sources && m->source_class && i < n; i++) {
		struct adv_source s;

		if (!advdb_source(m->db, i, &s))
			continue;
		m->sources[i] = s.name;
		if (s.starter)
			m->source_class[i] = 2;
		else if (span_is(s.name, S("osv")))
			m->source_class[i] = 1;
	}
}

static void find_ecosystems(struct matcher *m)
{
	struct span all[MAX_ECOSYSTEMS];
	size_t n = os_ecosystems(&m->inv->os, &m->v->arena, all, COUNT_OF(all));

	for (size_t i = 0; i < n; i++)
		if (advdb_covers(m->db, all[i]))
			m->ecosystems[m->n_ecosystems++] = all[i];
}

static void add_subject(struct matcher *m, struct subject s)
{
	if (m->n_subjects == COUNT_OF(m->subjects) || s.name.n == 0 || s.version.n == 0)
		return;
	s.rank = (uint32_t)m->n_subjects;
	m->subjects[m->n_subjects++] = s;
}

static void os_subjects(struct matcher *m, const struct pkg *p, struct span ecosystem)
{
	struct subject own = {
	    .ecosystem = ecosystem, .name = p->name, .version = p->version, .module = p->module};
	struct subject source = own;
	enum version_order order;

	if (!ecosystem_order(ecosystem, &order) ||
	    !span_is(p->type, span_cstr(version_order_name(order))))
		return;
	own.cmp = source.cmp = cmp_of[order];
	if (p->src_name.n)
		source.name = p->src_name;
	if (p->src_version.n)
		source.version = p->src_version;
	if (order == ORDER_rpm) {
		source.cmp = ver_rpm_no_epoch;
		source.no_epoch = true;
		add_subject(m, own);
		if (!span_is(source.name, own.name))
			add_subject(m, source);
	} else {
		add_subject(m, source);
		if (order != ORDER_deb && !span_is(source.name, own.name))
			add_subject(m, own);
	}
}

/* "group:artifact" for Maven, the path for all others. */
static struct span registry_name(const struct pkg *p, struct arena *a)
{
	bool maven = span_is(p->type, S("maven"));

	if (p->ns.n == 0)
		return maven && span_chr(p->name, ':') == SIZE_MAX ? (struct span){0} : p->name;
	return ARENA_JOIN(a, p->ns, maven ? S(":") : S("/"), p->name);
}

size_t match_names(const struct pkg *p, bool is_os, struct arena *a, struct span out[MATCH_NAMES])
{
	struct span ecosystem;
	size_t n = 0;

	if (is_os) {
		out[n++] = p->name;
		if (p->src_name.n && !span_is(p->src_name, p->name))
			out[n++] = p->src_name;
		return n;
	}
	for (size_t i = 0; n < MATCH_NAMES && ecosystem_of_type(p->type, i, &ecosystem); i++)
		out[n++] = ecosystem_name(ecosystem, registry_name(p, a), a);
	return n;
}

/* Whether it is the first time that this ecosystem or kind of package is told of. */
static bool is_news(struct matcher *m, struct span what)
{
	VEC_EACH (e, &m->uncovered)
		if (span_is(*e, what))
			return false;
	if (!VEC_PUSH(&m->uncovered, what))
		m->join.rc = RMG_E_NOMEM;
	return true;
}

/* The database lacks a feed that there is. */
static void tell_no_feed(struct matcher *m, struct span ecosystem)
{
	if (is_news(m, ecosystem))
		note(m, NOTE_LOST, S("no-feed"),
		     ARENA_JOIN(&m->v->arena, S("no advisory feed in the database covers "),
				ecosystem, S(": its packages are not judged")));
}

/* There is no feed that speaks of such packages. */
static void tell_no_ecosystem(struct matcher *m, struct span type)
{
	if (is_news(m, type))
		note(m, NOTE_WARN, S("no-ecosystem"),
		     ARENA_JOIN(&m->v->arena, S("packages of type "), type,
				S(" are not judged: no advisory feed speaks of them")));
}

static void language_subjects(struct matcher *m, const struct pkg *p)
{
	struct span ecosystem, name = registry_name(p, &m->scratch);
	bool covered = false;
	size_t i = 0;

	for (; ecosystem_of_type(p->type, i, &ecosystem); i++) {
		struct subject s = {.ecosystem = ecosystem, .version = p->version};
		enum version_order order;

		if (!advdb_covers(m->db, ecosystem) || !ecosystem_order(ecosystem, &order))
			continue;
		covered = true;
		s.name = ecosystem_name(ecosystem, name, &m->scratch);
		s.cmp = cmp_of[order];
		add_subject(m, s);
	}
	if (i == 0)
		tell_no_ecosystem(m, p->type);
	else if (!covered && ecosystem_of_type(p->type, i - 1, &ecosystem))
		tell_no_feed(m, ecosystem);
}

static bool is_version(struct span version)
{
	return version.n != 0 && !span_is(version, S("(devel)"));
}

static void subjects_of(struct matcher *m, const struct component *c)
{
	m->n_subjects = 0;
	if (!is_version(c->pkg.version)) {
		m->unversioned++;
		return;
	}
	if (!c->is_os)
		language_subjects(m, &c->pkg);
	for (size_t i = 0; c->is_os && i < m->n_ecosystems; i++)
		os_subjects(m, &c->pkg, m->ecosystems[i]);
}

static void ask(struct matcher *m, const struct subject *s)
{
	struct adv_range range = advdb_find(m->db, s->ecosystem, s->name);

	for (uint32_t i = 0; i < range.n; i++) {
		struct adv_rule rule;
		struct rule_match match = {0};
		enum rule_says says;

		if (!advdb_rule(m->db, range.first + i, &rule))
			return;
		if (rule.source >= m->db->n_sources) {
			m->db->bad = true;
			continue;
		}
		says = rule_judge(m->db, &rule, s, &match);
		join_add(&m->join, &rule, s, says, &match,
			 s->rank * CLASSES + m->source_class[rule.source]);
	}
}

/* Packages that are made of a kernel's source and hold no code of it. */
static bool is_kernel_headers(const struct pkg *p)
{
	static const char *const deb[] = {"linux-libc-dev", "linux-headers-", "linux-kbuild-",
					  "linux-doc",      "linux-source",   "linux-compiler-"};
	static const char *const rpm[] = {
	    "kernel-headers",  "kernel-devel",     "kernel-doc",           "kernel-64k-devel",
	    "kernel-rt-devel", "kernel-uek-devel", "kernel-default-devel", "kernel-macros"};
	bool is_deb = span_is(p->type, S("deb"));
	struct span source = p->src_name.n ? p->src_name : p->name;

	if (is_deb && span_starts(source, S("linux"))) {
		for (size_t i = 0; i < COUNT_OF(deb); i++)
			if (span_starts(p->name, span_cstr(deb[i])))
				return true;
	}
	for (size_t i = 0; span_is(p->type, S("rpm")) && i < COUNT_OF(rpm); i++)
		if (span_starts(p->name, span_cstr(rpm[i])))
			return true;
	return span_is(p->type, S("apk")) && span_is(p->name, S("linux-headers"));
}

static void tell_headers(struct matcher *m, const struct pkg *p)
{
	size_t n = m->join.hits.n;

	if (n)
		note(m, NOTE_INFO, S("kernel-headers"),
		     ARENA_JOIN(&m->v->arena, p->name, S(" holds a kernel's headers only: "),
				count_text(m, n),
				S(" advisories on the kernel itself are not counted")));
}

static void match_component(struct matcher *m, uint32_t i)
{
	const struct component *c = &m->inv->components[i];

	arena_reset(&m->scratch);
	subjects_of(m, c);
	join_begin(&m->join);
	for (size_t s = 0; s < m->n_subjects; s++)
		ask(m, &m->subjects[s]);
	if (is_kernel_headers(&c->pkg))
		tell_headers(m, &c->pkg);
	else
		join_component(&m->join, i);
}

/* Packages of a kind that no feed of this distribution speaks of are not judged, and that is said.
 */
static bool is_judged(const struct matcher *m, const struct pkg *p)
{
	for (size_t i = 0; i < m->n_ecosystems; i++) {
		enum version_order order;

		if (ecosystem_order(m->ecosystems[i], &order) &&
		    span_is(p->type, span_cstr(version_order_name(order))))
			return true;
	}
	return false;
}

static struct span os_name(const struct matcher *m)
{
	const struct os *os = &m->inv->os;

	if (os->version_id.n || os->codename.n)
		return ARENA_JOIN(&m->v->arena, os->id, S(" "),
				  os->version_id.n ? os->version_id : os->codename);
	return os->id;
}

static void check_distribution(struct matcher *m)
{
	size_t lost = 0;

	for (size_t i = 0; i < m->inv->n_components; i++)
		lost += m->inv->components[i].is_os && !is_judged(m, &m->inv->components[i].pkg);
	if (lost == 0)
		return;
	if (m->inv->os.id.n == 0)
		note(m, NOTE_LOST, S("no-distribution"),
		     ARENA_JOIN(&m->v->arena, S("the distribution is not known: "),
				count_text(m, lost), S(" of its packages are not judged")));
	else
		note(m, NOTE_LOST, S("no-feed"),
		     ARENA_JOIN(&m->v->arena, S("no advisory feed in the database covers "),
				os_name(m), S(": "), count_text(m, lost),
				S(" of its packages are not judged")));
}

static int finding_cmp(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->severity != y->severity)
		return x->severity < y->severity ? 1 : -1;
	if (x->has_kev != y->has_kev)
		return x->has_kev ? -1 : 1;
	if (x->epss < y->epss || x->epss > y->epss)
		return x->epss < y->epss ? 1 : -1;
	if (x->component != y->component)
		return x->component > y->component ? 1 : -1;
	return span_cmp(x->id, y->id);
}

static void tell_doubts(struct matcher *m)
{
	if (m->unversioned)
		note(m, NOTE_WARN, S("no-version"),
		     ARENA_JOIN(&m->v->arena, count_text(m, m->unversioned),
				S(" components without a version are not judged")));
	if (m->db->bad)
		note(m, NOTE_LOST, S("db-damaged"),
		     S("the advisory database is damaged: findings may be missing"));
}

static void keep(struct matcher *m)
{
	struct verdict *v = m->v;

	v->n_findings = m->join.findings.n;
	v->findings = ARENA_ARRAY(&v->arena, v->n_findings, struct finding);
	if (v->findings && v->n_findings) {
		memcpy(v->findings, m->join.findings.v, v->n_findings * sizeof *v->findings);
		qsort(v->findings, v->n_findings, sizeof *v->findings, finding_cmp);
	}
	v->n_notes = m->notes.n;
	v->notes = ARENA_ARRAY(&v->arena, v->n_notes, struct layer_note);
	if (v->notes && v->n_notes)
		memcpy(v->notes, m->notes.v, v->n_notes * sizeof *v->notes);
}

static enum rmg_rc run(struct matcher *m)
{
	read_sources(m);
	if (arena_rc(&m->v->arena) != RMG_OK)
		return arena_rc(&m->v->arena);
	m->join.sources = m->sources;
	find_ecosystems(m);
	for (size_t i = 0; i < m->inv->n_components && join_rc(&m->join) == RMG_OK; i++)
		match_component(m, (uint32_t)i);
	check_distribution(m);
	tell_doubts(m);
	keep(m);
	if (arena_rc(&m->scratch) != RMG_OK)
		return arena_rc(&m->scratch);
	return join_rc(&m->join);
}

enum rmg_rc match_inventory(const struct inventory *inv, struct advdb *db, struct verdict **out,
			    struct rmg_err *err)
{
	struct matcher m = {.inv = inv, .db = db};
	enum rmg_rc rc;

	m.v = calloc(1, sizeof *m.v);
	if (m.v == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a verdict");
	arena_init(&m.v->arena, LIMIT_REPORT_BYTES);
	arena_init(&m.scratch, MIB(16));
	m.v->inventory = inv;
	m.v->db = db;
	m.v->complete = inv->complete;
	m.join.db = db;
	m.join.arena = &m.v->arena;
	rc = run(&m);
	join_done(&m.join);
	VEC_DONE(&m.notes);
	VEC_DONE(&m.uncovered);
	arena_done(&m.scratch);
	if (rc != RMG_OK) {
		verdict_free(m.v);
		return err_set(err, rc, "no memory for the findings");
	}
	*out = m.v;
	return RMG_OK;
}

void verdict_free(struct verdict *v)
{
	if (v == NULL)
		return;
	arena_done(&v->arena);
	free(v);
}
