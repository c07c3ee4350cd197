/* SPDX-License-Identifier: Apache-2.0 */
#include "node/node.h"

#include <stdarg.h>
#include <stdio.h>

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

struct rmg_opts node_scan_opts(struct node *n)
{
	struct rmg_opts opts = RMG_OPTS;

	if (n->scan)
		opts = *n->scan;
	opts.stop = node_stopping;
	opts.progress = NULL;
	opts.user = n;
	return opts;
}
