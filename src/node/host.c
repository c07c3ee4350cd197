/* SPDX-License-Identifier: Apache-2.0 */
/* host.c - this machine, as one more place with software: its root file system
 * is scanned now and then, and stands as a use that began with us. What it holds has no digest
 * of its own; it is named by the hash of its components, so that an upgrade is another content and
 * the lineage shows it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "format/sha256.h"
#include "lib/lib.h"
#include "node/node.h"
#include "oci/digest.h"

enum { EVERY_S = 3600 };

struct host {
	struct node *node;
	pthread_t thread;
	uint64_t epoch, seq;
	char source[300], digest[DIGEST_TEXT];
};

static void digest_of(const struct inventory *inv, char out[DIGEST_TEXT])
{
	struct sha256 *h = sha256_new();
	uint8_t hash[32] = {0};

	for (size_t i = 0; h && i < inv->n_components; i++) {
		sha256_put(h, inv->components[i].purl);
		sha256_put(h, S("\n"));
	}
	if (h)
		sha256_end(h, hash);
	sha256_free(h);
	digest_text(hash, out);
}

static struct event event_of(struct host *h, enum event_type type)
{
	return (struct event){
	    .type = type,
	    .source = span_cstr(h->source),
	    .epoch = h->epoch,
	    .seq = ++h->seq,
	    .at_ms = node_now_ms(h->node),
	    .place = {.cluster = span_cstr(h->node->cluster), .node = span_cstr(h->node->name)},
	    .workload_kind = S("Host"),
	    .workload_name = span_cstr(h->node->name),
	    .container = S("host"),
	    .container_name = S("host"),
	    .runtime = S("host"),
	};
}

/* The old content's use ends, and the new one's begins. */
static enum rmg_rc say(struct host *h, const char *digest, struct rmg_err *err)
{
	struct event e[2];
	bool resync;
	size_t n = 0;

	if (h->digest[0])
		e[n++] = event_of(h, EVENT_USE_ENDED);
	e[n] = event_of(h, EVENT_USE_BEGAN);
	e[n].image.ref = S("rootfs:/");
	e[n].image.digests[0] = span_cstr(digest);
	e[n].image.n_digests = 1;
	return h->node->to.events(h->node->to.user, e, n + 1, &resync, err);
}

static enum rmg_rc hand_over(struct host *h, struct inventory *inv, struct rmg_err *err)
{
	struct node_image reading = {.inventory = inv, .taken_ms = node_now_ms(h->node)};
	char digest[DIGEST_TEXT];
	enum rmg_rc rc;

	digest_of(inv, digest);
	if (strcmp(digest, h->digest) == 0)
		return RMG_OK;
	inv->manifest_digest = span_cstr(digest);
	rc = h->node->to.image(h->node->to.user, &reading, err);
	if (rc == RMG_OK)
		rc = say(h, digest, err);
	if (rc == RMG_OK)
		memcpy(h->digest, digest, sizeof digest);
	return rc;
}

static void scan(struct host *h)
{
	struct rmg_opts opts = node_scan_opts(h->node);
	struct rmg_image *image = NULL;
	struct rmg_inventory *inventory = NULL;
	struct rmg_err err = {0};
	enum rmg_rc rc;

	rc = rmg_image_open("rootfs:/", &opts, &image, &err);
	if (rc == RMG_OK)
		rc = rmg_inventory_take(image, &opts, &inventory, &err);
	if (rc == RMG_OK)
		rc = hand_over(h, inventory->inv, &err);
	if (rc == RMG_OK)
		node_say(h->node, "info", "read this machine: %zu components%s",
			 inventory->inv->n_components,
			 inventory->inv->complete ? "" : ", incomplete");
	else if (rc != RMG_E_STOPPED)
		node_say(h->node, "warn", "this machine could not be read: %s", err.msg);
	rmg_inventory_free(inventory);
	rmg_image_free(image);
}

static void *run(void *user)
{
	struct host *h = user;

	do
		scan(h);
	while (clock_rest(EVERY_S * UINT64_C(1000), node_stopping, h->node));
	return NULL;
}

enum rmg_rc host_start(struct node *n, struct host **out, struct rmg_err *err)
{
	struct host *h = calloc(1, sizeof *h);

	if (h == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for this machine");
	h->node = n;
	h->epoch = (uint64_t)node_now_ms(n);
	snprintf(h->source, sizeof h->source, "%s/host", n->name);
	if (pthread_create(&h->thread, NULL, run, h) != 0) {
		free(h);
		return err_set(err, RMG_E_NOMEM, "no thread for this machine");
	}
	*out = h;
	return RMG_OK;
}

void host_stop(struct host *h)
{
	if (h == NULL)
		return;
	pthread_join(h->thread, NULL);
	free(h);
}
