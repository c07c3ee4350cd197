/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_node.c - node: the agent of a machine, in the foreground. */
#include <rummage.h>

#include <stdio.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/grid.h"
#include "cmd/output.h"
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
		opts->cluster = "default";
	if (opts->node == NULL) {
		if (gethostname(name, sizeof name - 1) != 0)
			snprintf(name, sizeof name, "localhost");
		opts->node = name;
	}
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

	if (!add(&opts, watches, "containerd", &o->containerd) ||
	    !add(&opts, watches, "cri", &o->cri) || !add(&opts, watches, "docker", &o->docker) ||
	    !add(&opts, watches, "podman", &o->podman))
		return say_usage("node", "at most %d runtimes", AGENT_WATCHES);
	scan.cache_dir = o->cache_dir;
	scan.no_sandbox = o->no_sandbox;
	if (o->once)
		return once(o, &opts);
	if (o->hub_url == NULL)
		return say_usage("node", "--hub URL says where the hub is; --once needs none");
	if (agent_run(&opts, &err) != RMG_OK)
		return say_failure("node", &err, advice_of(&err));
	return EXIT_WHOLE;
}
