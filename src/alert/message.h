/* SPDX-License-Identifier: Apache-2.0 */
/* message.h - what is told to people and systems: one alert, or several that belong together.
 *
 * The outbox of the store keeps a message as JSON (schema rummage/message/1, docs/API.md), so that
 * what is sent after a restart is what was decided before it. hub writes it, sinks read it. Spans
 * of a parsed message live as long as it does. */
#ifndef ALERT_MESSAGE_H
#define ALERT_MESSAGE_H

#include <rummage.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"

enum { MESSAGE_USES = 50, MESSAGE_ITEMS = 100 };

enum message_kind {
	MESSAGE_FIRED,
	MESSAGE_REOPENED,
	MESSAGE_WORSENED,
	MESSAGE_ESCALATED, /* still in use after so many days */
	MESSAGE_RESOLVED,
	MESSAGE_TEST,
};

struct message_use {
	struct span cluster, node, ns, workload, container, name; /* workload: "Deployment/web" */
	struct span since;                                        /* RFC 3339 */
	bool dormant;
};

struct message_item { /* one alert */
	uint64_t alert;
	struct span key, rule, title, text, severity; /* "critical" ... */
	struct span advisory, summary, url, fixed;    /* fixed: versions, ", " between */
	struct span component;                        /* purl */
	struct span image, digest;                    /* reference and digest */
	struct span before, after; /* "0 critical", of a rollback or a worsening */
	struct span opened;        /* RFC 3339 */
	bool kev, fixable, is_new; /* is_new: never fired before */
	double epss;
	uint32_t days;   /* of continued use */
	uint64_t n_uses; /* in all; the first MESSAGE_USES are listed */
	struct message_use *uses;
	size_t uses_listed;
};

struct message {
	struct arena arena;
	enum message_kind kind;
	struct span id;       /* the dedupe key: the same for every attempt and every hub */
	struct span title;    /* one line */
	struct span at;       /* RFC 3339 */
	struct span severity; /* the worst */
	struct span link;     /* to the hub, "" where it does not know its own address */
	struct message_item *items;
	size_t n_items;
	uint64_t items_left_out; /* beyond MESSAGE_ITEMS */
};

const char *message_kind_name(enum message_kind k); /* "fired", ... */
MUST enum rmg_rc message_parse(struct span json, struct message **out, struct rmg_err *err);
void message_write(const struct message *m, struct strbuf *out); /* JSON */
void message_text(const struct message *m, struct strbuf *out);  /* plain text for mail and chat */
void message_free(struct message *m);

#endif
