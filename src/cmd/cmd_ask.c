/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_ask.c - the questions to a hub: a row of the table below each. The hub answers in pages; the
 * JSON output is one document with all items, the table shows the columns of the row. */
#include <rummage.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "cmd/cmd.h"
#include "cmd/grid.h"
#include "cmd/hub_client.h"
#include "cmd/output.h"
#include "cmd/say.h"
#include "format/json.h"
#include "format/jsonw.h"

static const char *const formats[] = {"table", "json", NULL};

struct question {
	const char *path;    /* "/api/v1/who-runs" */
	const char *operand; /* the parameter that the operand is; NULL: part of the path */
	const char *columns; /* "TITLE=member.member ..." */
	const char *none;    /* what to say where there is nothing */
	bool whole;          /* the answer is not in pages */
};

static const struct question questions[VERBS] = {
    [VERB_who_runs] =
	{"/api/v1/who-runs", "query",
	 "CLUSTER=cluster NODE=node NAMESPACE=namespace WORKLOAD=workload "
	 "CONTAINER=container STATE=state SINCE=since IMAGE=image REF=ref BEHIND=behind.*",
	 "nothing that the hub knows runs it"},
    [VERB_alerts] = {"/api/v1/alerts", NULL,
		     "ID=id SEVERITY=severity STATE=state RULE=rule ADVISORY=advisory USES=uses "
		     "DAYS=days TITLE=title",
		     "nothing fires"},
    [VERB_images] = {"/api/v1/images", NULL,
		     "IMAGE=digest REF=ref USES=uses CRITICAL=findings.critical HIGH=findings.high "
		     "MEDIUM=findings.medium KEV=kev FIXABLE=fixable COMPLETE=complete "
		     "ORIGIN=origin PARENT=parent.ref DIFFERENCE=difference.text "
		     "BEHIND=behind.*.ref",
		     "the hub knows no image"},
    [VERB_workloads] = {"/api/v1/workloads", NULL,
			"CLUSTER=cluster NAMESPACE=namespace WORKLOAD=workload STATE=state "
			"USES=uses CRITICAL=findings.critical HIGH=findings.high IMAGE=image",
			"the hub knows no workload"},
    [VERB_timeline] = {"/api/v1/timeline", "workload", "AT=at WHAT=what POD=pod CONTAINER=container WHO=who TEXT=text",
		       "nothing is known of it"},
    [VERB_dormant] = {"/api/v1/dormant", NULL,
		      "CLUSTER=cluster NAMESPACE=namespace WORKLOAD=workload SCHEDULE=schedule "
		      "CRITICAL=findings.critical HIGH=findings.high SINCE=since",
		      "nothing sleeps"},
    [VERB_tags] = {"/api/v1/tags", "ref",
		   "REF=ref DIGEST=digest GONE=gone FIRST=first LAST=last USES=uses SOURCE=source",
		   "the hub knows no tag"},
    [VERB_registries] = {"/api/v1/registries", NULL,
			 "REGISTRY=registry RUNNING=tags.running DORMANT=tags.dormant "
			 "BASES=tags.base CACHED=tags.cached LATE=late BEHIND-S=behind_s A-MINUTE=per_minute "
			 "ASKED=asked LEFT=left PAUSED-UNTIL=paused_until TROUBLE=trouble",
			 "no tag of a registry is in use"},
    [VERB_coverage] = {"/api/v1/coverage", NULL,
		       "CLUSTER=cluster NODE=node WORKLOAD=workload CONTAINER=container "
		       "IMAGE=image REASON=reason",
		       "all that runs is known"},
    [VERB_admission] = {"/api/v1/admission", NULL,
			"CLUSTER=cluster NAMESPACE=namespace AWAY=away WEBHOOK=webhook "
			"TIMEOUT=timeout_s SOMETIMES=sometimes",
			"the hub answers no cluster's admission, or has not read its webhooks yet"},
    [VERB_audit_verify] = {"/api/v1/audit/verify", "query", NULL, NULL},
};

/* images --cached */
static const struct question cached = {
    "/api/v1/cached", NULL,
    "NODE=node REF=ref RUNNING=running LAST-USED=last_used SINCE=since SIZE=size "
    "CRITICAL=findings.critical HIGH=findings.high KEV=kev IMAGE=image",
    "no machine has such an image"};

/* images --others DIGEST */
static const struct question others = {
    "/api/v1/others", "image",
    "SAID=said ID=id PACKAGE=package VERSION=version SEVERITY=severity THEIRS=their_severity "
    "FIXED=fixed REASON=reason SOURCE=source",
    "no registry's scanner has said anything of it, or it has found nothing either", true};

static void put(struct strbuf *url, const char *name, struct span value)
{
	if (value.n == 0)
		return;
	strbuf_putc(url, strchr(strbuf_cstr(url), '?') ? '&' : '?');
	strbuf_printf(url, "%s=", name);
	hub_client_escape(url, value);
}

static void put_text(struct strbuf *url, const char *name, const char *value)
{
	put(url, name, span_cstr(value));
}

static void url_of(const struct question *q, const struct options *o, struct span cursor,
		   uint64_t limit, struct strbuf *url)
{
	char number[24];

	strbuf_clear(url);
	strbuf_puts(url, q->path);
	if (o->n_operands && q->operand == NULL) {
		strbuf_putc(url, '/');
		hub_client_escape(url, span_cstr(o->operands[0]));
	} else if (o->n_operands) {
		put_text(url, q->operand, o->operands[0]);
	}
	put_text(url, "cluster", o->cluster);
	put_text(url, "node", o->node);
	put_text(url, "namespace", o->ns);
	put_text(url, "workload", o->workload);
	put_text(url, "image", o->image);
	put_text(url, "advisory", o->advisory);
	put_text(url, "rule", o->rule);
	put_text(url, "severity", o->severity);
	put_text(url, "state", o->state);
	put_text(url, "running", o->running ? "true" : NULL);
	put_text(url, "dormant", o->dormant ? "true" : NULL);
	put_text(url, "unused", o->unused ? "true" : NULL);
	put_text(url, "vulnerable", o->vulnerable ? "true" : NULL);
	put_text(url, "behind", o->behind ? "true" : NULL);
	put(url, "cursor", cursor);
	if (limit && !q->whole) {
		snprintf(number, sizeof number, "%llu", (unsigned long long)MIN_OF(limit, 1000u));
		put_text(url, "limit", number);
	}
}

struct asking {
	const struct question *q;
	struct options *o;
	struct output *to;
	struct grid *grid;  /* of the table */
	struct strbuf json; /* of the items */
	struct strbuf more; /* of what stands beside them on the first page */
	size_t n;
	bool good; /* the verdict on the audit log */
};

static void put_item(struct asking *a, json *item)
{
	size_t len;
	char *text;

	a->n++;
	if (a->grid) {
		grid_row(a->grid, item);
		return;
	}
	text = yyjson_val_write(item, 0, &len);
	if (text == NULL)
		return;
	if (a->json.n)
		strbuf_putc(&a->json, ',');
	strbuf_put(&a->json, span_of(text, len));
	free(text);
}

/* Totals, what runs, the moment: all but what the pages are made of. */
static void put_beside(struct asking *a, json *root)
{
	struct jsonw w = {.out = &a->more, .comma = true};

	for (struct json_iter it = json_iter(root); json_next(&it);) {
		size_t len;
		char *text;

		if (span_is(it.key, S("items")) || span_is(it.key, S("next")))
			continue;
		text = yyjson_val_write(it.value, 0, &len);
		if (text == NULL)
			continue;
		jsonw_key_span(&w, it.key);
		strbuf_put(&a->more, span_of(text, len));
		w.comma = true;
		free(text);
	}
}

/* In the table of what is not known, nodes of clusters that are not, in full. */
static void put_nodes(struct asking *a, json *nodes)
{
	for (struct json_iter it = json_iter(nodes);
	     a->grid && json_is_array(nodes) && json_next(&it);)
		if (json_get_str(it.value, "reason").n)
			put_item(a, it.value);
}

static enum rmg_rc page(struct asking *a, struct hub_client *hub, struct strbuf *url,
			struct strbuf *cursor, struct rmg_err *err)
{
	uint64_t left = a->o->limit ? a->o->limit - a->n : 1000;
	struct json_doc doc = {0};
	struct span body;
	json *items;
	enum rmg_rc rc;

	url_of(a->q, a->o, strbuf_span(cursor), left, url);
	rc = hub_client_get(hub, strbuf_cstr(url), &body, err);
	if (rc == RMG_OK)
		rc = json_parse(&doc, body, MIB(256), err);
	if (rc != RMG_OK)
		return rc;
	if (cursor->n == 0)
		put_beside(a, doc.root);
	items = json_get(doc.root, "items");
	for (struct json_iter it = json_iter(items); json_is_array(items) && json_next(&it);)
		put_item(a, it.value);
	strbuf_clear(cursor);
	strbuf_put(cursor, json_get_str(doc.root, "next"));
	if (cursor->n == 0)
		put_nodes(a, json_get(doc.root, "nodes"));
	json_done(&doc);
	return strbuf_rc(&a->json);
}

static enum rmg_rc all_pages(struct asking *a, struct hub_client *hub, struct rmg_err *err)
{
	struct strbuf url = strbuf_of(KIB(64)), cursor = strbuf_of(KIB(4));
	enum rmg_rc rc;

	do {
		rc = page(a, hub, &url, &cursor, err);
	} while (rc == RMG_OK && cursor.n && (a->o->limit == 0 || a->n < a->o->limit));
	strbuf_done(&url);
	strbuf_done(&cursor);
	return rc;
}

static enum rmg_rc write_all(struct asking *a, struct rmg_err *err)
{
	struct strbuf text = strbuf_of(GIB(1));
	bool good;

	if (a->grid == NULL) {
		strbuf_puts(&text, "{\"items\":[");
		strbuf_put(&text, strbuf_span(&a->json));
		strbuf_puts(&text, "]");
		strbuf_put(&text, strbuf_span(&a->more));
		strbuf_puts(&text, "}\n");
	} else if (a->n) {
		grid_write(a->grid, output_columns(a->to), &text);
	}
	good = strbuf_rc(&text) == RMG_OK && output_write(a->to, strbuf_cstr(&text), text.n);
	strbuf_done(&text);
	return good ? RMG_OK : output_error(a->to, err);
}

/* One thing, as the hub says it. */
static enum rmg_rc ask_one(struct asking *a, struct hub_client *hub, struct rmg_err *err)
{
	struct strbuf url = strbuf_of(KIB(64));
	struct span body = {0};
	enum rmg_rc rc;

	url_of(a->q, a->o, (struct span){0}, 0, &url);
	rc = hub_client_get(hub, strbuf_cstr(&url), &body, err);
	if (rc == RMG_OK && (!output_write(a->to, body.p, body.n) || !output_write(a->to, "\n", 1)))
		rc = output_error(a->to, err);
	strbuf_done(&url);
	return rc;
}

static enum rmg_rc ask_into(struct asking *a, struct hub_client *hub, struct rmg_err *err)
{
	bool one = a->q->columns == NULL || (a->o->n_operands && a->q->operand == NULL);
	enum rmg_rc rc;

	if (one)
		return ask_one(a, hub, err);
	a->json = strbuf_of(GIB(1));
	a->more = strbuf_of(MIB(64));
	if (strcmp(a->to->format, "table") == 0) {
		a->grid = grid_new(a->q->columns);
		if (a->grid == NULL)
			return err_set(err, RMG_E_NOMEM, "no memory for a table");
	}
	rc = all_pages(a, hub, err);
	if (rc == RMG_OK)
		rc = write_all(a, err);
	if (rc == RMG_OK && a->grid && a->n == 0 && !a->o->quiet)
		say("%s", a->q->none);
	grid_free(a->grid);
	strbuf_done(&a->json);
	strbuf_done(&a->more);
	a->grid = NULL;
	return rc;
}

static int not_asked(enum verb_id verb, enum rmg_rc rc, const struct rmg_err *err)
{
	return say_failure(verbs[verb].typed, err,
			   rc == RMG_E_NET ? "is the hub running, and where? (--hub URL)"
			   : rc == RMG_E_AUTH
			       ? "a token that may is needed: --token-file, or $RUMMAGE_HUB_TOKEN"
			       : NULL);
}

/* What is done for each output: into() puts an answer into a->to. */
typedef enum rmg_rc into_fn(struct asking *a, struct hub_client *hub, struct rmg_err *err);

static enum rmg_rc ask_for_each(struct asking *a, into_fn *into, struct rmg_err *err)
{
	struct options *o = a->o;
	struct hub_client *hub = NULL;
	struct outputs outputs = {0};
	enum rmg_rc rc = outputs_open(&outputs, o, &o->output, "table", formats, err);

	if (rc == RMG_OK)
		rc = hub_client_open(o, &hub, err);
	for (size_t i = 0; rc == RMG_OK && i < outputs.n; i++) {
		a->to = &outputs.v[i];
		a->n = 0;
		rc = into(a, hub, err);
	}
	if (rc == RMG_OK)
		rc = outputs_commit(&outputs, err);
	hub_client_close(hub);
	outputs_done(&outputs);
	return rc;
}

static int ask(struct options *o, enum verb_id verb)
{
	struct asking a = {.q = o->cached   ? &cached
				: o->others ? &others
					    : &questions[verb],
			   .o = o};
	struct rmg_err err = {0};
	enum rmg_rc rc;

	if ((o->unused || o->vulnerable) && !o->cached)
		return say_usage(verbs[verb].typed, "--unused and --vulnerable are of --cached");
	if (o->others && (o->cached || o->behind || o->n_operands != 1))
		return say_usage(verbs[verb].typed, "--others is of one image: DIGEST --others");
	if (o->behind && o->cached)
		return say_usage(verbs[verb].typed, "--behind is not of --cached");
	if (o->cached && o->n_operands)
		return say_usage(verbs[verb].typed, "--cached takes no digest: --image says which");
	rc = ask_for_each(&a, ask_into, &err);
	return rc == RMG_OK ? EXIT_WHOLE : not_asked(verb, rc, &err);
}

#define ASK(id)                                                                                    \
	int cmd_##id(struct options *o)                                                            \
	{                                                                                          \
		return ask(o, VERB_##id);                                                          \
	}
ASK(who_runs)
ASK(alerts)
ASK(images)
ASK(workloads)
ASK(timeline)
ASK(dormant)
ASK(tags)
ASK(registries)
ASK(coverage)
ASK(admission)
#undef ASK

static enum rmg_rc verdict_into(struct asking *a, struct hub_client *hub, struct rmg_err *err)
{
	struct strbuf url = strbuf_of(KIB(64)), text = strbuf_of(MIB(1));
	struct json_doc doc = {0};
	struct span body = {0};
	uint64_t records = 0;
	enum rmg_rc rc;

	url_of(a->q, a->o, (struct span){0}, 0, &url);
	rc = hub_client_get(hub, strbuf_cstr(&url), &body, err);
	if (rc == RMG_OK)
		rc = json_parse(&doc, body, MIB(1), err);
	if (rc == RMG_OK) {
		a->good = json_get_bool(doc.root, "good");
		if (!json_get_u64(doc.root, "records", &records))
			records = 0;
		if (strcmp(a->to->format, "json") == 0)
			strbuf_put(&text, body);
		else if (a->good)
			strbuf_printf(&text, "whole: %llu records", (unsigned long long)records);
		else
			strbuf_printf(&text, "NOT WHOLE: " SPAN_FMT,
				      SPAN_ARG(json_get_str(doc.root, "why")));
		strbuf_puts(&text, "\n");
		if (strbuf_rc(&text) != RMG_OK || !output_write(a->to, strbuf_cstr(&text), text.n))
			rc = output_error(a->to, err);
	}
	json_done(&doc);
	strbuf_done(&url);
	strbuf_done(&text);
	return rc;
}

/* The answer decides the exit code: a log that is not whole is what policy says no to. */
int cmd_audit_verify(struct options *o)
{
	struct asking a = {.q = &questions[VERB_audit_verify], .o = o};
	struct rmg_err err = {0};
	enum rmg_rc rc = ask_for_each(&a, verdict_into, &err);

	if (rc != RMG_OK)
		return not_asked(VERB_audit_verify, rc, &err);
	return a.good ? EXIT_WHOLE : EXIT_POLICY;
}
