/* SPDX-License-Identifier: Apache-2.0 */
/* brief.h - a message in few words, for receivers that take only so much.
 *
 * All cut between characters; lists that do not fit end with how many are left out. */
#ifndef ALERT_BRIEF_H
#define ALERT_BRIEF_H

#include "alert/message.h"

/* At most max bytes, no character cut in two. */
struct span brief_cut(struct span s, size_t max);

/* s with a backslash before each of those characters, at most max bytes in all. Ends of lines
 * become blanks. */
void brief_escape(struct span s, const char *those, size_t max, struct strbuf *out);

/* "critical, known to be exploited, EPSS 0.850, fixed in 5.6.1": what is known, maybe nothing. */
void brief_marks(const struct message_item *item, struct strbuf *out);

/* "prod/shop/Deployment/web on node-a; prod/shop/CronJob/report (dormant); and 1 more", about max
 * bytes; nothing where there are no uses. */
void brief_uses(const struct message_item *item, size_t max, struct strbuf *out);

/* The title of one alert, with what became of it: "Resolved: ...". */
void brief_title(const struct message *m, const struct message_item *item, struct strbuf *out);

/* message_text() of all or of one alert, at most max bytes: its end is cut off and said to be. */
void brief_text(const struct message *m, const struct message_item *only, size_t max,
		struct strbuf *out);

/* The first of these that is a URL of http or https; "" where none is. */
struct span brief_link(const struct message *m, const struct message_item *item);

/* critical 4, high 3, medium 2, low 1, else 0. */
unsigned brief_rank(struct span severity);

#endif
