/* SPDX-License-Identifier: Apache-2.0 */
/* sink_inside.h - what the kinds of sinks share; nobody else includes it.
 *
 * A sink holds its settings and, where it speaks HTTP, a client of its own. Each send ends within
 * SINK_SEND_S: sink_begin() sets the end, sink_stops() is polled. Texts of failures name no secret:
 * URLs are shown without their paths where these are secret, and answers are searched for every
 * secret before a part of them is shown.
 *
 * The functions NAME_body() write what a kind says, without saying it; they fail as their strbuf
 * does. */
#ifndef ALERT_SINK_INSIDE_H
#define ALERT_SINK_INSIDE_H

#include "alert/brief.h"
#include "alert/sink.h"
#include "io/http.h"

enum { SINK_SEND_S = 15, SINK_BODY_BYTES = 64 << 20 };

struct sink {
	const struct sink_kind *kind;
	struct sink_values values;
	struct http *http;  /* NULL where it does not speak HTTP */
	struct strbuf body; /* what is being sent */
	int64_t ends_ms;    /* of the send under way, by the monotonic clock */
	bool late;
	char *part_id; /* a message of which some items are told: its id, and how many */
	size_t part;
	int64_t last_ms; /* end of the last send, by the monotonic clock */
};

#define X(name) extern const struct sink_kind sink_##name;
#include "alert/sink.def"
#undef X

/* Checks the settings: what is required is there, nothing holds control bytes, files of
 * certificates and keys are such. */
MUST enum rmg_rc sink_open(const struct sink_kind *kind, const struct sink_values *v,
			   struct sink **out, struct rmg_err *err);
/* The same, with an HTTP client; the setting "url", where there is one, is checked. */
MUST enum rmg_rc sink_open_http(const struct sink_kind *kind, const struct sink_values *v,
				struct sink **out, struct rmg_err *err);
void sink_close(struct sink *s);
/* Two settings that are nothing without each other. */
MUST enum rmg_rc sink_check_both(const struct sink *s, const char *one, const char *other,
				 struct rmg_err *err);
/* The setting "url", where it is set, is a URL. */
MUST enum rmg_rc sink_check_url(const struct sink *s, struct rmg_err *err);

const char *sink_get(const struct sink *s, const char *name); /* NULL: not set, or empty */
const char *sink_get_or(const struct sink *s, const char *name, const char *otherwise);
const char *sink_ca_file(const struct sink *s);

void sink_begin(struct sink *s);
bool sink_stops(void *sink); /* told to stop, or out of time */

/* The failure of running out of time or being told to stop; both may be tried again. */
enum rmg_rc sink_stopped(const struct sink *s, struct sink_retry *retry, struct rmg_err *err) COLD;

/* A request; RMG_OK only for a 2xx. What is not 2xx has its status in *status (NULL: not wanted),
 * else 0. */
MUST enum rmg_rc sink_request(struct sink *s, struct http_request *req, unsigned *status,
			      struct sink_retry *retry, struct rmg_err *err);
/* POST of s->body, whose own failure is looked at first. */
MUST enum rmg_rc sink_post(struct sink *s, const char *url, const char *const *headers,
			   struct sink_retry *retry, struct rmg_err *err);
MUST enum rmg_rc sink_body_rc(const struct sink *s, struct rmg_err *err);

/* fn for each item of a message, or for the message as one where it has none, or has more that are
 * not listed. A later try goes on at the item where this one failed. */
typedef enum rmg_rc sink_item_fn(struct sink *s, const struct message *m,
				 const struct message_item *item, struct sink_retry *retry,
				 struct rmg_err *err);
MUST enum rmg_rc sink_each(struct sink *s, const struct message *m, sink_item_fn *fn,
			   struct sink_retry *retry, struct rmg_err *err);

#define SINK_NET_SETTINGS                                                                          \
	{                                                                                          \
		"ca", false, false, "file of certificates (PEM) to trust instead of the system's"  \
	}

#define SINK_REPEAT_SETTING(what)                                                                  \
	{                                                                                          \
		"repeat", false, false, "seconds until what still fires is told again; " what      \
	}

/* "v1,BASE64": Standard Webhooks 1.0. false: the secret is no base64 after "whsec_". */
MUST bool webhook_sign(struct span secret, struct span id, uint64_t at_s, struct span body,
		       struct strbuf *out);
void webhook_body(const struct message *m, const char *source, struct strbuf *out);
/* lasts_ms: for how long what fires does, unless it is told again. */
void alertmanager_body(const struct message *m, const char *cluster, int64_t now_ms,
		       int64_t lasts_ms, struct strbuf *out);
void slack_body(const struct message *m, struct strbuf *out);
void teams_body(const struct message *m, struct strbuf *out);
void pagerduty_body(const struct message *m, const struct message_item *item, const char *key,
		    struct strbuf *out);
void jira_label(const struct message_item *item, char out[32]);
void jira_issue_body(const struct message *m, const struct message_item *item, const char *project,
		     const char *type, struct strbuf *out);
void smtp_text(const struct message *m, const char *from, const char *to, int64_t now_ms,
	       struct strbuf *out);

/* One message of syslog (RFC 5424), at most max bytes, without a frame. */
struct syslog_head {
	unsigned facility;
	const char *host, *app, *enterprise;
};
void syslog_line(const struct syslog_head *h, const struct message *m,
		 const struct message_item *item, size_t max, struct strbuf *out);
void cef_line(const struct syslog_head *h, const struct message *m, const struct message_item *item,
	      size_t max, struct strbuf *out);

/* What both say over the same transport. */
typedef void syslog_line_fn(const struct syslog_head *h, const struct message *m,
			    const struct message_item *item, size_t max, struct strbuf *out);
MUST enum rmg_rc syslog_open(const struct sink_kind *kind, const struct sink_values *v,
			     struct sink **out, struct rmg_err *err);
MUST enum rmg_rc syslog_send(struct sink *s, const struct message *m, syslog_line_fn *line,
			     struct sink_retry *retry, struct rmg_err *err);
void syslog_put_head(const struct syslog_head *h, const struct message *m,
		     const struct message_item *item, struct strbuf *out);
#define SYSLOG_SETTINGS                                                                            \
	{"url", true, false,                                                                       \
	 "udp://HOST:PORT (514), tcp://HOST:PORT (601) or tls://HOST:PORT (6514)"},                \
	    {"facility", false, false, "0 to 23; default: 16 (local0)"},                           \
	    {"hostname", false, false, "who sends; default: the name of this machine"},            \
	    {"app", false, false, "APP-NAME; default: rummage"},                                   \
	    {"client_cert", false, false, "certificate for mutual TLS (PEM file)"},                \
	    {"client_key", false, false, "its key (PEM file)"}, SINK_NET_SETTINGS

#endif
