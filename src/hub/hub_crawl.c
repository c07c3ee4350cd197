/* SPDX-License-Identifier: Apache-2.0 */
/* hub_crawl.c - for who walks through whole registries: what a question costs of what each may be
 * asked, and what is known already of what they list. */
#include <stdio.h>

#include "hub/hub_tags_inside.h"
#include "oci/digest.h"

bool hub_registry_ask(struct hub *h, struct span ref)
{
	struct tag_ask a = {0};
	struct tag_asks *t;
	bool may = false;

	pthread_mutex_lock(&h->tagging);
	t = tag_asks_of(h);
	if (t) {
		a.host = tag_host_of(t, ref);
		may = tag_may_ask(t, &a, TAG_IN_TURN, hub_now_ms(h));
	}
	if (may)
		tag_pay(t, &a, hub_now_ms(h));
	pthread_mutex_unlock(&h->tagging);
	return may;
}

void hub_registry_trouble(struct hub *h, struct span ref, const char *why)
{
	struct tag_asks *t;
	uint32_t host;

	pthread_mutex_lock(&h->tagging);
	t = tag_asks_of(h);
	host = t ? tag_host_of(t, ref) : 0;
	if (t && host < t->hosts.n)
		snprintf(t->hosts.v[host].said, sizeof t->hosts.v[host].said, "%.*s",
			 (int)sizeof t->hosts.v[host].said - 1, why);
	pthread_mutex_unlock(&h->tagging);
}

static enum rmg_rc look_up(struct hub *h, struct span ref, bool registry,
			   char digest[static DIGEST_TEXT], struct rmg_err *err)
{
	const struct world *w;
	enum rmg_rc rc = hub_read_lock(h, &w, NULL, err);
	const struct world_tag *t;

	*digest = '\0';
	if (rc != RMG_OK)
		return rc;
	t = &w->tags.v[world_tag_of(w, ref)];
	if (t != w->tags.v && (t->registry || !registry) && t->gone_ms == 0 &&
	    t->digest.n < DIGEST_TEXT)
		snprintf(digest, DIGEST_TEXT, SPAN_FMT, SPAN_ARG(t->digest));
	hub_read_unlock(h);
	return RMG_OK;
}

enum rmg_rc hub_tag_known(struct hub *h, struct span ref, char digest[static DIGEST_TEXT],
			  struct rmg_err *err)
{
	return look_up(h, ref, false, digest, err);
}

enum rmg_rc hub_tag_meaning(struct hub *h, struct span ref, char digest[static DIGEST_TEXT],
			    struct rmg_err *err)
{
	return look_up(h, ref, true, digest, err);
}

enum rmg_rc hub_image_is_read(struct hub *h, struct span digest, bool *read, struct rmg_err *err)
{
	const struct world *w;
	enum rmg_rc rc = hub_read_lock(h, &w, NULL, err);

	*read = rc == RMG_OK && world_digest_read(w, digest);
	if (rc != RMG_OK)
		return rc;
	hub_read_unlock(h);
	return RMG_OK;
}

enum rmg_rc hub_tags_there(struct hub *h, hub_tag_there_fn *fn, void *user, struct rmg_err *err)
{
	const struct world *w;
	enum rmg_rc rc = hub_read_lock(h, &w, NULL, err);
	bool more = true;

	if (rc != RMG_OK)
		return rc;
	for (size_t i = 1; i < w->tags.n && more; i++)
		if (w->tags.v[i].registry && w->tags.v[i].gone_ms == 0)
			more = fn(user, w->tags.v[i].ref);
	hub_read_unlock(h);
	return RMG_OK;
}
