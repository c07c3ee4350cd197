/* SPDX-License-Identifier: Apache-2.0 */
/* write_table.c - for people: findings grouped by component, the worst component first; then what
 * was seen, and loudly what was not. Text of the image is shown clean: control bytes and broken
 * UTF-8 as '?'. Widths are columns of the terminal (utf8_width). */
#include "base/utf8.h"
#include "report/write.h"

enum { COL_COMPONENT, COL_INSTALLED, COL_ADVISORY, COL_SEVERITY, COL_FIXED, COL_LAYER, COLS };

static const struct {
	const char *title;
	size_t least; /* columns that it keeps when the terminal is narrow */
	bool shrinks;
} cols[COLS] = {
    [COL_COMPONENT] = {"COMPONENT", 16, true}, [COL_INSTALLED] = {"INSTALLED", 10, true},
    [COL_ADVISORY] = {"ADVISORY", 8, false},   [COL_SEVERITY] = {"SEVERITY", 8, false},
    [COL_FIXED] = {"FIXED IN", 10, true},      [COL_LAYER] = {"LAYER", 5, false},
};

enum { GAP = 2, NOTES_SHOWN = 50 };

struct table {
	const struct report_input *in;
	struct strbuf *out;
	size_t width[COLS];
	uint32_t *next; /* finding -> the next one of its component */
	uint32_t *head; /* component -> its first finding */
	struct strbuf cell;
};

static const char *severity_sgr(enum adv_severity s)
{
	switch (s) {
	case SEV_CRITICAL:
		return "1;31";
	case SEV_HIGH:
		return "31";
	case SEV_MEDIUM:
		return "33";
	case SEV_LOW:
		return "36";
	case SEV_UNKNOWN:
	case SEV_NEGLIGIBLE:
		break;
	}
	return "2";
}

static void put_sgr(struct table *t, const char *sgr)
{
	if (t->in->color)
		strbuf_printf(t->out, "\033[%sm", sgr);
}

/* A line that must not be overlooked. */
static void put_loud(struct table *t, const char *sgr, const char *text)
{
	put_sgr(t, sgr);
	strbuf_puts(t->out, text);
	put_sgr(t, "0");
	strbuf_putc(t->out, '\n');
}

/* Appends s as clean text. */
static void put_clean(struct strbuf *out, struct span s)
{
	size_t at = out->n;

	strbuf_put(out, s);
	if (strbuf_rc(out) != RMG_OK || s.n == 0)
		return;
	for (size_t i = at; i < out->n; i++) {
		if (out->p[i] == '\0') /* would end the cleaning */
			out->p[i] = '?';
	}
	utf8_clean_cstr(out->p + at, s.n + 1);
}

static void cell_component(struct table *t, const struct component *c)
{
	struct strbuf name = strbuf_of(1 << 16);

	report_name(&name, &c->pkg);
	put_clean(&t->cell, strbuf_span(&name));
	strbuf_puts(&t->cell, " (");
	put_clean(&t->cell, c->pkg.type);
	strbuf_putc(&t->cell, ')');
	strbuf_done(&name);
}

static void cell_fixed(struct table *t, const struct finding *f)
{
	for (size_t i = 0; i < f->n_fixed; i++) {
		if (i)
			strbuf_puts(&t->cell, ", ");
		put_clean(&t->cell, f->fixed[i]);
	}
	if (f->n_fixed)
		return;
	if (f->status == ADV_WONT_FIX)
		strbuf_puts(&t->cell, "(will not fix)");
	else if (f->status == ADV_END_OF_LIFE)
		strbuf_puts(&t->cell, "(end of life)");
	else if (f->status == ADV_UNDER_INVESTIGATION)
		strbuf_puts(&t->cell, "(in question)");
	else
		strbuf_puts(&t->cell, "-");
}

/* The text of one cell into t->cell. */
static void make_cell(struct table *t, const struct finding *f, int col, bool first)
{
	const struct component *c = &t->in->inv->components[f->component];

	strbuf_clear(&t->cell);
	if (col == COL_COMPONENT && first) {
		cell_component(t, c);
	} else if (col == COL_INSTALLED && first) {
		put_clean(&t->cell, c->pkg.version);
	} else if (col == COL_ADVISORY) {
		put_clean(&t->cell, f->id);
		if (f->has_kev)
			strbuf_puts(&t->cell, " !");
	} else if (col == COL_SEVERITY) {
		strbuf_puts(&t->cell, severity_name(f->severity));
	} else if (col == COL_FIXED) {
		cell_fixed(t, f);
	} else if (col == COL_LAYER && c->layer != NO_LAYER) {
		strbuf_printf(&t->cell, "%u", c->layer);
		if (c->origin != ORIGIN_UNKNOWN)
			strbuf_printf(&t->cell, " %s", origin_name(c->origin));
	}
}

static bool is_shown(const struct finding *f)
{
	return f->suppressed == NULL;
}

static void measure(struct table *t)
{
	const struct verdict *v = t->in->verdict;
	size_t total = GAP * (COLS - 1), most;

	for (int col = 0; col < COLS; col++)
		t->width[col] = strlen(cols[col].title);
	for (size_t i = 0; i < v->n_findings; i++) {
		bool first = t->head[v->findings[i].component] == i;

		for (int col = 0; col < COLS && is_shown(&v->findings[i]); col++) {
			make_cell(t, &v->findings[i], col, first);
			t->width[col] = MAX_OF(t->width[col], utf8_width(strbuf_span(&t->cell)));
		}
	}
	for (int col = 0; col < COLS; col++)
		total += t->width[col];
	/* Too wide: the widest column that may shrink gives way, column by column. */
	while (t->in->columns && total > t->in->columns) {
		most = COLS;
		for (size_t col = 0; col < COLS; col++) {
			if (cols[col].shrinks && t->width[col] > cols[col].least &&
			    (most == COLS || t->width[col] > t->width[most]))
				most = col;
		}
		if (most == COLS)
			break;
		t->width[most]--;
		total--;
	}
}

/* The longest head of s that takes at most width columns. */
static struct span fit(struct span s, size_t width)
{
	size_t at = 0, used = 0;

	while (at < s.n) {
		size_t len = MAX_OF(utf8_len(s.p + at, s.n - at), (size_t)1);
		size_t w = utf8_width(span_of(s.p + at, len));

		if (used + w > width)
			break;
		used += w;
		at += len;
	}
	return span_head(s, at);
}

/* The cell, cut where it is too long, and the gap behind it unless it is the last. */
static void put_cell(struct table *t, int col, const char *sgr)
{
	struct span text = strbuf_span(&t->cell);
	size_t width = utf8_width(text), room = t->width[col];

	if (sgr)
		put_sgr(t, sgr);
	if (width > room) {
		text = fit(text, room - 1);
		width = utf8_width(text) + 1;
		strbuf_put(t->out, text);
		strbuf_puts(t->out, "\xe2\x80\xa6"); /* an ellipsis */
	} else {
		strbuf_put(t->out, text);
	}
	if (sgr)
		put_sgr(t, "0");
	for (; col < COLS - 1 && width < room + GAP; width++)
		strbuf_putc(t->out, ' ');
}

/* Ends a line; blanks before the end go. */
static void end_line(struct strbuf *out)
{
	while (out->n && out->p[out->n - 1] == ' ')
		out->p[--out->n] = '\0';
	strbuf_putc(out, '\n');
}

static void put_row(struct table *t, const struct finding *f, bool first)
{
	for (int col = 0; col < COLS; col++) {
		make_cell(t, f, col, first);
		put_cell(t, col,
			 col == COL_SEVERITY             ? severity_sgr(f->severity)
			 : col == COL_COMPONENT && first ? "1"
							 : NULL);
	}
	end_line(t->out);
}

/* Chains the findings of each component in their order, which is worst first. */
static bool chain(struct table *t)
{
	const struct verdict *v = t->in->verdict;
	uint32_t *last = calloc(t->in->inv->n_components + 1, sizeof *last);

	t->next = calloc(v->n_findings + 1, sizeof *t->next);
	t->head = calloc(t->in->inv->n_components + 1, sizeof *t->head);
	if (last == NULL || t->next == NULL || t->head == NULL) {
		free(last);
		return false;
	}
	for (size_t i = 0; i <= t->in->inv->n_components; i++)
		t->head[i] = UINT32_MAX;
	for (uint32_t i = 0; i < v->n_findings; i++) {
		uint32_t c = v->findings[i].component;

		CHECK(c < t->in->inv->n_components);
		t->next[i] = UINT32_MAX;
		if (!is_shown(&v->findings[i]))
			continue;
		if (t->head[c] == UINT32_MAX)
			t->head[c] = i;
		else
			t->next[last[c]] = i;
		last[c] = i;
	}
	free(last);
	return true;
}

static void put_findings(struct table *t)
{
	const struct verdict *v = t->in->verdict;

	measure(t);
	for (int col = 0; col < COLS; col++) {
		strbuf_clear(&t->cell);
		strbuf_puts(&t->cell, cols[col].title);
		put_cell(t, col, "1");
	}
	end_line(t->out);
	for (uint32_t i = 0; i < v->n_findings; i++) {
		if (t->head[v->findings[i].component] != i || !is_shown(&v->findings[i]))
			continue;
		for (uint32_t at = i; at != UINT32_MAX; at = t->next[at])
			put_row(t, &v->findings[at], at == i);
	}
	strbuf_putc(t->out, '\n');
}

static void put_field(struct table *t, const char *before, struct span s)
{
	if (s.n == 0)
		return;
	strbuf_puts(t->out, before);
	put_clean(t->out, s);
}

static void put_size(struct strbuf *out, uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	double size = (double)bytes / 1024;
	size_t u = 0;

	if (bytes < 1024) {
		strbuf_printf(out, "%llu bytes", (unsigned long long)bytes);
		return;
	}
	for (; size >= 1024 && u + 1 < COUNT_OF(units); u++)
		size /= 1024;
	strbuf_printf(out, "%.1f %s", size, units[u]);
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void put_header(struct table *t)
{
	const struct inventory *inv = t->in->inv;

	put_sgr(t, "1");
	put_clean(t->out, inv->ref);
	put_sgr(t, "0");
	put_field(t, "  ", inv->platform);
	put_field(t, "  ", inv->manifest_digest.n ? inv->manifest_digest : inv->config_digest);
	strbuf_putc(t->out, '\n');
	put_clean(t->out, inv->os.name.n ? inv->os.name
			  : inv->os.id.n ? inv->os.id
					 : S("unknown distribution"));
	if (!span_has(inv->os.name, inv->os.version_id))
		put_field(t, " ", inv->os.version_id);
	if (inv->os.eol.n && span_cmp(inv->os.eol, span_head(t->in->created, 10)) < 0)
		put_field(t, ", END OF LIFE since ", inv->os.eol);
	strbuf_printf(t->out, "; %zu layer%s", inv->n_layers, plural(inv->n_layers));
	if (inv->size) {
		strbuf_puts(t->out, ", ");
		put_size(t->out, inv->size);
	}
	if (inv->base.known) {
		put_field(t, "; base ", inv->base.name.n ? inv->base.name : inv->base.digest);
		if (strcmp(inv->base.how, "chain") != 0)
			strbuf_printf(t->out, " (by %s)", inv->base.how);
	}
	strbuf_puts(t->out, "\n\n");
}

/* Components by type, for an inventory without a verdict. */
static void put_inventory(struct table *t)
{
	const struct inventory *inv = t->in->inv;

	for (size_t i = 0; i < inv->n_components; i++) {
		const struct component *c = &inv->components[i];

		strbuf_clear(&t->cell);
		report_name(&t->cell, &c->pkg);
		put_clean(t->out, c->pkg.type);
		strbuf_putc(t->out, '\t');
		put_clean(t->out, strbuf_span(&t->cell));
		strbuf_putc(t->out, '\t');
		put_clean(t->out, c->pkg.version);
		put_field(t, "\t", c->pkg.arch);
		strbuf_putc(t->out, '\n');
	}
	if (inv->n_components)
		strbuf_putc(t->out, '\n');
}

static void put_counts(struct table *t, const struct report_counts *n)
{
	const struct inventory *inv = t->in->inv;

	strbuf_printf(t->out, "%zu component%s, %zu executable%s", inv->n_components,
		      plural(inv->n_components), inv->n_executables, plural(inv->n_executables));
	if (n->unowned_executables)
		strbuf_printf(t->out, " (%zu of no package)", n->unowned_executables);
	if (inv->unattributed_files) {
		strbuf_printf(t->out, "; %llu file%s (",
			      (unsigned long long)inv->unattributed_files,
			      plural(inv->unattributed_files));
		put_size(t->out, inv->unattributed_bytes);
		strbuf_puts(t->out, ") of no package");
	}
	strbuf_puts(t->out, "\n");
}

static void put_severities(struct table *t, const struct report_counts *n)
{
	bool some = false;

	strbuf_printf(t->out, "%zu finding%s", n->findings, plural(n->findings));
	if (n->components)
		strbuf_printf(t->out, " in %zu component%s", n->components, plural(n->components));
	for (size_t i = SEVERITIES; i-- > 0;) {
		if (n->severity[i] == 0)
			continue;
		strbuf_puts(t->out, some ? ", " : ": ");
		put_sgr(t, severity_sgr((enum adv_severity)i));
		strbuf_printf(t->out, "%zu %s", n->severity[i],
			      severity_name((enum adv_severity)i));
		put_sgr(t, "0");
		some = true;
	}
	if (n->findings)
		strbuf_printf(t->out, "; %zu fixable", n->fixable);
	if (n->suppressed)
		strbuf_printf(t->out, "; %zu suppressed", n->suppressed);
	if (t->in->only_fixed)
		strbuf_puts(t->out, "; those without a fix are not shown");
	strbuf_putc(t->out, '\n');
}

static void put_age(struct strbuf *out, int64_t s)
{
	if (s < 0)
		strbuf_puts(out, "from the future");
	else if (s < 7200)
		strbuf_printf(out, "%lld minutes old", (long long)(s / 60));
	else if (s < 172800)
		strbuf_printf(out, "%lld hours old", (long long)(s / 3600));
	else
		strbuf_printf(out, "%lld days old", (long long)(s / 86400));
}

static void put_db(struct table *t)
{
	struct advdb *db = t->in->verdict->db;
	struct adv_source s;
	const char *sep = " from ";

	strbuf_puts(t->out, "Database: ");
	put_age(t->out, t->in->db_age_s);
	strbuf_printf(t->out, ", %u advisories", db->n_cards);
	for (uint32_t i = 0; i < db->n_sources; i++) {
		if (!advdb_source(db, i, &s))
			continue;
		put_field(t, sep, s.name);
		sep = ", ";
	}
	strbuf_putc(t->out, '\n');
	if (report_is_starter(t->in->verdict)) {
		put_loud(
		    t, "1;33",
		    "STARTER DATABASE: a few famous advisories only. Nothing found means nothing.");
		strbuf_puts(t->out, "  Get the whole one: rummage db update\n");
	} else if (t->in->db_age_s > 5 * 86400) {
		put_loud(t, "33", "The database is old: rummage db update");
	}
}

static const char *note_sgr(enum note_level l)
{
	return l == NOTE_LOST ? "1;31" : l == NOTE_WARN ? "33" : "2";
}

static void put_note(struct table *t, const struct layer_note *n)
{
	strbuf_puts(t->out, "  ");
	put_sgr(t, note_sgr(n->note.level));
	strbuf_puts(t->out, report_note_level(n->note.level));
	put_sgr(t, "0");
	if (n->layer != NO_LAYER)
		strbuf_printf(t->out, " layer %u", n->layer);
	put_field(t, " ", n->note.code);
	put_field(t, ": ", n->note.path);
	put_field(t, ": ", n->note.text);
	strbuf_putc(t->out, '\n');
}

/* Notes of one level, of the inventory and then of the verdict. */
static void put_notes_of(struct table *t, enum note_level level)
{
	const struct layer_note *lists[] = {t->in->inv->notes,
					    t->in->verdict ? t->in->verdict->notes : NULL};
	size_t counts[] = {t->in->inv->n_notes, t->in->verdict ? t->in->verdict->n_notes : 0};
	size_t shown = 0, more = 0;

	for (size_t list = 0; list < 2; list++) {
		for (size_t i = 0; i < counts[list]; i++) {
			if (lists[list][i].note.level != level)
				continue;
			if (shown < NOTES_SHOWN) {
				put_note(t, &lists[list][i]);
				shown++;
			} else {
				more++;
			}
		}
	}
	if (more)
		strbuf_printf(t->out, "  and %zu more %s notes (-o json has them)\n", more,
			      report_note_level(level));
}

static void put_doubts(struct table *t)
{
	const struct report_input *in = t->in;
	bool complete = in->verdict ? in->verdict->complete : in->inv->complete;

	if (!complete)
		put_loud(t, "1;31",
			 "INCOMPLETE: something could not be read or judged. What is not listed "
			 "may still be there.");
	put_notes_of(t, NOTE_LOST);
	put_notes_of(t, NOTE_WARN);
	put_notes_of(t, NOTE_INFO);
	if (report_is_unprotected(in->inv))
		put_loud(t, "1;31", "NOT SANDBOXED: the image was parsed without protection.");
	if (!in->policy_passed)
		strbuf_printf(t->out, "POLICY: not passed, %zu violation%s\n", in->n_violations,
			      plural(in->n_violations));
}

static void put_verdict(struct table *t, const struct report_counts *n)
{
	if (n->findings) {
		if (!chain(t)) {
			t->out->rc = RMG_E_NOMEM;
			return;
		}
		put_findings(t);
	}
	put_severities(t, n);
}

void report_write_table(const struct report_input *in, struct strbuf *out)
{
	struct table t = {.in = in, .out = out, .cell = strbuf_of(1 << 20)};
	struct report_counts n;

	report_count(in, &n);
	put_header(&t);
	if (in->verdict)
		put_verdict(&t, &n);
	else
		put_inventory(&t);
	put_counts(&t, &n);
	if (in->verdict)
		put_db(&t);
	put_doubts(&t);
	free(t.next);
	free(t.head);
	strbuf_done(&t.cell);
}
