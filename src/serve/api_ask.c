/* SPDX-License-Identifier: Apache-2.0 */
/* api_ask.c - questions: the parameters of a request become a struct ask, its answer the body. */
#include <stdio.h>

#include "base/limits.h"
#include "serve/api.h"

static struct span query(const struct call *c, const char *name)
{
	return span_cstr(server_query(c->request, name));
}

/* "true", "1" or the bare name. */
static bool flag(const struct call *c, const char *name)
{
	struct span s = query(c, name);

	return server_query(c->request, name) && !span_is(s, S("false")) && !span_is(s, S("0"));
}

static bool ask_of(const struct call *c, struct ask *out, struct server_response *resp)
{
	struct span limit = query(c, "limit");
	uint64_t n = 0;

	*out = (struct ask){
	    .query = query(c, "query"),
	    .cluster = query(c, "cluster"),
	    .node = query(c, "node"),
	    .ns = query(c, "namespace"),
	    .workload = query(c, "workload"),
	    .image = query(c, "image"),
	    .advisory = query(c, "advisory"),
	    .severity = query(c, "severity"),
	    .state = query(c, "state"),
	    .rule = query(c, "rule"),
	    .ref = query(c, "ref"),
	    .against = query(c, "against"),
	    .cursor = query(c, "cursor"),
	    .running_only = flag(c, "running"),
	    .dormant_only = flag(c, "dormant"),
	    .unused_only = flag(c, "unused"),
	    .vulnerable_only = flag(c, "vulnerable"),
	    .behind_only = flag(c, "behind"),
	};
	if (limit.n && (!span_u64(limit, 10, 1000, &n) || n == 0)) {
		api_error(resp, 400, "\"limit\" is a number from 1 to 1000");
		return false;
	}
	out->limit = (uint32_t)n;
	return true;
}

typedef enum rmg_rc ask_fn(struct hub *h, const struct ask *q, struct strbuf *out,
			   struct rmg_err *err);

static void answer(struct api *api, const struct call *c, struct server_response *out, ask_fn *fn)
{
	struct rmg_err err = {0};
	struct ask q;
	enum rmg_rc rc;

	if (!ask_of(c, &q, out))
		return;
	rc = fn(api->hub, &q, &out->body, &err);
	if (rc != RMG_OK)
		api_fail(out, rc, &err);
}

#define ASK(name)                                                                                  \
	void api_##name(struct api *api, const struct call *c, struct server_response *out)        \
	{                                                                                          \
		answer(api, c, out, ask_##name);                                                   \
	}
ASK(who_runs)
ASK(alerts)
ASK(images)
ASK(cached)
ASK(difference)
ASK(others)
ASK(workloads)
ASK(timeline)
ASK(dormant)
ASK(tags)
ASK(coverage)
ASK(exceptions)
ASK(outbox)
ASK(audit)
ASK(audit_verify)
#undef ASK

void api_admission(struct api *api, const struct call *c, struct server_response *out)
{
	struct rmg_err err = {0};
	struct ask q;

	if (!ask_of(c, &q, out))
		return;
	if (api->admission(api->user, &q, &out->body, &err) != RMG_OK)
		api_fail(out, err.rc, &err);
}

/* They are few: the cursor counts them. */
void api_registries(struct api *api, const struct call *c, struct server_response *out)
{
	struct ask q;
	uint64_t from = 0;

	if (!ask_of(c, &q, out))
		return;
	if (q.cursor.n && !span_u64(q.cursor, 10, UINT32_MAX, &from))
		api_error(out, 400, "\"cursor\" is not one that the hub gave");
	else
		api->registries(api->user, from, q.limit ? q.limit : 1000, &out->body);
}

void api_image(struct api *api, const struct call *c, struct server_response *out)
{
	struct rmg_err err = {0};
	enum rmg_rc rc = ask_image(api->hub, span_cstr(c->param), &out->body, &err);

	if (rc != RMG_OK)
		api_fail(out, rc, &err);
}

void api_alert(struct api *api, const struct call *c, struct server_response *out)
{
	struct rmg_err err = {0};
	uint64_t id = 0;
	enum rmg_rc rc;

	if (!span_u64(span_cstr(c->param), 10, UINT32_MAX, &id)) {
		api_error(out, 404, "no alert has this id");
		return;
	}
	rc = ask_alert(api->hub, (uint32_t)id, &out->body, &err);
	if (rc != RMG_OK)
		api_fail(out, rc, &err);
}

void api_vex(struct api *api, const struct call *c, struct server_response *out)
{
	struct rmg_err err = {0};
	enum rmg_rc rc = hub_vex_out(api->hub, &out->body, &err);

	(void)c;
	if (rc != RMG_OK)
		api_fail(out, rc, &err);
}
