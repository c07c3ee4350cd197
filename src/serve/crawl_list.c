/* SPDX-License-Identifier: Apache-2.0 */
/* crawl_list.c - what a registry lists, asked slowly and again where it is busy or away. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "lib/client.h"
#include "serve/crawl_inside.h"

enum { WAIT_MS = 250, FIRST_PAUSE_S = 10, LONGEST_PAUSE_S = 3600, TRIES = 6 };

bool crawl_name_add(struct crawl_names *n, struct span name)
{
	char *text = span_dup(name);

	if (text && VEC_PUSH(&n->v, text))
		return true;
	free(text);
	return false;
}

void crawl_names_clear(struct crawl_names *n)
{
	VEC_EACH (it, &n->v)
		free(*it);
	VEC_DONE(&n->v);
}

bool crawl_may_ask(struct crawl *c)
{
	while (!env_stopping(c->env)) {
		if (atomic_load(&c->env->leads) && hub_registry_ask(c->env->hub, span_cstr(c->any)))
			return true;
		(void)clock_rest(WAIT_MS, env_stopping, c->env);
	}
	return false;
}

void crawl_trouble(struct crawl *c, const char *why)
{
	hub_registry_trouble(c->env->hub, span_cstr(c->any), why);
	if (!c->ill)
		env_say(c->env, "warn", "--crawl %s: %s", c->e.text, why);
	c->ill = true;
}

void crawl_well(struct crawl *c)
{
	if (!c->ill)
		return;
	hub_registry_trouble(c->env->hub, span_cstr(c->any), "");
	env_say(c->env, "info", "--crawl %s: the registry lists what it has again", c->e.text);
	c->ill = false;
}

bool crawl_again(struct crawl *c, unsigned *times, unsigned retry_s, const struct rmg_err *err)
{
	uint64_t pause_s =
	    MIN_OF(MAX_OF((unsigned)FIRST_PAUSE_S << *times, retry_s), (unsigned)LONGEST_PAUSE_S);

	if (++*times >= TRIES || env_stopping(c->env))
		return false;
	crawl_trouble(c, err->msg);
	return clock_rest(pause_s * 1000, env_stopping, c->env);
}

static bool is_busy(const struct client_page *p)
{
	return p->status == 0 || p->status == 429 || p->status >= 500;
}

/* One page, and where the next one is. */
static enum rmg_rc ask_page(struct crawl *c, struct client *client, enum listing of, listing_fn *fn,
			    struct arena *a, char **path, struct rmg_err *err)
{
	struct client_page page;
	unsigned times = 0;
	size_t odd = 0;
	enum rmg_rc rc;

	do {
		if (!crawl_may_ask(c))
			return err_set(err, RMG_E_STOPPED, "stopped");
		rc = client_page(client, *path, a, &page, err);
	} while (rc != RMG_OK && is_busy(&page) && crawl_again(c, &times, page.retry_s, err));
	if (rc != RMG_OK)
		return page.gone ? RMG_E_NOTFOUND : rc == RMG_E_NOTFOUND ? RMG_E_UNSUPPORTED : rc;
	rc = listing_parse(of, page.bytes, fn, c, &odd, err);
	c->odd += odd;
	return rc == RMG_OK ? listing_next(c->e.host, span_cstr(*path), page.link, a, path, err)
			    : rc;
}

enum rmg_rc crawl_pages(struct crawl *c, enum listing of, struct span repository, listing_fn *fn,
			struct rmg_err *err)
{
	struct reference ref = {.host = c->e.host, .repository = repository};
	struct client *client = NULL;
	struct arena
	    a[2]; /* the path of a page is in the one, the page and the next path in the other
		   */
	char *path = NULL;
	enum rmg_rc rc = client_new(&c->opts, &ref, &client, err);

	for (size_t i = 0; i < COUNT_OF(a); i++)
		arena_init(&a[i], 2 * LIMIT_LISTING_BYTES);
	if (rc == RMG_OK)
		path = listing_path(of, repository, &a[0]);
	if (rc == RMG_OK && path == NULL)
		rc = err_set(err, RMG_E_NOMEM, "no memory for a URL");
	c->full = false;
	for (unsigned i = 1; rc == RMG_OK && path && !c->full; i++) {
		struct arena *to = &a[i % COUNT_OF(a)];

		arena_reset(to);
		if (++c->pages > LIMIT_CRAWL_PAGES)
			rc = err_set(err, RMG_E_LIMIT, "more than %zu pages of lists",
				     (size_t)LIMIT_CRAWL_PAGES);
		else
			rc = ask_page(c, client, of, fn, to, &path, err);
	}
	client_free(client);
	for (size_t i = 0; i < COUNT_OF(a); i++)
		arena_done(&a[i]);
	return rc;
}
