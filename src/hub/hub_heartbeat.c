/* SPDX-License-Identifier: Apache-2.0 */
/* hub_heartbeat.c - what a source says of itself. */
#include "base/err.h"
#include "base/limits.h"
#include "hub/hub_inside.h"

/* What a source says of itself with a heartbeat, and later, without a text, that it is over. */
static const struct trouble {
	const char *kind, *title;
	enum adv_severity severity;
} troubles[] = {
    {"lost", "could not keep all that it saw", SEV_MEDIUM},
    {"unrefused", "lets programs run that rules refuse", SEV_HIGH},
};

static enum rmg_rc tell_trouble(struct tx *tx, const struct event *e, const struct trouble *t)
{
	struct strbuf subject = strbuf_of(LIMIT_TEXT_BYTES * 2),
		      title = strbuf_of(LIMIT_TEXT_BYTES * 2);
	struct happening x = {.kind = RULE_SILENT, .severity = t->severity};
	enum rmg_rc rc;

	strbuf_printf(&subject, SPAN_FMT ":%s", SPAN_ARG(e->source), t->kind);
	strbuf_printf(&title, SPAN_FMT " %s", SPAN_ARG(e->source), t->title);
	x.subject = strbuf_span(&subject);
	x.title = strbuf_span(&title);
	x.text = e->change.text;
	x.over = e->change.text.n == 0;
	rc = strbuf_rc(&subject) != RMG_OK || strbuf_rc(&title) != RMG_OK
		 ? tx_no_memory(tx)
		 : alerts_happened(tx->h->alerts, &tx->env, &x, tx->err);
	strbuf_done(&subject);
	strbuf_done(&title);
	return rc == RMG_OK ? tx_tell_event(tx, e, 0) : rc;
}

enum rmg_rc tx_heartbeat(struct tx *tx, const struct event *e, uint32_t source)
{
	if (e->answers.asked)
		tx->w->sources.v[source].answers = e->answers;
	for (size_t i = 0; tx->st && i < COUNT_OF(troubles); i++)
		if (span_is(e->change.kind, span_cstr(troubles[i].kind)))
			return tell_trouble(tx, e, &troubles[i]);
	return RMG_OK;
}
