/* SPDX-License-Identifier: Apache-2.0 */
#include "node/exec_tell.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "io/proc.h"
#include "model/how.h"
#include "node/hash_fd.h"

enum { MOST_WAITING = 10000, BATCH = 256, AGAIN_MS = 2000, GENERATIONS = 12, ANSWERS_MS = 30000 };

void exec_tell_init(struct exec_tell *t, struct node *n)
{
	char source[SOURCE_BYTES];

	snprintf(source, sizeof source, "%s/execs", n->name);
	*t = (struct exec_tell){.node = n, .behind = true, .told_unrefused = n->refused == NULL};
	teller_init(&t->teller, n, span_cstr(source));
	arena_init(&t->arena, MIB(64));
}

void exec_tell_done(struct exec_tell *t)
{
	VEC_DONE(&t->waiting);
	arena_done(&t->arena);
}

/* Up to the first that is in other mounts: who started the container. */
void exec_seen_fill(struct exec_seen *x, unsigned pid)
{
	uint64_t space = proc_namespace(pid, "mnt");
	struct proc_about about;
	size_t n = 0;

	x->pid = pid;
	x->ancestry[0] = '\0';
	for (unsigned i = 0; i < GENERATIONS && pid && proc_about(pid, &about); i++) {
		int got = snprintf(x->ancestry + n, sizeof x->ancestry - n, "%s%s(%u)",
				   i ? " < " : "", about.name, pid);

		if (got < 0 || (size_t)got >= sizeof x->ancestry - n) {
			x->ancestry[n] = '\0';
			return;
		}
		n += (size_t)got;
		if (i == 0)
			x->user = about.user;
		if (space == 0 || proc_namespace(pid, "mnt") != space)
			return;
		pid = about.parent;
	}
}

void exec_seen_done(struct exec_seen *x)
{
	if (x->fd >= 0)
		close(x->fd);
	x->fd = -1;
	exec_subject_let_go(x->subject);
	x->subject = NULL;
}

/* Names in a container are anybody's. */
static struct span clean(struct arena *a, const char *text)
{
	char *copy = arena_cstr(a, span_head(span_cstr(text), LIMIT_TEXT_BYTES));

	if (copy == NULL)
		return (struct span){0};
	utf8_clean_cstr(copy, strlen(copy) + 1);
	return span_cstr(copy);
}

/* R18: what stands in the way of who wrote it. */
static void put_guards(const struct exec_subject *s, struct strbuf *out)
{
	struct proc_about about;
	bool known = proc_about(s->container->pid, &about) && about.seccomp >= 0;

	strbuf_puts(out, s->container->root.read_only ? "; the container's root is read-only"
						      : "; the container's root can be written to");
	if (known)
		strbuf_puts(out, about.seccomp ? ", seccomp is on" : ", seccomp is off");
}

static struct span words_of(struct exec_tell *t, const struct exec_seen *x)
{
	struct strbuf text = strbuf_of(LIMIT_TEXT_BYTES);
	struct span s;

	if (x->refused)
		strbuf_puts(&text, "not let run");
	else if (x->late)
		strbuf_puts(&text, "let run, since judging it took too long");
	exec_words(&x->verdict, &text);
	put_guards(x->subject, &text);
	if (x->ancestry[0])
		strbuf_printf(&text, "; as user %u", x->user);
	s = clean(&t->arena, strbuf_cstr(&text));
	strbuf_done(&text);
	return s;
}

static struct span hash_of(struct exec_tell *t, const struct exec_seen *x)
{
	struct strbuf hex = strbuf_of(100);
	uint8_t sha256[32];
	struct span s = {0};

	if (x->fd >= 0 && hash_fd(x->fd, sha256)) {
		strbuf_hex(&hex, sha256, sizeof sha256);
		s = arena_dup(&t->arena, strbuf_span(&hex));
	}
	strbuf_done(&hex);
	return s;
}

static struct span how_of_seen(struct exec_tell *t, const struct exec_seen *x)
{
	struct strbuf how = strbuf_of(200);
	struct span s;

	how_write(x->verdict.how | (x->late ? (uint32_t)HOW_UNJUDGED : 0) |
		      (x->refused ? (uint32_t)HOW_REFUSED : 0),
		  &how);
	s = arena_dup(&t->arena, strbuf_span(&how));
	strbuf_done(&how);
	return s;
}

static bool is_told(struct exec_subject *s, const struct event_change *c)
{
	uint64_t h = hash_span(c->path);

	h = hash_mix(h * 3 + hash_span(c->sha256));
	h = hash_mix(h * 3 + hash_span(c->how));
	if (map_has(&s->told, h))
		return true;
	return !map_set(&s->told, h, 1);
}

static void put(struct exec_tell *t, const struct exec_seen *x, const struct event_change *change)
{
	const struct event *began = &x->subject->container->began;
	struct event e = {.type = EVENT_CONTAINER_CHANGED,
			  .at_ms = x->at_ms,
			  .workload_kind = arena_dup(&t->arena, began->workload_kind),
			  .workload_name = arena_dup(&t->arena, began->workload_name),
			  .container = arena_dup(&t->arena, began->container),
			  .container_name = arena_dup(&t->arena, began->container_name),
			  .runtime = arena_dup(&t->arena, began->runtime),
			  .change = *change};

	e.place.cluster = span_cstr(t->node->cluster);
	e.place.node = span_cstr(t->node->name);
	e.place.ns = arena_dup(&t->arena, began->place.ns);
	if (t->waiting.n >= MOST_WAITING || arena_rc(&t->arena) != RMG_OK ||
	    !VEC_PUSH(&t->waiting, e))
		t->lost++;
}

/* One line for all that is beyond the limit. */
static void tell_left_out(struct exec_tell *t, const struct exec_seen *x)
{
	struct event_change change = {
	    .kind = S("run"),
	    .text = S("more odd programs were started in it than are told one by one")};

	if (x->subject->told_left_out)
		return;
	x->subject->told_left_out = true;
	change.how = how_of_seen(t, x);
	put(t, x, &change);
}

void exec_tell_of(struct exec_tell *t, struct exec_seen *x)
{
	struct event_change change = {.kind = S("run")};

	if (x->subject->told.n >= LIMIT_EXEC_FINDINGS) {
		tell_left_out(t, x);
		return;
	}
	change.path = clean(&t->arena, x->verdict.path);
	change.sha256 = hash_of(t, x);
	change.how = how_of_seen(t, x);
	if (is_told(x->subject, &change))
		return;
	change.text = words_of(t, x);
	change.ancestry = clean(&t->arena, x->ancestry);
	put(t, x, &change);
}

static enum rmg_rc say(struct exec_tell *t, const struct event *e, size_t n)
{
	struct rmg_err err = {0};
	bool resync = false;
	enum rmg_rc rc = teller_say(&t->teller, e, n, &resync, &err);

	t->behind |= resync || rc != RMG_OK;
	return rc;
}

/* Nothing lasts that this source says: a snapshot of nothing makes a gap good. */
static enum rmg_rc say_all(struct exec_tell *t)
{
	const struct place here = {.cluster = span_cstr(t->node->cluster),
				   .node = span_cstr(t->node->name)};
	const int64_t now = node_now_ms(t->node);
	const struct event e[] = {
	    {.type = EVENT_SNAPSHOT_BEGAN, .place = here, .at_ms = now},
	    {.type = EVENT_SNAPSHOT_ENDED, .place = here, .at_ms = now},
	};

	t->behind = false;
	return say(t, e, COUNT_OF(e));
}

static struct event heartbeat(struct exec_tell *t)
{
	return (struct event){
	    .type = EVENT_HEARTBEAT,
	    .at_ms = node_now_ms(t->node),
	    .place = {.cluster = span_cstr(t->node->cluster), .node = span_cstr(t->node->name)}};
}

bool exec_tell_wants_answers(const struct exec_tell *t)
{
	return clock_tick_ms() - t->answers_ms >= ANSWERS_MS;
}

void exec_tell_answers(struct exec_tell *t, const struct event_answers *a)
{
	struct event e = heartbeat(t);

	t->answers_ms = clock_tick_ms();
	if (a->asked == t->asked)
		return;
	e.answers = *a;
	if (say(t, &e, 1) == RMG_OK)
		t->asked = a->asked;
}

void exec_tell_unrefused(struct exec_tell *t, struct span why)
{
	t->told_unrefused = false;
	t->unrefused = why;
}

/* Once each time that it becomes otherwise, and once by every agent: the one before may have ended
 * while nothing was refused. */
static enum rmg_rc say_unrefused(struct exec_tell *t)
{
	struct event e = heartbeat(t);
	enum rmg_rc rc;

	if (t->told_unrefused)
		return RMG_OK;
	e.change.kind = S("unrefused");
	e.change.text = t->unrefused;
	rc = say(t, &e, 1);
	t->told_unrefused = rc == RMG_OK;
	return rc;
}

void exec_tell_flush(struct exec_tell *t)
{
	int64_t now = clock_tick_ms();
	size_t told = 0;
	enum rmg_rc rc = RMG_OK;

	t->behind |= teller_beat(&t->teller);
	if (now < t->not_before_ms || (!t->behind && t->waiting.n == 0 && t->told_unrefused))
		return;
	if (t->behind)
		rc = say_all(t);
	if (rc == RMG_OK)
		rc = say_unrefused(t);
	while (rc == RMG_OK && told < t->waiting.n) {
		size_t n = MIN_OF(t->waiting.n - told, (size_t)BATCH);

		rc = say(t, t->waiting.v + told, n);
		if (rc == RMG_OK)
			told += n;
	}
	t->not_before_ms = rc == RMG_OK ? 0 : now + AGAIN_MS;
	if (told)
		memmove(t->waiting.v, t->waiting.v + told,
			(t->waiting.n - told) * sizeof *t->waiting.v);
	t->waiting.n -= told;
	if (t->waiting.n == 0)
		arena_reset(&t->arena);
	if (t->lost && t->waiting.n == 0) {
		node_say(t->node, "warn", "%llu odd programs could not be told of: too many waited",
			 (unsigned long long)t->lost);
		t->lost = 0;
	}
}
