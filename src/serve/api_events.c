/* SPDX-License-Identifier: Apache-2.0 */
/* api_events.c - what watchers say. A line that cannot be read is refused by its number and the
 * others are applied: one bad event must not keep an agent from telling all that follows. */
#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/vec.h"
#include "format/codec.h"
#include "format/jsonw.h"
#include "serve/api.h"
#include "watch/event_json.h"

struct batch {
	struct arena arena;
	VEC(struct event) events;
	VEC(uint32_t) lines; /* of each event */
	struct hub_result *results;
	struct strbuf refused; /* JSON: what was refused before the hub saw it */
	struct jsonw w;
	size_t n_refused;
};

static void refuse(struct batch *b, uint32_t line, const char *why)
{
	if (b->n_refused++ >= 100)
		return;
	jsonw_object(&b->w);
	jsonw_put_u64(&b->w, "line", line);
	jsonw_put_cstr(&b->w, "why", why);
	jsonw_object_end(&b->w);
}

static bool within(const char *mine, struct span theirs)
{
	return mine[0] == '\0' || span_is(span_cstr(mine), theirs);
}

/* An agent speaks for its own place, under names that begin with its node's: else it could say
 * what another sees, or use up the other's sequence. What a manager heard of others' nodes takes
 * the place of nothing that they say. */
static bool is_hearsay(const struct event *e)
{
	return event_is_hearsay(e) && (e->type == EVENT_USE_BEGAN || e->type == EVENT_NODE_SEEN ||
				       e->type == EVENT_NODE_REMOVED);
}

static bool may_say(const struct caller *who, const struct event *e)
{
	struct span node = span_cstr(who->node);

	if (!within(who->cluster, e->place.cluster) ||
	    (!within(who->node, e->place.node) && !is_hearsay(e)))
		return false;
	return node.n == 0 || span_is(e->source, node) ||
	       (span_starts(e->source, node) && e->source.n > node.n && e->source.p[node.n] == '/');
}

static enum rmg_rc read_line(struct batch *b, const struct caller *who, struct span line,
			     uint32_t number)
{
	struct rmg_err why = {0};
	struct event e;
	enum rmg_rc rc;

	if (span_trim(line).n == 0)
		return RMG_OK;
	rc = event_parse(line, &b->arena, &e, &why);
	if (rc == RMG_E_NOMEM || arena_rc(&b->arena) != RMG_OK)
		return RMG_E_LIMIT;
	if (rc == RMG_OK && !may_say(who, &e)) {
		rc = RMG_E_AUTH;
		snprintf(why.msg, sizeof why.msg, "this agent does not speak for that place");
	}
	if (rc != RMG_OK) {
		refuse(b, number, why.msg);
		return RMG_OK;
	}
	return VEC_PUSH(&b->events, e) && VEC_PUSH(&b->lines, number) ? RMG_OK : RMG_E_NOMEM;
}

static enum rmg_rc read_lines(struct batch *b, const struct caller *who, struct span body,
			      struct rmg_err *err)
{
	struct span line;

	for (uint32_t number = 1; span_next(&body, '\n', &line); number++) {
		enum rmg_rc rc = read_line(b, who, line, number);

		if (rc != RMG_OK)
			return err_set(err, rc, "too much in one request: send fewer lines");
		if (b->events.n > LIMIT_EVENT_BATCH)
			return err_set(err, RMG_E_LIMIT,
				       "more than %" PRIu64 " events in one request",
				       LIMIT_EVENT_BATCH);
	}
	return RMG_OK;
}

/* The body as it was meant; out is ended by the caller. */
static enum rmg_rc unpacked(struct span body, struct strbuf *out, struct rmg_err *err)
{
	struct codec *c = NULL;
	enum rmg_rc rc = codec_new(CODEC_GZIP, &c, err);
	uint8_t piece[8192];

	while (rc == RMG_OK) {
		size_t n = 0;

		rc = codec_step(c, &body, piece, sizeof piece, &n, err);
		if (rc == RMG_OK)
			strbuf_put(out, span_of(piece, n));
		if (rc == RMG_OK && strbuf_rc(out) != RMG_OK)
			rc = err_set(err, strbuf_rc(out), "the unpacked body is too large");
		if (body.n == 0 && n < sizeof piece)
			break;
	}
	if (rc == RMG_OK)
		rc = codec_end(c, err);
	codec_free(c);
	return rc;
}

/* So that agents ask when there are others. */
static void put_rules_name(struct api *api, struct jsonw *w)
{
	struct strbuf name = strbuf_of(100);

	if (api->rules_name)
		api->rules_name(api->user, &name);
	jsonw_put_cstr(w, "rules", strbuf_cstr(&name));
	strbuf_done(&name);
}

static bool put_tag(void *user, const struct hub_tag_wanted *t)
{
	struct jsonw *w = user;

	jsonw_object(w);
	jsonw_put(w, "ref", t->ref);
	jsonw_put_array(w, "known", t->known, t->n_known);
	jsonw_object_end(w);
	return w->out->n < MIB(1);
}

static bool ask_here(void *user, const struct hub_tag_wanted *t)
{
	struct api *api = user;

	api->tag(api->user, t);
	return true;
}

/* What the hub does not ask itself, the node may, from which these come. */
static void put_tags(struct api *api, const struct batch *b, struct jsonw *w)
{
	size_t n = b->events.n;

	if (api->tag)
		hub_tags_wanted(api->hub, b->events.v, b->results, n, span_cstr(api->node), true,
				ask_here, api);
	jsonw_key(w, "tags");
	jsonw_array(w);
	if (n && b->events.v[0].place.node.n)
		hub_tags_wanted(api->hub, b->events.v, b->results, n, b->events.v[0].place.node,
				false, put_tag, w);
	jsonw_array_end(w);
}

static void answer(struct api *api, const struct batch *b, struct server_response *out)
{
	size_t counts[4] = {0};
	struct jsonw w = jsonw_of(&out->body);

	for (size_t i = 0; i < b->events.n; i++)
		counts[b->results[i].applied]++;
	jsonw_object(&w);
	jsonw_put_u64(&w, "applied", counts[APPLIED]);
	jsonw_put_u64(&w, "known", counts[APPLIED_KNOWN]);
	jsonw_put_u64(&w, "queued", counts[APPLIED_QUEUED]);
	jsonw_put_u64(&w, "refused_count", b->n_refused);
	jsonw_key(&w, "refused");
	strbuf_puts(&out->body, "[");
	strbuf_put(&out->body, strbuf_span(&b->refused));
	strbuf_puts(&out->body, "]");
	w.comma = true;
	jsonw_key(&w, "resync");
	jsonw_array(&w);
	for (size_t i = 0; i < b->events.n; i++)
		if (b->results[i].resync)
			jsonw_str(&w, b->events.v[i].source);
	jsonw_array_end(&w);
	jsonw_key(&w, "unknown");
	jsonw_array(&w);
	for (size_t i = 0; i < b->events.n; i++)
		if (b->results[i].unknown && b->events.v[i].image.n_digests)
			jsonw_str(&w, b->events.v[i].image.digests[0]);
	jsonw_array_end(&w);
	put_tags(api, b, &w);
	put_rules_name(api, &w);
	jsonw_object_end(&w);
}

static enum rmg_rc apply(struct api *api, struct batch *b, struct rmg_err *err)
{
	enum rmg_rc rc;

	b->results = calloc(b->events.n + 1, sizeof *b->results);
	if (b->results == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for %zu events", b->events.n);
	if (b->events.n == 0)
		return RMG_OK;
	rc = hub_apply(api->hub, b->events.v, b->events.n, b->results, err);
	for (size_t i = 0; rc == RMG_OK && i < b->events.n; i++)
		if (b->results[i].applied == APPLIED_REFUSED)
			refuse(b, b->lines.v[i], b->results[i].why);
	return rc;
}

void api_events(struct api *api, const struct call *c, struct server_response *out)
{
	struct batch b = {.refused = strbuf_of(MIB(1))};
	struct strbuf plain = strbuf_of(LIMIT_EVENTS_BYTES);
	struct span body = server_body(c->request);
	struct rmg_err err = {0};
	enum rmg_rc rc = RMG_OK;

	arena_init(&b.arena, LIMIT_EVENTS_BYTES);
	b.w = jsonw_of(&b.refused);
	if (codec_detect(body) == CODEC_GZIP) {
		rc = unpacked(body, &plain, &err);
		body = strbuf_span(&plain);
	}
	if (rc == RMG_OK)
		rc = read_lines(&b, &c->caller, body, &err);
	if (rc == RMG_OK)
		rc = apply(api, &b, &err);
	if (rc == RMG_OK)
		answer(api, &b, out);
	else
		api_fail(out, rc, &err);
	if (rc == RMG_OK && api->poke)
		api->poke(api->user);
	strbuf_done(&plain);
	strbuf_done(&b.refused);
	VEC_DONE(&b.events);
	VEC_DONE(&b.lines);
	free(b.results);
	arena_done(&b.arena);
}

void api_rules(struct api *api, const struct call *c, struct server_response *out)
{
	(void)c;
	if (api->rules)
		api->rules(api->user, &out->body);
}

static bool put_wanted(void *user, const struct hub_wanted *wanted)
{
	struct jsonw *w = user;

	jsonw_object(w);
	jsonw_put(w, "ref", wanted->ref);
	jsonw_put(w, "digest", wanted->digest);
	jsonw_put(w, "runtime", wanted->runtime);
	jsonw_put(w, "node", wanted->node);
	jsonw_object_end(w);
	return w->out->n < MIB(1);
}

void api_wanted(struct api *api, const struct call *c, struct server_response *out)
{
	struct jsonw w = jsonw_of(&out->body);
	struct rmg_err err = {0};
	enum rmg_rc rc;

	jsonw_object(&w);
	jsonw_key(&w, "items");
	jsonw_array(&w);
	rc = hub_wanted_each(api->hub, span_cstr(c->caller.node), put_wanted, &w, &err);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	if (rc != RMG_OK)
		api_fail(out, rc, &err);
}
