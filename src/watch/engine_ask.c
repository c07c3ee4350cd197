/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/engine_ask.h"

#include "base/limits.h"

static bool take(void *user, const struct http_response *resp, struct span bytes)
{
	struct engine_ask *a = user;

	(void)resp;
	strbuf_put(&a->body, bytes);
	return strbuf_rc(&a->body) == RMG_OK;
}

enum rmg_rc engine_ask(struct engine_ask *a, const char *what, struct span id, const char *tail,
		       unsigned *status, struct rmg_err *err)
{
	struct http_response resp;
	struct http_request req = {
	    .unix_socket = a->socket, .max_bytes = LIMIT_JSON_BYTES, .sink = take, .user = a};
	enum rmg_rc rc;

	strbuf_clear(&a->url);
	strbuf_clear(&a->body);
	strbuf_printf(&a->url, "http://engine/%s", what);
	strbuf_percent(&a->url, id, S("/:._-"));
	strbuf_puts(&a->url, tail);
	req.url = strbuf_cstr(&a->url);
	rc = http_do(a->http, &req, &resp, err);
	if (rc != RMG_OK)
		return rc;
	*status = resp.status;
	if (resp.status == 200 || resp.status == 404 || resp.status == ENGINE_NO_MANAGER ||
	    resp.status == ENGINE_NO_MANAGER_OF_OLD)
		return RMG_OK;
	return http_status_err(&req, &resp, err);
}

enum rmg_rc engine_ask_open(struct engine_ask *a, const struct watch_opts *opts,
			    struct rmg_err *err)
{
	struct http_opts http = {.stop = opts->stop, .user = opts->user};

	*a = (struct engine_ask){
	    .socket = opts->address, .url = strbuf_of(KIB(8)), .body = strbuf_of(LIMIT_JSON_BYTES)};
	return http_new(&http, &a->http, err);
}

void engine_ask_close(struct engine_ask *a)
{
	http_free(a->http);
	strbuf_done(&a->url);
	strbuf_done(&a->body);
}
