/* SPDX-License-Identifier: Apache-2.0 */
/* sink.h - where alerts go: one file a kind, one row of sink.def.
 *
 * A kind has named settings (its rows of struct sink_setting), opens with them, and delivers one
 * message at a time; it blocks, with bounds in time, and runs on a thread of its own, so that a
 * slow one holds up no other. RMG_OK means that the other side has it: an HTTP answer that is not
 * 2xx is a failure. *retry tells whether trying again may help (429, 5xx, no connection), after how
 * many seconds at least. The message's id lets the other side drop what it has already (at least
 * once). Secrets are read from the file that a setting names or from the setting itself, and never
 * logged. */
#ifndef ALERT_SINK_H
#define ALERT_SINK_H

#include "alert/message.h"

struct sink_setting {
	const char *name;
	bool required, secret;
	const char *what;
};

struct sink_values { /* "url" -> "https://..."; NULL where not set; a secret already read from its
			file */
	const char *(*value)(void *user, const char *name);
	void *user;
	const char *ca_file;      /* for TLS; NULL: the system's */
	bool (*stop)(void *user); /* polled; a hub that drains wants no long wait */
};

struct sink;

struct sink_retry {
	bool again;
	uint32_t after_s;
};

struct sink_kind {
	const char *name, *what;
	const struct sink_setting *settings; /* ends with a NULL name */
	bool each; /* something of its own is made of each alert: none may only be counted */
	/* Every so many seconds what still fires is told again (MESSAGE_FIRING), unless the setting
	 * "repeat" says otherwise; 0: never, and there is no such setting. */
	uint32_t repeat_s;
	enum rmg_rc (*open)(const struct sink_values *v, struct sink **out, struct rmg_err *err);
	enum rmg_rc (*send)(struct sink *s, const struct message *m, struct sink_retry *retry,
			    struct rmg_err *err);
	void (*close)(struct sink *s);
};

const struct sink_kind *sink_kind_at(size_t i); /* NULL: end */
const struct sink_kind *sink_kind_of(const char *name);

/* How often a sink of a kind is told again, by its setting "repeat" (NULL: as the kind has it); 0
 * never. false: that is no number of seconds up to a day. */
MUST bool sink_repeat_s(const struct sink_kind *kind, const char *value, uint32_t *out);

#endif
