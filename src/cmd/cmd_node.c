/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_node.c - node: the agent of a machine, in the foreground. */
#include <rummage.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "cmd/check.h"
#include "cmd/cmd.h"
#include "cmd/grid.h"
#include "cmd/hangup.h"
#include "cmd/hub_client.h"
#include "cmd/output.h"
#include "cmd/say.h"
#include "hub/policy.h"
#include "io/file.h"
#include "node/agent.h"

enum { MOST_PERCENT = 100000, LEAST_SCAN_MEMORY = 64 << 20 };

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

/* A list of the document as a table. */
static void put_table(json *list, const char *columns, unsigned width, struct strbuf *out)
{
	struct grid *g = grid_new(columns);

	if (g == NULL || json_len(list) == 0) {
		grid_free(g);
		return;
	}
	for (struct json_iter it = json_iter(list); json_next(&it);)
		grid_row(g, it.value);
	if (out->n)
		strbuf_putc(out, '\n');
	grid_write(g, width, out);
	grid_free(g);
}

static enum rmg_rc write_one(struct output *to, struct span document, struct rmg_err *err)
{
	struct strbuf text = strbuf_of((size_t)64 << 20);
	unsigned width = output_columns(to);
	struct json_doc doc = {0};
	enum rmg_rc rc = RMG_OK;

	if (strcmp(to->format, "json") == 0) {
		strbuf_put(&text, document);
	} else {
		rc = json_parse(&doc, document, (size_t)64 << 20, err);
		put_table(json_get(doc.root, "runtimes"), "RUNTIME=kind ADDRESS=address WHY=why",
			  width, &text);
		put_table(json_get(doc.root, "uses"),
			  "CONTAINER=name NAMESPACE=namespace WORKLOAD=workload SINCE=since "
			  "INVENTORY=inventory IMAGE=ref",
			  width, &text);
		put_table(json_get(doc.root, "images"),
			  "IMAGE=ref USES=uses INVENTORY=inventory COMPONENTS=components "
			  "DIGEST=digest WHY=why",
			  width, &text);
		json_done(&doc);
	}
	if (rc == RMG_OK &&
	    (strbuf_rc(&text) != RMG_OK || !output_write(to, strbuf_cstr(&text), text.n)))
		rc = output_error(to, err);
	strbuf_done(&text);
	return rc;
}

static int once(struct options *o, struct agent_opts *opts)
{
	static const char *const formats[] = {"table", "json", NULL};
	struct strbuf document = strbuf_of((size_t)64 << 20);
	struct outputs out = {0};
	struct rmg_err err = {0};
	char name[256] = "";
	bool whole = false;
	enum rmg_rc rc;

	if (opts->cluster == NULL)
		opts->cluster = NODE_CLUSTER;
	if (opts->node == NULL)
		opts->node = node_own_name(name, sizeof name);
	rc = outputs_open(&out, o, &o->output, "table", formats, &err);
	if (rc == RMG_OK)
		rc = agent_once(opts, &document, &whole, &err);
	for (size_t i = 0; rc == RMG_OK && i < out.n; i++)
		rc = write_one(&out.v[i], strbuf_span(&document), &err);
	if (rc == RMG_OK)
		rc = outputs_commit(&out, &err);
	outputs_done(&out);
	strbuf_done(&document);
	if (rc != RMG_OK)
		return say_failure("node", &err, NULL);
	return whole ? EXIT_WHOLE : EXIT_INCOMPLETE;
}

/* A policy of this machine's own: what it says of programs that start. */
static enum rmg_rc own_rules(void *user, struct strbuf *out, struct rmg_err *err)
{
	const struct options *o = user;
	struct policy *policy = NULL;
	struct span text;
	enum rmg_rc rc = file_read(o->policy, LIMIT_POLICY_BYTES, &text, err);

	if (rc != RMG_OK)
		return rc;
	rc = policy_parse(text, o->policy, &policy, err);
	file_free(&text);
	if (rc != RMG_OK)
		return rc;
	strbuf_put(out, policy->execs_text);
	policy_free(policy);
	return RMG_OK;
}

int cmd_node(struct options *o)
{
	struct node_watch watches[AGENT_WATCHES];
	struct rmg_opts scan = RMG_OPTS;
	struct rmg_err err = {0};
	struct agent_opts opts = {
	    .hub = hub_of_agent(o),
	    .state_dir = o->state_dir,
	    .spool_bytes = o->spool_bytes,
	    .cluster = o->cluster,
	    .node = o->node,
	    .watches = watches,
	    .host = o->host,
	    .host_root = o->host_root,
	    .no_tags = o->no_tags,
	    .drift = o->drift,
	    .profile = o->profile,
	    .execs = o->execs || o->enforce,
	    .enforce = o->enforce,
	    .rules = o->policy ? own_rules : NULL,
	    .scan = &scan,
	    .eager = o->eager,
	    .cage = {(unsigned)o->scan_cpu, o->scan_memory},
	    .stop = cmd_stopped,
	    .reload = hangup_asked,
	    .say = say_log,
	    .user = o,
	};

	if (!add(&opts, watches, "containerd", &o->containerd) ||
	    !add(&opts, watches, "cri", &o->cri) || !add(&opts, watches, "docker", &o->docker) ||
	    !add(&opts, watches, "podman", &o->podman))
		return say_usage("node", "at most %d runtimes", AGENT_WATCHES);
	if (o->scan_cpu > MOST_PERCENT)
		return say_usage("node", "--scan-cpu is at most %d percent", MOST_PERCENT);
	if (o->scan_memory && o->scan_memory < LEAST_SCAN_MEMORY)
		return say_usage("node", "--scan-memory is at least %d MiB",
				 LEAST_SCAN_MEMORY >> 20);
	scan.cache_dir = o->cache_dir;
	scan.no_sandbox = o->no_sandbox;
	scan.insecure_registries = o->insecure.v;
	scan.mirrors = o->mirror.v;
	/* Before there are threads: whatever opens a folder of the machine goes by it. */
	if (o->host_root && setenv("RUMMAGE_NODE_HOST_ROOT", o->host_root, 1) != 0)
		return say_usage("node", "no memory for --host-root");
	if (o->install_check)
		return check_node(o, &opts, "node");
	if (o->once)
		return once(o, &opts);
	if (o->hub_url == NULL)
		return say_usage("node", "--hub URL says where the hub is; --once needs none");
	hangup_listen();
	if (agent_run(&opts, &err) != RMG_OK)
		return say_failure("node", &err, advice_of(&err));
	return EXIT_WHOLE;
}
