/* SPDX-License-Identifier: Apache-2.0 */
/* stdout.c - each message as one line of JSON (schema rummage/message/1) on standard output. */
#include <errno.h>
#include <unistd.h>

#include "alert/sink_inside.h"

static const struct sink_setting settings[] = {{0}};

static enum rmg_rc open_stdout(const struct sink_values *v, struct sink **out, struct rmg_err *err)
{
	return sink_open(&sink_stdout, v, out, err);
}

static enum rmg_rc send_stdout(struct sink *s, const struct message *m, struct sink_retry *retry,
			       struct rmg_err *err)
{
	const char *p;
	size_t left;
	enum rmg_rc rc;

	sink_begin(s);
	message_write(m, &s->body);
	strbuf_putc(&s->body, '\n');
	rc = sink_body_rc(s, err);
	p = strbuf_cstr(&s->body);
	left = s->body.n;
	while (rc == RMG_OK && left) {
		ssize_t n = write(STDOUT_FILENO, p, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			retry->again = true;
			return err_os(err, RMG_E_IO, "standard output");
		}
		p += n;
		left -= (size_t)n;
	}
	return rc;
}

const struct sink_kind sink_stdout = {
    .name = "stdout",
    .what = "standard output, one line of JSON a message",
    .settings = settings,
    .open = open_stdout,
    .send = send_stdout,
    .close = sink_close,
};
