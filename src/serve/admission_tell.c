/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/admission_tell.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/vec.h"
#include "node/teller.h"
#include "watch/event_json.h"

/* GATHER_MS: what comes so soon after what was told is told together; each commit costs ten times
 * what a question does. */
enum { AT_ONCE = 256, GATHER_MS = 10 };

struct admission_tell {
	struct env *env;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t change;
	VEC(char *) lines; /* events as JSON, in the order in which they were told */
	bool beat, stopping, left_out, threaded;
	pthread_t thread;
	/* The thread's. */
	struct teller teller;
	struct arena arena;
	struct event events[AT_ONCE];
	bool begun, troubled;
};

void admission_tell(struct admission_tell *t, const struct event *e)
{
	struct strbuf text = strbuf_of(LIMIT_EVENT_BYTES);
	struct event numbered = *e;
	char *line = NULL;
	bool first;

	numbered.source = S("admission"); /* the teller gives it its own */
	numbered.seq = 1;
	event_write(&numbered, &text);
	if (strbuf_rc(&text) == RMG_OK)
		line = strdup(strbuf_cstr(&text));
	strbuf_done(&text);
	pthread_mutex_lock(&t->lock);
	first = t->lines.n == 0; /* else the thread is at work, and looks again */
	if (line == NULL || t->lines.n == LIMIT_ADMISSION_TOLD || !VEC_PUSH(&t->lines, line)) {
		t->left_out = true;
		free(line);
	}
	if (first)
		pthread_cond_signal(&t->change);
	pthread_mutex_unlock(&t->lock);
}

static void say(struct admission_tell *t, const struct event *e, size_t n)
{
	struct rmg_err err = {0};
	bool resync = false;
	enum rmg_rc rc = teller_say(&t->teller, e, n, &resync, &err);

	if (rc != RMG_OK && !t->troubled)
		env_say(t->env, "warn", "what admission was asked is not told: %s", err.msg);
	t->troubled = rc != RMG_OK;
	t->begun &= rc == RMG_OK && !resync;
}

static void begin(struct admission_tell *t)
{
	const struct node *n = t->teller.node;
	const struct place place = {.cluster = span_cstr(n->cluster), .node = span_cstr(n->name)};
	const struct event e[] = {
	    {.type = EVENT_SNAPSHOT_BEGAN, .at_ms = node_now_ms(n), .place = place},
	    {.type = EVENT_SNAPSHOT_ENDED, .at_ms = node_now_ms(n), .place = place}};

	t->begun = true;
	say(t, e, COUNT_OF(e));
}

/* Without the lock. */
static void tell(struct admission_tell *t, char **lines, size_t n)
{
	size_t good = 0;

	if (!t->begun)
		begin(t);
	for (size_t i = 0; i < n; i++)
		good +=
		    event_parse(span_cstr(lines[i]), &t->arena, &t->events[good], NULL) == RMG_OK;
	if (good)
		say(t, t->events, good);
	arena_reset(&t->arena);
}

static void beat(struct admission_tell *t)
{
	if (!t->begun || teller_beat(&t->teller))
		begin(t);
}

/* With the lock, which it gives back meanwhile. */
static void work(struct admission_tell *t)
{
	char *lines[AT_ONCE];
	size_t n = MIN_OF(t->lines.n, (size_t)AT_ONCE);
	bool beats = t->beat, left_out = t->left_out;

	if (n)
		memcpy(lines, t->lines.v, n * sizeof *lines);
	t->lines.n -= n;
	if (n && t->lines.n)
		memmove(t->lines.v, t->lines.v + n, t->lines.n * sizeof *t->lines.v);
	t->beat = t->left_out = false;
	pthread_mutex_unlock(&t->lock);
	if (left_out)
		env_say(t->env, "warn", "admission was asked more than can be told");
	if (n)
		tell(t, lines, n);
	else if (beats)
		beat(t);
	for (size_t i = 0; i < n; i++)
		free(lines[i]);
	pthread_mutex_lock(&t->lock);
}

static void *run(void *user)
{
	struct admission_tell *t = user;

	pthread_mutex_lock(&t->lock);
	while (!t->stopping || t->lines.n) {
		if (t->lines.n == 0 && !t->beat) {
			pthread_cond_wait(&t->change, &t->lock);
			continue;
		}
		work(t);
		if (t->stopping || t->lines.n >= AT_ONCE)
			continue;
		pthread_mutex_unlock(&t->lock);
		clock_sleep_ms(GATHER_MS);
		pthread_mutex_lock(&t->lock);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

void admission_tell_beat(struct admission_tell *t)
{
	pthread_mutex_lock(&t->lock);
	t->beat = true;
	pthread_cond_signal(&t->change);
	pthread_mutex_unlock(&t->lock);
}

enum rmg_rc admission_tell_start(struct env *env, struct admission_tell **out, struct rmg_err *err)
{
	struct admission_tell *t = calloc(1, sizeof *t);
	char source[SOURCE_BYTES];

	*out = t;
	if (t == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for admission");
	t->env = env;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->change, NULL);
	arena_init(&t->arena, AT_ONCE * LIMIT_EVENT_BYTES);
	snprintf(source, sizeof source, "%s" EVENT_ADMISSION, env->node.name);
	teller_init(&t->teller, &env->node, span_cstr(source));
	if (pthread_create(&t->thread, NULL, run, t) != 0)
		return err_set(err, RMG_E_NOMEM, "no thread for what admission is asked");
	t->threaded = true;
	return RMG_OK;
}

void admission_tell_stop(struct admission_tell *t)
{
	if (t == NULL)
		return;
	pthread_mutex_lock(&t->lock);
	t->stopping = true;
	pthread_cond_signal(&t->change);
	pthread_mutex_unlock(&t->lock);
	if (t->threaded)
		pthread_join(t->thread, NULL);
	VEC_EACH (line, &t->lines)
		free(*line);
	VEC_DONE(&t->lines);
	arena_done(&t->arena);
	pthread_cond_destroy(&t->change);
	pthread_mutex_destroy(&t->lock);
	free(t);
}
