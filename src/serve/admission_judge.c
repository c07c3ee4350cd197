/* SPDX-License-Identifier: Apache-2.0 */
/* admission_judge.c - one question: what is new in it, and what the policy says of that. */
#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"
#include "format/jsonw.h"
#include "serve/admission_inside.h"

/* How long a registry is asked what a tag means: so that it can be judged, and so that it is
 * written. */
enum { MEANING_MS = 300, PIN_MS = 3000, FOLLOW_MS = 20 };

static const char break_glass[] = "rummage/break-glass";

static void warn(struct case_of *c, const char *fmt, ...) PRINTF(2, 3);

static void warn(struct case_of *c, const char *fmt, ...)
{
	va_list args;
	char *line;

	if (c->n_warnings == WARNINGS)
		return;
	line = c->lines[c->n_warnings];
	va_start(args, fmt);
	vsnprintf(line, KUBE_WARNING + 1, fmt, args);
	va_end(args);
	c->warnings[c->n_warnings++] = span_cstr(line);
}

/* Who it would be. */

static void read_would(struct case_of *c)
{
	const struct kube_review *r = &c->review;
	struct event *e = &c->would;

	kube_meta_read(r->object, &c->meta);
	e->place.cluster = admission_cert_cluster(c->a->cert);
	e->place.ns = r->ns;
	e->workload_kind = r->kind;
	e->workload_name = c->meta.name.n ? c->meta.name : r->name;
	if (span_is(r->kind, S("Pod")))
		kube_pod_owner(&c->meta, &e->workload_kind, &e->workload_name);
	e->n_labels = kube_labels(c->meta.labels, c->labels, EVENT_LABELS);
	e->labels = c->labels;
	c->glass = kube_label(c->meta.annotations, break_glass);
}

/* What is said of one image, or of what a workload would run. */
static void take(struct case_of *c, struct span subject, const struct admit_answer *a)
{
	bool denied = a->admit == ADMIT_DENY && c->glass.n == 0;

	for (size_t i = 0; i < a->n_lines && a->admit != ADMIT_ALLOW; i++) {
		if (denied && c->message.n < MESSAGE_BYTES - 2 * ADMIT_LINE)
			strbuf_printf(&c->message, "%s%s", i ? "; " : "", a->lines[i]);
		else if (!denied)
			warn(c, "rummage: " SPAN_FMT ": %s", SPAN_ARG(span_head(subject, 80)),
			     a->lines[i]);
	}
	c->denied |= denied;
	if (!a->read)
		atomic_fetch_add(&c->a->unread, 1);
}

static void begin_denial(struct case_of *c, struct span subject)
{
	strbuf_printf(&c->message, "%s" SPAN_FMT ": ",
		      c->message.n ? "; and " : "rummage: ", SPAN_ARG(span_head(subject, 200)));
}

/* With what the pod itself would pull it. */
static void ask_as(struct case_of *c, struct span ref)
{
	pull_secrets_for(c->a->secrets, c->review.ns,
			 kube_pod_spec(c->review.object, c->review.kind), ref, c->until_ms, &c->as);
}

/* Where another hub leads, what this one read is known here a moment after that one took it. */
static bool known_now(struct case_of *c, const struct admit_ask *ask, struct admit_answer *a)
{
	struct rmg_err err;

	while (hub_admit(c->a->env->hub, ask, a, &err) == RMG_OK && !a->read &&
	       clock_tick_ms() < c->until_ms)
		clock_sleep_ms(FOLLOW_MS);
	return a->read;
}

/* Read where it is, while the API server waits. */
static void read_unread(struct case_of *c, const struct admit_ask *ask, struct admit_answer *a)
{
	struct strbuf ref = strbuf_of(KIB(4));
	char why[PULLER_WHY] = "";
	struct span name, digest;
	bool read;

	strbuf_put(&ref, ask->ref);
	if (ask->digest.n && !span_rcut(ask->ref, '@', &name, &digest))
		strbuf_printf(&ref, "@" SPAN_FMT, SPAN_ARG(ask->digest));
	ask_as(c, ask->ref);
	read = puller_read(c->a->puller, strbuf_span(&ref), &c->as, c->until_ms, why);
	strbuf_done(&ref);
	if (read && known_now(c, ask, a))
		return;
	if (a->n_lines && why[0])
		snprintf(a->lines[a->n_lines - 1] +
			     MIN_OF(strlen(a->lines[a->n_lines - 1]), (size_t)100),
			 ADMIT_LINE - 100, ": %s", why);
}

/* A tag may have moved since: its registry is asked, for a moment. digest: "" nobody knows. */
static void ask_meaning(struct case_of *c, struct span ref, const char *known, char *digest)
{
	int64_t until;
	char why[PULLER_WHY];

	ask_as(c, ref);
	until = MIN_OF(c->until_ms, clock_tick_ms() + MEANING_MS);
	if (!puller_means(c->a->puller, ref, &c->as, until, digest, why))
		snprintf(digest, DIGEST_TEXT, "%s", known);
}

static void judge_image(struct case_of *c, struct case_image *x)
{
	struct span ref = x->image.ref, name, digest;
	struct admit_ask ask = {.would = &c->would, .ref = ref};
	struct admit_answer a;
	struct rmg_err err = {0};
	enum rmg_rc rc;

	if (span_rcut(ref, '@', &name, &digest))
		ask.digest = digest;
	rc = hub_admit(c->a->env->hub, &ask, &a, &err);
	if (rc == RMG_OK && ask.digest.n == 0) {
		ask_meaning(c, ref, a.means, x->means);
		ask.digest = span_cstr(x->means);
		if (strcmp(x->means, a.means) != 0)
			rc = hub_admit(c->a->env->hub, &ask, &a, &err);
	}
	if (rc != RMG_OK) {
		warn(c, "rummage: " SPAN_FMT " was not judged: %s", SPAN_ARG(span_head(ref, 80)),
		     err.msg);
		return;
	}
	if (!a.read)
		read_unread(c, &ask, &a);
	if (a.admit == ADMIT_DENY && c->glass.n == 0)
		begin_denial(c, ref);
	take(c, ref, &a);
}

static void read_images(struct case_of *c)
{
	struct kube_image now[EVENT_IMAGES];
	size_t n = kube_images(kube_pod_spec(c->review.object, c->review.kind), now, EVENT_IMAGES);

	if (n > EVENT_IMAGES)
		warn(c, "rummage: more than %d images; the others are not judged here",
		     EVENT_IMAGES);
	c->n_now = MIN_OF(n, (size_t)EVENT_IMAGES);
	for (size_t i = 0; i < c->n_now; i++)
		c->now[i].image = now[i];
	n = kube_images(kube_pod_spec(c->review.old, c->review.kind), c->was, EVENT_IMAGES);
	c->n_was = MIN_OF(n, (size_t)EVENT_IMAGES);
}

static bool was_there(const struct case_of *c, struct span ref)
{
	for (size_t i = 0; i < c->n_was; i++)
		if (span_is(c->was[i].ref, ref))
			return true;
	return false;
}

/* The same reference before this one. */
static struct case_image *asked_already(struct case_of *c, const struct case_image *x)
{
	for (struct case_image *y = c->now; y < x; y++)
		if (span_is(y->image.ref, x->image.ref))
			return y;
	return NULL;
}

/* None that the object had before. */
static void judge_images(struct case_of *c)
{
	for (size_t i = 0; i < c->n_now; i++) {
		struct case_image *x = &c->now[i], *same = asked_already(c, x);

		if (same)
			memcpy(x->means, same->means, sizeof x->means);
		else if (!was_there(c, x->image.ref))
			judge_image(c, x);
	}
}

/* A template that changes has its pods made anew: what its tags mean now is what they run. */
static void look_at_tags(struct case_of *c)
{
	json *now = json_get(json_get(c->review.object, "spec"), "template");
	json *was = json_get(json_get(c->review.old, "spec"), "template");
	struct span name, digest;

	if (now == NULL || was == NULL || yyjson_equals(now, was))
		return;
	for (size_t i = 0; i < c->n_now; i++) {
		struct span ref = c->now[i].image.ref;

		if (c->now[i].means[0] == '\0' && !span_rcut(ref, '@', &name, &digest))
			ask_meaning(c, ref, "", c->now[i].means);
	}
}

/* What was judged is what runs: a tag becomes the digest that it means now. */
static void pin_image(struct case_of *c, const struct kube_image *image)
{
	const char *path = kube_pod_spec_path(c->review.kind);
	struct jsonw w = jsonw_of(&c->patch);
	char means[DIGEST_TEXT] = "", at[256], why[PULLER_WHY];
	struct strbuf pinned = strbuf_of(KIB(4));
	struct span name, digest;

	if (*path == '\0' || span_rcut(image->ref, '@', &name, &digest))
		return;
	ask_as(c, image->ref);
	if (!puller_means(c->a->puller, image->ref, &c->as,
			  MIN_OF(c->until_ms, clock_tick_ms() + PIN_MS), means, why)) {
		warn(c, "rummage: " SPAN_FMT " keeps its tag: %.120s",
		     SPAN_ARG(span_head(image->ref, 80)), why);
		return;
	}
	strbuf_printf(&pinned, SPAN_FMT "@%s", SPAN_ARG(image->ref), means);
	snprintf(at, sizeof at, "%s/%s/%u/%s", path, kube_role_list(image->role), image->nth,
		 image->role == KUBE_VOLUME ? "image/reference" : "image");
	strbuf_putc(&c->patch, c->patch.n ? ',' : '[');
	jsonw_object(&w);
	jsonw_put_cstr(&w, "op", "replace");
	jsonw_put_cstr(&w, "path", at);
	jsonw_put(&w, "value", strbuf_span(&pinned));
	jsonw_object_end(&w);
	strbuf_done(&pinned);
}

void case_pin(struct case_of *c)
{
	if (!span_is(c->review.operation, S("DELETE")))
		read_images(c);
	for (size_t i = 0; i < c->n_now; i++)
		if (!was_there(c, c->now[i].image.ref))
			pin_image(c, &c->now[i].image);
	if (c->patch.n)
		strbuf_putc(&c->patch, ']');
}

static uint64_t replicas(json *scale)
{
	uint64_t n;

	return json_get_u64(json_get(scale, "spec"), "replicas", &n) ? n : 0;
}

/* What wakes up, or becomes more. */
static void judge_scale(struct case_of *c)
{
	struct admit_answer a;
	struct rmg_err err = {0};

	c->would.workload_kind = kube_scaled_kind(c->review.resource);
	c->would.workload_name = c->review.name;
	if (replicas(c->review.object) <= replicas(c->review.old))
		return;
	if (hub_admit_workload(c->a->env->hub, &c->would, &a, &err) != RMG_OK)
		return;
	if (a.admit == ADMIT_DENY && c->glass.n == 0)
		begin_denial(c, c->would.workload_name);
	take(c, c->would.workload_name, &a);
}

/* "sh -c ls" of a list of words. */
static void put_command(json *words, struct strbuf *out)
{
	for (struct json_iter it = json_iter(words); json_next(&it);)
		strbuf_printf(out, "%s" SPAN_FMT, out->n ? " " : "",
			      SPAN_ARG(span_head(json_str(it.value), 200)));
}

static void judge_entering(struct case_of *c)
{
	struct strbuf command = strbuf_of(KIB(4));
	enum admit admit;

	c->would.workload_kind = S("Pod");
	c->would.workload_name = c->review.name;
	put_command(json_get(c->review.object, "command"), &command);
	admit = hub_admit_entering(c->a->env->hub, &c->would, strbuf_span(&command));
	if (admit == ADMIT_DENY) {
		c->denied = true;
		strbuf_printf(&c->message,
			      "rummage: nobody enters a container here (policy, when: entered)");
	}
	case_record(c, admit == ADMIT_DENY ? "admission.enter.denied" : "admission.enter",
		    strbuf_span(&command));
	if (!c->denied && !c->review.dry_run)
		case_entered(c, strbuf_span(&command));
	strbuf_done(&command);
}

static void judge_object(struct case_of *c)
{
	case_reviewed(c);
	read_images(c);
	judge_images(c);
	if (c->denied || c->review.dry_run)
		return;
	look_at_tags(c);
	case_tell(c);
}

static void break_the_glass(struct case_of *c)
{
	warn(c, "rummage: let in by %s: " SPAN_FMT, break_glass,
	     SPAN_ARG(span_head(c->glass, 120)));
	case_record(c, "admission.break-glass", c->glass);
	atomic_fetch_add(&c->a->broken, 1);
}

void case_judge(struct case_of *c)
{
	const struct kube_review *r = &c->review;
	struct span sub = r->subresource;

	read_would(c);
	if (span_is(r->operation, S("CONNECT")))
		judge_entering(c);
	else if (span_is(sub, S("scale")))
		judge_scale(c);
	else if (!span_is(r->operation, S("DELETE")) &&
		 (sub.n == 0 || span_is(sub, S("ephemeralcontainers"))))
		judge_object(c);
	if (c->denied && !span_is(r->operation, S("CONNECT")))
		case_record(c, "admission.denied", strbuf_span(&c->message));
	if (c->glass.n && c->n_warnings)
		break_the_glass(c);
}
