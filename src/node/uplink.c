/* SPDX-License-Identifier: Apache-2.0 */
#include "node/uplink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "box/facts_wire.h"
#include "format/json.h"
#include "format/jsonw.h"
#include "io/file.h"
#include "node/sender.h"
#include "oci/digest.h"
#include "watch/image_json.h"
#include "watch/profile_json.h"

enum {
	WANTED_MS = 60000,
	AGAIN_MS = 3000,
	TRIES = 6,
	FIRST_PAUSE_MS = 250,
	LONGEST_PAUSE_MS = 10000
};

struct uplink {
	struct node *node;
	struct sender *sender; /* of events */
	pthread_mutex_t asking, state;
	struct hubline *ask; /* all else; under asking */
	struct strbuf text;  /* under asking */
	/* Under state. */
	VEC(char *) resync; /* sources of which a snapshot is asked for */
	bool unread;        /* the hub knows of an image that nobody has read */
	int64_t wanted_ms;  /* when it was asked last what it wants */
	char rules[64];     /* what the hub calls the rules that it has */
	struct bell *ruled; /* rung when it calls them otherwise; may be NULL */
	char refused[160];  /* why it refused something last */
	uint64_t epoch;     /* the highest that was given */
	char *epoch_path;   /* where it stands */
};

static void want_snapshot(struct uplink *u, struct span source)
{
	char *copy;

	VEC_EACH (it, &u->resync)
		if (span_is(span_cstr(*it), source))
			return;
	copy = span_dup(source);
	if (copy == NULL || !VEC_PUSH(&u->resync, copy))
		free(copy);
}

static bool resync(void *user, struct span source)
{
	struct uplink *u = user;
	bool found = false;

	pthread_mutex_lock(&u->state);
	VEC_EACH (it, &u->resync) {
		if (!span_is(span_cstr(*it), source))
			continue;
		free(*it);
		*it = u->resync.v[--u->resync.n];
		found = true;
		break;
	}
	pthread_mutex_unlock(&u->state);
	return found;
}

/* A reason is said once, until there is another. */
static void say_refused(struct uplink *u, json *refused)
{
	char why[sizeof u->refused];

	if (json_len(refused) == 0)
		return;
	snprintf(why, sizeof why, SPAN_FMT, SPAN_ARG(json_get_str(json_at(refused, 0), "why")));
	if (strcmp(why, u->refused) == 0)
		return;
	memcpy(u->refused, why, sizeof why);
	node_say(u->node, "error", "the hub refuses what is said here: %s", why);
}

/* Under state. */
static void hear_rules(struct uplink *u, struct span name)
{
	if (name.n == 0 || name.n >= sizeof u->rules || span_is(span_cstr(u->rules), name))
		return;
	snprintf(u->rules, sizeof u->rules, SPAN_FMT, SPAN_ARG(name));
	if (u->ruled)
		bell_ring(u->ruled);
}

void uplink_watch_rules(struct uplink *u, struct bell *bell)
{
	pthread_mutex_lock(&u->state);
	u->ruled = bell;
	pthread_mutex_unlock(&u->state);
}

static void want_tags(struct uplink *u, json *tags)
{
	for (struct json_iter it = json_iter(tags); json_next(&it);) {
		struct span known[EVENT_DIGESTS + 1];
		struct node_tag want = {.ref = json_get_str(it.value, "ref"), .known = known};

		for (struct json_iter k = json_iter(json_get(it.value, "known"));
		     want.n_known < COUNT_OF(known) && json_next(&k);)
			known[want.n_known++] = json_str(k.value);
		if (want.ref.n && want.ref.n <= LIMIT_TEXT_BYTES && utf8_is_clean(want.ref))
			tags_want(u->node->tags, &want);
	}
}

/* What the hub says to events beyond that it took them. */
static void answered(void *user, struct span body)
{
	struct uplink *u = user;
	bool unread;
	struct json_doc doc = {0};

	if (json_parse(&doc, body, MIB(64), NULL) != RMG_OK)
		return;
	pthread_mutex_lock(&u->state);
	for (struct json_iter it = json_iter(json_get(doc.root, "resync")); json_next(&it);)
		want_snapshot(u, json_str(it.value));
	unread = json_len(json_get(doc.root, "unknown")) != 0;
	u->unread |= unread;
	hear_rules(u, json_get_str(doc.root, "rules"));
	pthread_mutex_unlock(&u->state);
	if (unread)
		bell_ring(&u->node->wanted);
	want_tags(u, json_get(doc.root, "tags"));
	say_refused(u, json_get(doc.root, "refused"));
	json_done(&doc);
}

static enum rmg_rc events(void *user, const struct event *e, size_t n, bool *again,
			  struct rmg_err *err)
{
	struct uplink *u = user;

	*again = false; /* teller_say() asks resync() */
	return sender_put(u->sender, e, n, err);
}

uint64_t uplink_lost(struct uplink *u)
{
	return sender_lost(u->sender);
}

/* Under asking. A hub that is away or busy for a moment is asked again; of one that is known to be
 * away the caller hears at once. */
static enum rmg_rc ask_patiently(struct uplink *u, const struct hub_ask *ask,
				 struct hub_answer *answer, struct rmg_err *err)
{
	unsigned pause_ms = FIRST_PAUSE_MS;
	enum rmg_rc rc = hubline_do(u->ask, ask, answer, err);

	for (int tries = 1;
	     rc != RMG_OK && answer->later && tries < TRIES && !sender_away(u->sender); tries++) {
		unsigned rest = MAX_OF(pause_ms, answer->retry_s * 1000);

		if (!clock_rest(MIN_OF(rest, (unsigned)LONGEST_PAUSE_MS), node_stopping, u->node))
			return err_set(err, RMG_E_STOPPED, "stopped");
		pause_ms *= 2;
		rc = hubline_do(u->ask, ask, answer, err);
	}
	return rc;
}

static void put_digests(struct strbuf *out, const struct facts *const *layers, size_t n)
{
	struct jsonw w = jsonw_of(out);
	char digest[DIGEST_TEXT];

	jsonw_object(&w);
	jsonw_key(&w, "digests");
	jsonw_array(&w);
	for (size_t i = 0; i < n; i++)
		if (layers[i])
			jsonw_cstr(&w, digest_text(layers[i]->blob_sha256, digest));
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}

static enum rmg_rc put_facts(struct uplink *u, const struct facts *f, struct span digest,
			     struct rmg_err *err)
{
	char path[200];
	struct hub_ask ask = {.method = "PUT", .path = path, .type = "application/octet-stream"};
	struct hub_answer answer;
	enum rmg_rc rc = facts_pack(f, &ask.body, err);

	if (rc != RMG_OK)
		return rc;
	snprintf(path, sizeof path, "/api/v1/facts/" SPAN_FMT, SPAN_ARG(digest));
	rc = ask_patiently(u, &ask, &answer, err);
	free((void *)(uintptr_t)ask.body.p);
	if (rc != RMG_OK && answer.status == 413) {
		/* Without them the image is incomplete at the hub, which says so. */
		node_say(u->node, "warn", "the facts of " SPAN_FMT " are more than the hub takes",
			 SPAN_ARG(digest));
		return RMG_OK;
	}
	return rc;
}

static const struct facts *facts_of(const struct facts *const *layers, size_t n, struct span digest)
{
	uint8_t sha256[32];

	if (!digest_sha256(digest, sha256))
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (layers[i] && memcmp(layers[i]->blob_sha256, sha256, sizeof sha256) == 0)
			return layers[i];
	return NULL;
}

/* Those that the hub lacks. Its answer is read to the end before its memory is used again. */
static enum rmg_rc give_missing(struct uplink *u, const struct facts *const *layers, size_t n,
				struct rmg_err *err)
{
	struct hub_ask ask = {.method = "POST", .path = "/api/v1/facts/missing"};
	struct hub_answer answer;
	struct json_doc doc = {0};
	enum rmg_rc rc;

	strbuf_clear(&u->text);
	put_digests(&u->text, layers, n);
	rc = strbuf_rc(&u->text);
	if (rc != RMG_OK)
		return err_set(err, rc, "too many layers");
	ask.body = strbuf_span(&u->text);
	rc = ask_patiently(u, &ask, &answer, err);
	if (rc == RMG_OK)
		rc = json_parse(&doc, answer.body, MIB(1), err);
	for (struct json_iter it = json_iter(json_get(doc.root, "missing"));
	     rc == RMG_OK && json_next(&it);) {
		const struct facts *f = facts_of(layers, n, json_str(it.value));

		if (f)
			rc = put_facts(u, f, json_str(it.value), err);
	}
	json_done(&doc);
	return rc;
}

static enum rmg_rc facts(void *user, const struct facts *const *layers, size_t n,
			 struct rmg_err *err)
{
	struct uplink *u = user;
	enum rmg_rc rc;

	pthread_mutex_lock(&u->asking);
	rc = give_missing(u, layers, n, err);
	pthread_mutex_unlock(&u->asking);
	return rc;
}

/* Layers that could not be read, and why: the lost notes that a scan has on them. */
static void fill_unread(const struct node_image *image, struct image_unread *unread)
{
	const struct inventory *inv = image->inventory;

	for (size_t i = 0; i < image->notes_of_facts; i++) {
		const struct layer_note *n = &inv->notes[i];

		if (n->layer < inv->n_layers && inv->layers[n->layer].facts.n == 0)
			unread[n->layer] = (struct image_unread){n->note.code, n->note.text};
	}
}

static enum rmg_rc put_image(struct uplink *u, const struct node_image *image,
			     struct image_unread *unread, struct rmg_err *err)
{
	struct inventory *inv = (struct inventory *)(uintptr_t)image->inventory;
	struct image_told told = {
	    .inv = inv,
	    .unread = unread,
	    .notes = {inv->notes, inv->notes + image->notes_of_facts_end},
	    .n_notes = {image->notes_of_facts, inv->n_notes - image->notes_of_facts_end},
	    .asked = image->asked,
	    .revision = image->revision,
	    .created_ms = image->created_ms,
	    .taken_ms = image->taken_ms,
	};
	struct span name = inv->manifest_digest.n ? inv->manifest_digest : inv->config_digest;
	char path[200];
	struct hub_ask ask = {.method = "PUT", .path = path};
	struct hub_answer answer;
	enum rmg_rc rc;

	snprintf(path, sizeof path, "/api/v1/images/" SPAN_FMT, SPAN_ARG(name));
	fill_unread(image, unread);
	strbuf_clear(&u->text);
	image_write(&told, &u->text);
	rc = strbuf_rc(&u->text);
	if (rc != RMG_OK)
		return err_set(err, rc, "an image that is too large to be told");
	ask.body = strbuf_span(&u->text);
	return ask_patiently(u, &ask, &answer, err);
}

static enum rmg_rc image(void *user, const struct node_image *image, struct rmg_err *err)
{
	struct uplink *u = user;
	struct image_unread *unread = calloc(image->inventory->n_layers + 1, sizeof *unread);
	enum rmg_rc rc;

	if (unread == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for an image");
	pthread_mutex_lock(&u->asking);
	rc = put_image(u, image, unread, err);
	pthread_mutex_unlock(&u->asking);
	free(unread);
	return rc;
}

/* Whether it is time to ask. */
static bool is_due(struct uplink *u)
{
	int64_t now = clock_tick_ms();
	bool due;

	pthread_mutex_lock(&u->state);
	due = u->unread || u->wanted_ms == 0 || now - u->wanted_ms >= WANTED_MS;
	u->unread = false;
	if (due)
		u->wanted_ms = now;
	pthread_mutex_unlock(&u->state);
	return due;
}

/* true: fn took one, and there may be more. */
static bool offer(struct span body, node_wanted_fn *fn, void *user)
{
	struct json_doc doc = {0};
	bool taken = false;

	if (json_parse(&doc, body, MIB(8), NULL) != RMG_OK)
		return false;
	for (struct json_iter it = json_iter(json_get(doc.root, "items"));
	     !taken && json_next(&it);) {
		struct node_wanted w = {
		    json_get_str(it.value, "ref"), json_get_str(it.value, "digest"),
		    json_get_str(it.value, "runtime"), json_get_str(it.value, "node")};

		taken = !fn(user, &w);
	}
	json_done(&doc);
	return taken;
}

static enum rmg_rc wanted(void *user, node_wanted_fn *fn, void *fn_user, struct rmg_err *err)
{
	struct uplink *u = user;
	struct hub_ask ask = {0};
	struct hub_answer answer;
	enum rmg_rc rc;
	bool more;

	if (!is_due(u))
		return RMG_OK;
	pthread_mutex_lock(&u->asking);
	strbuf_clear(&u->text);
	strbuf_puts(&u->text, "/api/v1/wanted?node=");
	strbuf_percent(&u->text, span_cstr(u->node->name), S("-._~"));
	ask.path = strbuf_cstr(&u->text);
	rc = hubline_do(u->ask, &ask, &answer, err);
	more = rc == RMG_OK && offer(answer.body, fn, fn_user);
	pthread_mutex_unlock(&u->asking);
	pthread_mutex_lock(&u->state);
	u->unread |= more;
	if (rc != RMG_OK)
		u->wanted_ms += AGAIN_MS - WANTED_MS;
	pthread_mutex_unlock(&u->state);
	return rc;
}

/* What is executed, as far as the hub knows. */
static bool take_executed(json *keys, struct node_profiled *out)
{
	const uint64_t *v = NULL;
	struct arena a;
	size_t n = 0;
	bool good;

	if (keys == NULL)
		return true;
	arena_init(&a, MIB(2));
	good = profile_keys_read(keys, &a, &v, &n);
	out->executed = good ? calloc(n + 1, sizeof *out->executed) : NULL;
	if (out->executed && n)
		memcpy(out->executed, v, n * sizeof *v);
	out->n_executed = out->executed ? n : 0;
	arena_done(&a);
	return good && out->executed;
}

/* Who tells it tells it again where the hub is away. */
static enum rmg_rc profile(void *user, const struct profile *p, struct node_profiled *out,
			   struct rmg_err *err)
{
	struct uplink *u = user;
	struct hub_ask ask = {.method = "POST", .path = "/api/v1/profiles"};
	struct hub_answer answer;
	struct json_doc doc = {0};
	enum rmg_rc rc;

	pthread_mutex_lock(&u->asking);
	strbuf_clear(&u->text);
	profile_write(p, &u->text);
	rc = strbuf_rc(&u->text);
	if (rc == RMG_OK) {
		ask.body = strbuf_span(&u->text);
		rc = hubline_do(u->ask, &ask, &answer, err);
	}
	if (rc == RMG_OK)
		rc = json_parse(&doc, answer.body, MIB(8), err);
	if (rc == RMG_OK && !take_executed(json_get(doc.root, "executed"), out))
		rc = err_set(err, RMG_E_FORMAT, "the hub's answer to a profile is none");
	if (rc == RMG_OK)
		out->closed = json_get_bool(doc.root, "closed");
	json_done(&doc);
	pthread_mutex_unlock(&u->asking);
	return rc;
}

enum rmg_rc uplink_rules(struct uplink *u, struct strbuf *out, struct rmg_err *err)
{
	const struct hub_ask ask = {.path = "/api/v1/rules"};
	struct hub_answer answer;
	enum rmg_rc rc;

	pthread_mutex_lock(&u->asking);
	rc = hubline_do(u->ask, &ask, &answer, err);
	if (rc == RMG_OK)
		strbuf_put(out, answer.body);
	pthread_mutex_unlock(&u->asking);
	return rc;
}

/* Epochs outlive the agent: one that was given may stand in a hub's memory. */
static uint64_t epoch(void *user, int64_t now_ms)
{
	struct uplink *u = user;
	struct rmg_err err = {0};
	uint64_t given;
	char text[32];
	int n;

	pthread_mutex_lock(&u->state);
	u->epoch = MAX_OF((uint64_t)now_ms, u->epoch + 1);
	given = u->epoch;
	n = snprintf(text, sizeof text, "%" PRIu64 "\n", given);
	if (file_write(u->epoch_path, span_of(text, (size_t)n), &err) != RMG_OK)
		node_say(u->node, "error", "%s", err.msg);
	pthread_mutex_unlock(&u->state);
	return given;
}

static enum rmg_rc read_epoch(struct uplink *u, const char *state_dir, struct rmg_err *err)
{
	struct span text;
	enum rmg_rc rc;

	u->epoch_path = file_join(state_dir, "node.epoch");
	if (u->epoch_path == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a path");
	rc = file_read(u->epoch_path, 64, &text, err);
	if (rc == RMG_E_NOTFOUND)
		return RMG_OK;
	if (rc == RMG_OK && !span_u64(span_trim(text), 10, INT64_MAX, &u->epoch))
		rc = err_set(err, RMG_E_FORMAT, "%s holds no number", u->epoch_path);
	if (rc == RMG_OK)
		file_free(&text);
	return rc;
}

static enum rmg_rc open_sender(struct uplink *u, const struct hubline_opts *hub,
			       const char *state_dir, uint64_t spool_bytes, struct rmg_err *err)
{
	struct sender_opts opts = {
	    .node = u->node, .hub = hub, .max_bytes = spool_bytes, .answered = answered, .user = u};
	char *dir = file_join(state_dir, "spool");
	enum rmg_rc rc;

	if (dir == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a path");
	opts.dir = dir;
	rc = sender_open(&opts, &u->sender, err);
	free(dir);
	return rc;
}

enum rmg_rc uplink_open(struct node *n, const struct hubline_opts *hub, const char *state_dir,
			uint64_t spool_bytes, struct uplink **out, struct rmg_err *err)
{
	struct uplink *u = calloc(1, sizeof *u);
	enum rmg_rc rc;

	if (u == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for the way to the hub");
	u->node = n;
	u->text = strbuf_of(MIB(64));
	pthread_mutex_init(&u->asking, NULL);
	pthread_mutex_init(&u->state, NULL);
	rc = read_epoch(u, state_dir, err);
	if (rc == RMG_OK)
		rc = hubline_open(hub, &u->ask, err);
	if (rc == RMG_OK)
		rc = open_sender(u, hub, state_dir, spool_bytes, err);
	if (rc != RMG_OK) {
		uplink_close(u);
		return rc;
	}
	n->to = (struct node_to){.events = events,
				 .image = image,
				 .wanted = wanted,
				 .facts = facts,
				 .resync = resync,
				 .epoch = epoch,
				 .profile = profile,
				 .user = u};
	*out = u;
	return RMG_OK;
}

void uplink_close(struct uplink *u)
{
	if (u == NULL)
		return;
	sender_close(u->sender);
	hubline_close(u->ask);
	strbuf_done(&u->text);
	VEC_EACH (it, &u->resync)
		free(*it);
	VEC_DONE(&u->resync);
	free(u->epoch_path);
	pthread_mutex_destroy(&u->asking);
	pthread_mutex_destroy(&u->state);
	free(u);
}
