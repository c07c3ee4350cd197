/* SPDX-License-Identifier: Apache-2.0 */
#include "node/tag_tell.h"

#include <stdio.h>

static struct place place_of(const struct tag_tell *t)
{
	const struct node *n = t->teller.node;

	return (struct place){.cluster = span_cstr(n->cluster), .node = span_cstr(n->name)};
}

static void begin(struct tag_tell *t)
{
	int64_t now = node_now_ms(t->teller.node);
	const struct event e[] = {
	    {.type = EVENT_SNAPSHOT_BEGAN, .at_ms = now, .place = place_of(t)},
	    {.type = EVENT_SNAPSHOT_ENDED, .at_ms = now, .place = place_of(t)}};
	struct rmg_err err;
	bool resync = false;

	t->begun = teller_say(&t->teller, e, COUNT_OF(e), &resync, &err) == RMG_OK && !resync;
}

static void say(struct tag_tell *t, const struct event_image *image, struct span kind,
		const char *why)
{
	struct event e = {.type = EVENT_TAG_RESOLVED,
			  .at_ms = node_now_ms(t->teller.node),
			  .place = place_of(t),
			  .image = *image,
			  .change = {.kind = kind, .text = span_cstr(why)}};
	struct rmg_err err;
	bool resync = false;

	if (why)
		e.image.n_digests = 0;
	pthread_mutex_lock(&t->lock);
	if (!t->begun)
		begin(t);
	if (teller_say(&t->teller, &e, 1, &resync, &err) != RMG_OK || resync)
		t->begun = false;
	pthread_mutex_unlock(&t->lock);
}

void tag_tell(struct tag_tell *t, const struct event_image *image, const char *why)
{
	say(t, image, (struct span){0}, why);
}

void tag_tell_vanished(struct tag_tell *t, const struct event_image *image, const char *why)
{
	say(t, image, S(EVENT_VANISHED), why);
}

void tag_tell_beat(struct tag_tell *t)
{
	pthread_mutex_lock(&t->lock);
	if (!t->begun || teller_beat(&t->teller))
		begin(t);
	pthread_mutex_unlock(&t->lock);
}

void tag_tell_init(struct tag_tell *t, struct node *n, const char *name)
{
	char source[SOURCE_BYTES];

	*t = (struct tag_tell){0};
	pthread_mutex_init(&t->lock, NULL);
	snprintf(source, sizeof source, "%s%s%s%s", n->name, *name ? "/" : "", name, EVENT_TAGS);
	teller_init(&t->teller, n, span_cstr(source));
}

void tag_tell_done(struct tag_tell *t)
{
	pthread_mutex_destroy(&t->lock);
}
