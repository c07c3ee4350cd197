/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_cluster.c - cluster: the agent of a Kubernetes cluster, in the foreground. */
#include <rummage.h>

#include "cmd/check.h"
#include "cmd/cmd.h"
#include "cmd/hub_client.h"
#include "cmd/say.h"
#include "node/agent.h"

static const char *advice_of(const struct rmg_err *err)
{
	if (err->rc == RMG_E_IO)
		return "--state-dir says where the agent's state is kept";
	return NULL;
}

/* What it tells is of the cluster, wherever this process runs: it is called as the cluster is, so
 * that a pod that takes another's place goes on as that one. */
int cmd_cluster(struct options *o)
{
	const char *cluster = o->cluster ? o->cluster : NODE_CLUSTER;
	struct node_watch watch = {.kind = "kubernetes",
				   .address = o->kubernetes.n ? o->kubernetes.v[0] : "in-cluster",
				   .kinds = o->kube_kinds.v,
				   .namespaces = o->kube_namespaces.v,
				   .without = o->kube_without.v};
	struct rmg_opts scan = RMG_OPTS;
	struct rmg_err err = {0};
	struct agent_opts opts = {
	    .hub = hub_of_agent(o),
	    .state_dir = o->state_dir,
	    .spool_bytes = o->spool_bytes,
	    .cluster = cluster,
	    .node = cluster,
	    .watches = &watch,
	    .n_watches = 1,
	    .no_images = true,
	    .scan = &scan,
	    .stop = cmd_stopped,
	    .say = say_log,
	    .user = o,
	};

	if (o->kubernetes.n > 1)
		return say_usage("cluster", "one cluster; another has an agent of its own");
	if (o->install_check)
		return check_node(o, &opts, "cluster");
	if (o->hub_url == NULL)
		return say_usage("cluster", "--hub URL says where the hub is");
	if (agent_run(&opts, &err) != RMG_OK)
		return say_failure("cluster", &err, advice_of(&err));
	return EXIT_WHOLE;
}
