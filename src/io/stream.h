/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h - bytes to a host that answers nothing: over UDP, TCP or TLS (certificate and name are
 * checked), by libcurl's connections. No proxy.
 *
 * stream_send() connects, writes all parts, ends its side and waits until the other has taken
 * them; over UDP each part is a datagram, and nobody knows. RMG_E_NET: no connection, or it broke
 * off; RMG_E_STOPPED: stop() said so (polled several times a second). It ends within seconds,
 * whatever the other side does. */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include <rummage.h>

#include "base/err.h"
#include "base/span.h"

enum stream_kind { STREAM_UDP, STREAM_TCP, STREAM_TLS };

struct stream_opts {
	enum stream_kind kind;
	const char *host; /* a name or an address, IPv6 without brackets */
	uint16_t port;
	const char *ca_file;                  /* PEM; NULL: the system's */
	const char *client_cert, *client_key; /* PEM; NULL: none */
	uint32_t seconds;                     /* for all of it */
	bool (*stop)(void *user);
	void *user;
};

MUST enum rmg_rc stream_send(const struct stream_opts *o, const struct span *parts, size_t n,
			     struct rmg_err *err);

#endif
