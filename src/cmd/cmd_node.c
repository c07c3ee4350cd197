/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_node.c - node: the agent of a machine, in the foreground. */
#include <rummage.h>

#include "cmd/cmd.h"
#include "cmd/say.h"
#include "node/agent.h"

static bool add(struct agent_opts *to, struct node_watch *watches, const char *kind,
		const struct opt_list *from)
{
	for (size_t i = 0; i < from->n; i++) {
		if (to->n_watches == AGENT_WATCHES)
			return false;
		watches[to->n_watches++] = (struct node_watch){.kind = kind, .address = from->v[i]};
	}
	return true;
}

static const char *advice_of(const struct rmg_err *err)
{
	if (err->rc == RMG_E_IO)
		return "--state-dir says where the agent's state is kept";
	return NULL;
}

int cmd_node(struct options *o)
{
	struct node_watch watches[AGENT_WATCHES];
	struct rmg_opts scan = RMG_OPTS;
	struct rmg_err err = {0};
	struct agent_opts opts = {
	    .hub = {.hub = o->hub_url,
		    .token = o->token_file ? NULL : o->token,
		    .token_file = o->token_file,
		    .ca_file = o->ca_cert,
		    .fingerprint = o->hub_fingerprint,
		    .client_cert = o->client_cert,
		    .client_key = o->client_key,
		    .plain_http = o->plain_http},
	    .state_dir = o->state_dir,
	    .spool_bytes = o->spool_bytes,
	    .cluster = o->cluster,
	    .node = o->node,
	    .watches = watches,
	    .host = o->host,
	    .scan = &scan,
	    .eager = o->eager,
	    .stop = cmd_stopped,
	    .say = say_log,
	    .user = o,
	};

	if (o->hub_url == NULL)
		return say_usage("node", "--hub URL says where the hub is");
	if (!add(&opts, watches, "docker", &o->docker) ||
	    !add(&opts, watches, "podman", &o->podman))
		return say_usage("node", "at most %d runtimes", AGENT_WATCHES);
	scan.cache_dir = o->cache_dir;
	scan.no_sandbox = o->no_sandbox;
	if (agent_run(&opts, &err) != RMG_OK)
		return say_failure("node", &err, advice_of(&err));
	return EXIT_WHOLE;
}
