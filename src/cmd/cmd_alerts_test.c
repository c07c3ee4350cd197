/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_alerts_test.c - alerts test: a message to one sink, sent from here with the hub's settings.
 * What the other side answers is said; nothing is put into the outbox. */
#include <rummage.h>

#include <stdio.h>
#include <time.h>

#include "base/rfc3339.h"
#include "cmd/cmd.h"
#include "cmd/say.h"
#include "serve/config.h"

static const char *value_of(void *user, const char *name)
{
	return config_sink_value(user, name);
}

static enum rmg_rc send_test(const struct config_sink *s, struct rmg_err *err)
{
	struct sink_values values = {
	    .value = value_of, .user = (void *)(uintptr_t)s, .stop = cmd_stopped};
	struct message_item item = {.key = S("test"),
				    .rule = S("test"),
				    .title = S("a test of this sink"),
				    .text = S("Somebody asked for it; nothing is wrong."),
				    .severity = S("low")};
	char at[RFC3339_BYTES], id[64];
	struct message m = {.kind = MESSAGE_TEST,
			    .title = S("Rummage: a test of this sink"),
			    .severity = S("low"),
			    .items = &item,
			    .n_items = 1};
	struct sink_retry retry = {0};
	struct sink *sink = NULL;
	enum rmg_rc rc = s->kind->open(&values, &sink, err);

	snprintf(id, sizeof id, "test-%lld", (long long)time(NULL));
	m.id = span_cstr(id);
	m.at = span_cstr(rfc3339_text((int64_t)time(NULL) * 1000, at));
	if (rc != RMG_OK)
		return rc;
	rc = s->kind->send(sink, &m, &retry, err);
	s->kind->close(sink);
	return rc;
}

int cmd_alerts_test(struct options *o)
{
	const struct config_sink *sink;
	struct config *config = NULL;
	struct rmg_err err = {0};
	int code = EXIT_WHOLE;

	if (o->hub_config == NULL)
		return say_usage("alerts test", "--hub-config FILE says which sinks there are");
	if (config_read(o->hub_config, &config, &err) != RMG_OK)
		return say_failure("alerts test", &err, NULL);
	sink = config_sink_of(config, o->operands[0]);
	if (sink == NULL)
		code = say_usage("alerts test", "%s has no sink called %s", o->hub_config,
				 o->operands[0]);
	else if (send_test(sink, &err) != RMG_OK)
		code = say_failure(o->operands[0], &err, NULL);
	else if (!o->quiet)
		printf("%s (%s) took the message\n", sink->name, sink->kind->name);
	config_free(config);
	return code;
}
