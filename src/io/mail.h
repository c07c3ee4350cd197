/* SPDX-License-Identifier: Apache-2.0 */
/* mail.h - hands one mail to a server (RFC 5321, 8314) by libcurl: smtp:// with STARTTLS, which is
 * required unless plain is set, or smtps://. No proxy, no configuration of the machine.
 *
 * RMG_OK: the server has taken it for every receiver. RMG_E_NET with *again: no connection, a
 * transient answer (4xx), or the time is over; without: refused for good (5xx). RMG_E_AUTH: the
 * password was refused. RMG_E_STOPPED: stop() said so. Texts of failures name the server, and never
 * what it said beyond a code. */
#ifndef IO_MAIL_H
#define IO_MAIL_H

#include <rummage.h>

#include "base/err.h"
#include "base/span.h"

enum { MAIL_RECEIVERS = 100 };

struct mail {
	const char *url;
	const char *user, *password; /* NULL: none */
	const char *from;            /* bare addresses */
	struct span to[MAIL_RECEIVERS];
	size_t n_to;
	struct span text;    /* headers and body, lines ended by CR LF */
	const char *ca_file; /* PEM; NULL: the system's */
	bool plain;          /* no TLS */
	uint32_t seconds;    /* for all of it */
	bool (*stop)(void *user);
	void *user_data;
};

MUST enum rmg_rc mail_send(const struct mail *m, bool *again, struct rmg_err *err);

#endif
