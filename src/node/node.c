/* SPDX-License-Identifier: Apache-2.0 */
#include "node/node.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/rfc3339.h"

void node_say(const struct node *n, const char *level, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	if (n->say == NULL)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	n->say(n->user, level, text);
}

const char *node_own_name(char *buf, size_t n)
{
	if (gethostname(buf, n - 1) != 0)
		snprintf(buf, n, "localhost");
	buf[n - 1] = '\0';
	return buf;
}

bool node_stopping(void *node)
{
	const struct node *n = node;

	return n->stop && n->stop(n->user);
}

uint64_t node_epoch(struct node *n)
{
	int64_t now = node_now_ms(n);

	return n->to.epoch ? n->to.epoch(n->to.user, now) : (uint64_t)now;
}

static void put_into_cage(void *user, int pid)
{
	struct node *n = user;

	if (!cage_put(n->cage, pid) && !atomic_exchange(&n->out_of_cage, true))
		node_say(n, "warn", "workers cannot be put into their control group any more");
}

void node_reference(struct span runtime, struct span digest, char *buf, size_t n)
{
	if (span_is(runtime, S("cri-o")))
		runtime = S("crio");
	snprintf(buf, n, SPAN_FMT ":" SPAN_FMT, SPAN_ARG(runtime), SPAN_ARG(digest));
}

struct rmg_opts node_scan_opts(struct node *n)
{
	struct rmg_opts opts = RMG_OPTS;

	if (n->scan)
		opts = *n->scan;
	opts.stop = node_stopping;
	opts.progress = NULL;
	opts.started = n->cage ? put_into_cage : NULL;
	opts.user = n;
	return opts;
}

void node_image_says(const struct inventory *inv, int64_t *created_ms, struct span *revision)
{
	*created_ms = 0;
	if (inv->n_layers && !rfc3339_parse(inv->layers[inv->n_layers - 1].created, created_ms))
		*created_ms = 0;
	for (size_t i = 0; i < inv->n_labels; i++)
		if (span_is(inv->labels[i].key, S("org.opencontainers.image.version")))
			*revision = inv->labels[i].value;
}
