/* SPDX-License-Identifier: Apache-2.0 */
#include "node/teller.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

enum { BEAT_MS = 60000 };

void teller_init(struct teller *t, struct node *n, struct span source)
{
	*t = (struct teller){.node = n, .epoch = node_epoch(n), .said_ms = clock_tick_ms()};
	snprintf(t->source, sizeof t->source, SPAN_FMT, SPAN_ARG(source));
}

enum rmg_rc teller_say(struct teller *t, const struct event *e, size_t n, bool *resync,
		       struct rmg_err *err)
{
	struct event *copies = calloc(n + 1, sizeof *copies);
	bool asked = false;
	enum rmg_rc rc;

	if (copies == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for events");
	for (size_t i = 0; i < n; i++) {
		copies[i] = e[i];
		copies[i].source = span_cstr(t->source);
		copies[i].epoch = t->epoch;
		copies[i].seq = ++t->seq;
	}
	t->said_ms = clock_tick_ms();
	rc = t->node->to.events(t->node->to.user, copies, n, &asked, err);
	free(copies);
	if (rc == RMG_OK)
		*resync = teller_asked(t) || asked;
	return rc;
}

bool teller_beat(struct teller *t)
{
	const struct node *n = t->node;
	struct event e = {.type = EVENT_HEARTBEAT,
			  .at_ms = node_now_ms(n),
			  .place = {.cluster = span_cstr(n->cluster), .node = span_cstr(n->name)}};
	struct rmg_err err = {0};
	bool resync = false;

	if (clock_tick_ms() - t->said_ms < BEAT_MS)
		return teller_asked(t);
	/* Nothing is lost where it is not taken: the gap makes the hub ask. */
	return teller_say(t, &e, 1, &resync, &err) == RMG_OK && resync;
}

bool teller_asked(struct teller *t)
{
	const struct node_to *to = &t->node->to;

	return to->resync && to->resync(to->user, span_cstr(t->source));
}
