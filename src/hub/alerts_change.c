/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "base/rfc3339.h"
#include "format/json.h"
#include "format/jsonw.h"
#include "hub/alerts_inside.h"

enum { TITLE_BYTES = 4096 };

/* Rows. A row's spans are of c->items. */

struct reader {
	struct arena *a;
	struct alert_row row;
};

static enum rmg_rc keep_row(void *user, const struct alert_row *row)
{
	struct reader *r = user;
	struct span *texts[] = {&r->row.key,      &r->row.rule,  &r->row.advisory,
				&r->row.severity, &r->row.title, &r->row.state,
				&r->row.details,  &r->row.by,    &r->row.reason};

	r->row = *row;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		*texts[i] = arena_dup(r->a, *texts[i]);
	return arena_rc(r->a);
}

static enum rmg_rc read_row(struct call *c, uint32_t id, struct alert_row *out)
{
	struct reader r = {.a = c->items};
	enum rmg_rc rc = store_alert_get(c->env->store, id, keep_row, &r, c->err);

	if (rc == RMG_OK)
		*out = r.row;
	return rc;
}

/* What memory says over what the row says. */
static void row_of_alert(const struct call *c, const struct alert *x, struct alert_row *row)
{
	const struct policy *p = c->env->policy;

	row->severity = span_cstr(severity_name((enum adv_severity)x->severity));
	row->state = span_cstr(alert_state_name((enum alert_state)x->state));
	if (x->rule < p->n_rules)
		row->rule = p->rules[x->rule].name;
	row->kev = x->kev;
	row->fixable = x->fixable;
	row->epss_permille = x->epss_permille;
	row->escalation = x->escalation;
	row->opened_ms = x->opened_ms;
	row->until_ms = x->until_ms;
	row->changed_ms = c->env->now_ms;
}

/* The row, a line of its log, and a line of the stream. */
static enum rmg_rc write_row(struct call *c, const struct alert_row *row, const char *what,
			     struct span by, struct span text)
{
	struct alert_log_row log = {.alert = row->id,
				    .at_ms = c->env->now_ms,
				    .what = span_cstr(what),
				    .by = by,
				    .text = text};
	struct strbuf line = strbuf_of(KIB(64));
	struct jsonw w = jsonw_of(&line);
	enum rmg_rc rc = store_alert_put(c->env->store, row, c->err);

	if (rc == RMG_OK)
		rc = store_alert_log_add(c->env->store, &log, c->err);
	if (rc != RMG_OK || c->env->tell == NULL)
		return rc;
	jsonw_object(&w);
	jsonw_put_u64(&w, "id", row->id);
	jsonw_put_cstr(&w, "what", what);
	jsonw_put(&w, "state", row->state);
	jsonw_put(&w, "severity", row->severity);
	jsonw_put(&w, "rule", row->rule);
	jsonw_put(&w, "advisory", row->advisory);
	jsonw_put(&w, "title", span_head(row->title, TITLE_BYTES));
	jsonw_object_end(&w);
	rc = strbuf_rc(&line) == RMG_OK ? c->env->tell(c->env->user, strbuf_span(&line), c->err)
					: call_no_memory(c);
	strbuf_done(&line);
	return rc;
}

/* What is to be told. */

static struct notice_text *keep_text(struct call *c, const struct alert_row *row,
				     const struct opening *said)
{
	struct arena *a = &c->a->scratch;
	struct notice_text *t = ARENA_NEW(a, struct notice_text);

	if (t == NULL)
		return NULL;
	*t = (struct notice_text){
	    .key = arena_dup(a, row->key),
	    .title = arena_dup(a, row->title),
	    .text = arena_dup(a, said->text),
	    .before = arena_dup(a, said->before),
	    .after = arena_dup(a, said->after),
	};
	return arena_rc(a) == RMG_OK ? t : NULL;
}

/* said: NULL where key and title say all, as of findings. */
static enum rmg_rc remember(struct call *c, const struct alert *x, const struct alert_row *row,
			    enum message_kind kind, uint64_t detail, const struct opening *said)
{
	struct notice n = {
	    .alert = x->id,
	    .image = x->image,
	    .advisory = x->advisory,
	    .workload = x->workload,
	    .opening = row->times_opened,
	    .rule = x->rule,
	    .epss_permille = x->epss_permille,
	    .kind = (uint8_t)kind,
	    .severity = x->severity,
	    .kev = x->kev,
	    .fixable = x->fixable,
	    .is_new = kind == MESSAGE_FIRED && detail == 0,
	    .opened_ms = x->opened_ms,
	    .days = kind == MESSAGE_ESCALATED ? (uint32_t)detail : 0,
	    .detail = detail,
	};

	if (said) {
		n.text = keep_text(c, row, said);
		if (n.text == NULL)
			return call_no_memory(c);
	}
	return VEC_PUSH(&c->a->notices, n) ? RMG_OK : call_no_memory(c);
}

/* The texts that a row keeps beside its title. */
static void write_details(const struct opening *said, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	jsonw_object(&w);
	jsonw_put(&w, "text", said->text);
	jsonw_put(&w, "before", said->before);
	jsonw_put(&w, "after", said->after);
	if (said->details.n) {
		jsonw_key(&w, "details");
		strbuf_put(out, said->details);
		w.comma = true;
	}
	jsonw_object_end(&w);
}

static void read_details(struct call *c, const struct alert_row *row, struct opening *out)
{
	struct arena *a = c->items;
	struct json_doc doc = {0};

	*out = (struct opening){.title = row->title};
	/* Our own writing; where it is not, the title says it all. */
	if (json_parse(&doc, row->details, LIMIT_EVENT_BYTES, NULL) == RMG_OK) {
		out->text = arena_dup(a, json_get_str(doc.root, "text"));
		out->before = arena_dup(a, json_get_str(doc.root, "before"));
		out->after = arena_dup(a, json_get_str(doc.root, "after"));
	}
	json_done(&doc);
}

/* The texts of an alert that is no finding, from its row; NULL of findings. */
static const struct opening *said_by_row(struct call *c, const struct alert *x,
					 const struct alert_row *row, struct opening *buf)
{
	if (x->key == NULL)
		return NULL;
	read_details(c, row, buf);
	return buf;
}

enum rmg_rc alert_texts(struct call *c, uint32_t id, struct notice_text *out)
{
	struct alert_row row;
	struct opening said;
	enum rmg_rc rc = read_row(c, id, &row);

	if (rc != RMG_OK)
		return rc;
	read_details(c, &row, &said);
	*out = (struct notice_text){row.key, row.title, said.text, said.before, said.after};
	return arena_rc(c->items) == RMG_OK ? RMG_OK : call_no_memory(c);
}

/* Opening. */

static struct span finding_title(const struct call *c, const struct alert *x, struct strbuf *out)
{
	const struct world_image *image = &c->w->images.v[x->image];

	strbuf_printf(out, SPAN_FMT " in " SPAN_FMT, SPAN_ARG(c->w->advisories.v[x->advisory].id),
		      SPAN_ARG(image->ref.n ? image->ref : image->digest));
	return strbuf_span(out);
}

static enum rmg_rc insert_open(struct call *c, struct alert *x, struct alert_row *row,
			       const struct opening *said, bool again)
{
	const struct excuse *e = x->advisory ? excuse_for(c, x->image, x->advisory, x->rule) : NULL;
	const struct alert *in;
	enum rmg_rc rc;

	x->state = ALERT_FIRING;
	if (e) {
		x->state = ALERT_SUPPRESSED;
		x->excepted = true;
		x->until_ms = e->row.until_ms;
		row->by = ARENA_JOIN(&c->a->scratch, S("exception "), e->row.owner);
		row->reason = e->row.reason;
	}
	in = alerts_insert(c->a, x);
	if (in == NULL)
		return call_no_memory(c);
	row_of_alert(c, x, row);
	rc = write_row(c, row, again ? "reopened" : "opened", row->by, row->reason);
	if (rc != RMG_OK || e)
		return rc;
	return remember(c, x, row, again ? MESSAGE_REOPENED : MESSAGE_FIRED, 0, said);
}

/* The row of a resolved alert of this key; *id 0 where there is none. */
static enum rmg_rc find_closed(struct call *c, struct span key, struct alert_row *row)
{
	uint32_t id = map_find(&c->a->closed, hash_span(key));
	enum rmg_rc rc;

	*row = (struct alert_row){0};
	if (id == MAP_NONE)
		return RMG_OK;
	rc = read_row(c, id, row);
	if (rc == RMG_OK && !span_is(row->key, key))
		*row = (struct alert_row){0}; /* another key of the same hash */
	return rc;
}

static enum rmg_rc open_with(struct call *c, struct alert *x, struct span key, struct span title,
			     struct span details, const struct opening *said)
{
	struct alert_row row;
	bool again;
	enum rmg_rc rc = find_closed(c, key, &row);

	if (rc != RMG_OK)
		return rc;
	again = row.id != 0;
	if (again)
		map_remove(&c->a->closed, hash_span(key), row.id);
	else
		row.id = ++c->a->last_id;
	x->id = row.id;
	x->opened_ms = c->env->now_ms;
	row.image = x->image;
	row.workload = x->workload;
	row.key = key;
	row.title = title;
	row.details = details;
	row.advisory = x->advisory ? c->w->advisories.v[x->advisory].id : (struct span){0};
	row.times_opened++;
	row.first_ms = again ? row.first_ms : c->env->now_ms;
	row.resolved_ms = 0;
	row.by = row.reason = (struct span){0};
	return insert_open(c, x, &row, said, again);
}

enum rmg_rc alert_open(struct call *c, const struct alert *x, const struct opening *said)
{
	struct strbuf key = strbuf_of(KIB(64)), title = strbuf_of(KIB(64)),
		      details = strbuf_of(LIMIT_EVENT_BYTES);
	struct alert copy = *x;
	struct span text = said ? said->title : (struct span){0};
	enum rmg_rc rc;

	copy.key = NULL;
	if (said && (copy.key = strdup(x->key)) == NULL)
		return call_no_memory(c);
	alert_key(&copy, c->w, &key);
	if (said)
		write_details(said, &details);
	else
		text = finding_title(c, &copy, &title);
	if (strbuf_rc(&key) != RMG_OK || strbuf_rc(&title) != RMG_OK ||
	    strbuf_rc(&details) != RMG_OK)
		rc = err_set(c->err, RMG_E_LIMIT, "the texts of an alert are too long");
	else
		rc = open_with(c, &copy, strbuf_span(&key), text, strbuf_span(&details), said);
	strbuf_done(&key);
	strbuf_done(&title);
	strbuf_done(&details);
	if (rc != RMG_OK && said && alerts_by_id(c->a, copy.id) == NULL)
		free(copy.key);
	return rc;
}

/* Ending. */

enum rmg_rc alert_resolve(struct call *c, struct alert *x, const char *why)
{
	struct alert was = *x;
	struct alert_row row;
	const struct opening said = {.text = span_cstr(why)};
	bool quiet = x->state == ALERT_SUPPRESSED;
	enum rmg_rc rc = read_row(c, x->id, &row);

	if (rc != RMG_OK)
		return rc;
	was.key = NULL;
	was.state = ALERT_RESOLVED;
	was.until_ms = 0;
	was.excepted = false;
	alerts_drop(c->a, x);
	if (!map_set(&c->a->closed, hash_span(row.key), was.id))
		return call_no_memory(c);
	row_of_alert(c, &was, &row);
	row.resolved_ms = c->env->now_ms;
	row.by = row.reason = (struct span){0};
	rc = write_row(c, &row, "resolved", (struct span){0}, span_cstr(why));
	/* What nobody was told of need not be called off. */
	return rc == RMG_OK && !quiet ? remember(c, &was, &row, MESSAGE_RESOLVED, 0, &said) : rc;
}

/* Changing. */

static struct span standing(struct arena *a, const struct alert *x)
{
	struct strbuf text = strbuf_of(200);
	struct span s;

	strbuf_puts(&text, severity_name((enum adv_severity)x->severity));
	if (x->kev)
		strbuf_puts(&text, ", known to be exploited");
	if (x->epss_permille)
		strbuf_printf(&text, ", EPSS 0.%03u", MIN_OF(x->epss_permille, 999u));
	if (x->fixable)
		strbuf_puts(&text, ", fixable");
	s = arena_dup(a, strbuf_span(&text));
	strbuf_done(&text);
	return s;
}

static bool is_worse(const struct policy *p, const struct alert *was, const struct alert *now)
{
	return now->severity > was->severity || (now->kev && !was->kev) ||
	       (was->fixable && !now->fixable) ||
	       policy_epss_step(p, now->epss_permille) > policy_epss_step(p, was->epss_permille);
}

/* EPSS moves a little every day: that alone is not written down. */
static bool is_same(const struct policy *p, const struct alert *a, const struct alert *b)
{
	return a->severity == b->severity && a->kev == b->kev && a->fixable == b->fixable &&
	       a->rule == b->rule && a->epss_permille / 10 == b->epss_permille / 10 &&
	       policy_epss_step(p, a->epss_permille) == policy_epss_step(p, b->epss_permille);
}

enum rmg_rc alert_compare(struct call *c, struct alert *x, const struct world_finding *now,
			  size_t rule)
{
	struct arena *a = &c->a->scratch;
	struct alert was = *x, is = *x;
	struct alert_row row;
	struct opening said = {0};
	bool worse;
	enum rmg_rc rc;

	is.rule = (uint16_t)rule;
	is.severity = now->severity;
	is.kev = now->kev;
	is.fixable = now->fixable;
	is.epss_permille = now->epss_permille;
	if (is_same(c->env->policy, &was, &is))
		return RMG_OK;
	*x = is;
	worse = is_worse(c->env->policy, &was, x);
	rc = read_row(c, x->id, &row);
	if (rc != RMG_OK)
		return rc;
	if (worse && x->state == ALERT_ACKNOWLEDGED) {
		alerts_set_state(c->a, x, ALERT_FIRING);
		row.by = row.reason = (struct span){0};
	}
	row_of_alert(c, x, &row);
	said.before = standing(a, &was);
	said.after = standing(a, x);
	rc = write_row(c, &row, worse ? "worsened" : "changed", (struct span){0},
		       ARENA_JOIN(a, said.before, S(" -> "), said.after));
	if (rc != RMG_OK || !worse || x->state != ALERT_FIRING)
		return rc;
	return remember(c, x, &row, MESSAGE_WORSENED, (uint64_t)c->env->now_ms, &said);
}

enum rmg_rc alert_say(struct call *c, struct alert *x, const struct opening *said,
		      enum adv_severity severity)
{
	bool worse = (uint8_t)severity > x->severity;
	struct strbuf details = strbuf_of(LIMIT_EVENT_BYTES);
	struct alert_row row;
	enum rmg_rc rc = read_row(c, x->id, &row);

	if (rc != RMG_OK)
		return rc;
	write_details(said, &details);
	if (strbuf_rc(&details) != RMG_OK)
		rc = err_set(c->err, RMG_E_LIMIT, "the texts of an alert are too long");
	else if (!span_is(row.details, strbuf_span(&details)) || x->severity != severity ||
		 !span_is(row.title, said->title)) {
		x->severity = (uint8_t)severity;
		if (worse && x->state == ALERT_ACKNOWLEDGED)
			alerts_set_state(c->a, x, ALERT_FIRING);
		row_of_alert(c, x, &row);
		row.title = said->title;
		row.details = strbuf_span(&details);
		rc = write_row(c, &row, worse ? "worsened" : "changed", (struct span){0},
			       said->text);
		if (rc == RMG_OK && worse && x->state == ALERT_FIRING)
			rc = remember(c, x, &row, MESSAGE_WORSENED, (uint64_t)c->env->now_ms, said);
	}
	strbuf_done(&details);
	return rc;
}

enum rmg_rc alert_escalate(struct call *c, struct alert *x, size_t steps, uint32_t days)
{
	struct strbuf text = strbuf_of(100);
	struct alert_row row;
	struct opening buf;
	enum rmg_rc rc = read_row(c, x->id, &row);

	if (rc != RMG_OK)
		return rc;
	x->escalation = (uint8_t)steps;
	row_of_alert(c, x, &row);
	strbuf_printf(&text, "open for %u days", days);
	rc = write_row(c, &row, "escalated", (struct span){0}, strbuf_span(&text));
	strbuf_done(&text);
	if (rc != RMG_OK)
		return rc;
	return remember(c, x, &row, MESSAGE_ESCALATED, days, said_by_row(c, x, &row, &buf));
}

enum rmg_rc alert_turn(struct call *c, struct alert *x, const struct turn *t)
{
	struct alert_row row;
	struct opening buf;
	enum rmg_rc rc = read_row(c, x->id, &row);

	if (rc != RMG_OK)
		return rc;
	alerts_set_state(c->a, x, t->to);
	x->until_ms = t->until_ms;
	x->excepted = t->excepted;
	row_of_alert(c, x, &row);
	row.by = t->excepted ? ARENA_JOIN(&c->a->scratch, S("exception "), t->by) : t->by;
	row.reason = t->reason;
	if (t->to == ALERT_FIRING)
		row.by = row.reason = (struct span){0};
	rc = write_row(c, &row, t->what, t->by, t->reason);
	if (rc != RMG_OK || !t->told)
		return rc;
	return remember(c, x, &row, MESSAGE_FIRED, (uint64_t)c->env->now_ms,
			said_by_row(c, x, &row, &buf));
}
