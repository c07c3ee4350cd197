/* SPDX-License-Identifier: Apache-2.0 */
/* message.h - what is told to people and systems: one alert, or several that belong together.
 *
 * The outbox of the store keeps a message as JSON (schema rummage/message/1, docs/API.md), so that
 * what is sent after a restart is what was decided before it. hub writes it, sinks read it. Spans
 * of a parsed message live as long as it does, and are UTF-8 without control bytes (but for the
 * ends of lines in an item's text): they may go into a header or a line of a log.
 *
 * What is too long is cut when it is written, and lists are counted beyond their bounds: nothing is
 * ever too large to be told. */
#ifndef ALERT_MESSAGE_H
#define ALERT_MESSAGE_H

#include <rummage.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"

/* Uses are listed up to MESSAGE_USES an item and MESSAGE_USES_ALL a message, in equal parts. Texts,
 * and names in uses, are cut at so many bytes. */
enum {
	MESSAGE_USES = 50,
	MESSAGE_USES_ALL = 1000,
	MESSAGE_ITEMS = 100,
	MESSAGE_TEXT_BYTES = 2048,
	MESSAGE_NAME_BYTES = 512,
};

enum message_kind {
	MESSAGE_FIRED,
	MESSAGE_REOPENED,
	MESSAGE_WORSENED,
	MESSAGE_ESCALATED, /* still in use after so many days */
	MESSAGE_RESOLVED,
	MESSAGE_TEST,
	MESSAGE_FIRING, /* as it was told before, for sinks that are to hear of it again and again
			 */
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
	struct span audit;    /* head of the audit log, so that a cut end is seen: hub/audit.h */
	struct message_item *items;
	size_t n_items;
	uint64_t items_left_out; /* beyond MESSAGE_ITEMS */
};

const char *message_kind_name(enum message_kind k); /* "fired", ... */

/* RMG_E_FORMAT where it is no message, or has more than the bounds above; RMG_E_LIMIT beyond
 * LIMIT_MESSAGE_BYTES. */
MUST enum rmg_rc message_parse(struct span json, struct message **out, struct rmg_err *err);
void message_free(struct message *m);

/* One line of JSON, without its end. */
void message_write(const struct message *m, struct strbuf *out);

/* Plain text of a parsed message, for mail and chat: the title, a paragraph an item, the link. */
/* "critical, new, known to be exploited, EPSS 0.900, fixed in 1.2", as far as it is so. */
void message_marks(const struct message_item *item, struct strbuf *out);
void message_text(const struct message *m, struct strbuf *out);

#endif
