/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - the hub's own file, rummage-hub(5): sinks, identity provider, hints, registries,
 * retention.
 *
 * YAML, read as paths and values ("sinks.ops.kind" = "slack"). A key that nothing knows is an error
 * with its line; config_read() also opens each sink once, so that a setting that it would stumble
 * over is told before the first message. A setting NAME_file holds the path of a file whose first
 * line is the value, for secrets. Everything lives as long as the config, which its holders share
 * (one thread's: the main one). */
#ifndef SERVE_CONFIG_H
#define SERVE_CONFIG_H

#include "alert/sink.h"
#include "hub/hub.h"
#include "serve/oidc.h"

struct config_value {
	const char *name, *value;
};

struct config_sink {
	const char *name;
	const struct sink_kind *kind;
	struct config_value *values;
	size_t n_values;
};

enum { CONFIG_SINKS = 64 };

struct config {
	struct arena arena;
	unsigned holders;
	struct config_sink *sinks;
	size_t n_sinks;
	const char **sink_names, **sinks_each; /* NULL-terminated; of a kind with .each */
	struct oidc_opts oidc;                 /* issuer NULL: none */
	const char *address;                   /* of this hub, for links in messages; NULL */
	const char *hook_secret;               /* what registries show that send hints; NULL */
	struct hub_tag_opts tags; /* how often registries are asked; hosts are the arena's */
	bool open_metrics;
	uint32_t ended_uses_days, changes_days, sent_messages_days; /* 0: for ever */
};

/* file NULL: nothing is configured, all is default. */
MUST enum rmg_rc config_read(const char *file, struct config **out, struct rmg_err *err);
MUST enum rmg_rc config_parse(struct span yaml, const char *name, struct config **out,
			      struct rmg_err *err);
struct config *config_hold(struct config *c); /* one config_free() more */
void config_free(struct config *c);

const char *config_sink_value(const struct config_sink *s, const char *name);
const struct config_sink *config_sink_of(const struct config *c, const char *name);
bool config_sink_same(const struct config_sink *a, const struct config_sink *b);
bool config_provider_same(const struct config *a, const struct config *b);

/* Whether a sink can be opened: the failure says which setting is bad, not of which sink. */
MUST enum rmg_rc config_sink_check(const struct config_sink *s, struct rmg_err *err);

#endif
