/* SPDX-License-Identifier: Apache-2.0 */
#include "io/http_many.h"

#include "base/clock.h"
#include "base/vec.h"
#include "io/http_inside.h"

struct http_many {
	CURLM *multi;
	VEC(struct http *) under_way;
};

enum rmg_rc http_many_new(struct http_many **out, struct rmg_err *err)
{
	struct http_many *m = calloc(1, sizeof *m);

	if (m == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (m->multi = curl_multi_init()) == NULL) {
		free(m);
		return err_set(err, RMG_E_NOMEM, "no memory for HTTP clients");
	}
	*out = m;
	return RMG_OK;
}

/* Its end, whatever is made of it. */
static enum rmg_rc take_out(struct http_many *m, struct http *h, CURLcode code, struct rmg_err *err)
{
	curl_multi_remove_handle(m->multi, http_inside_curl(h));
	VEC_EACH (it, &m->under_way)
		if (*it == h) {
			*it = m->under_way.v[--m->under_way.n];
			break;
		}
	return http_inside_end(h, code, err);
}

void http_many_free(struct http_many *m)
{
	if (m == NULL)
		return;
	while (m->under_way.n)
		if (take_out(m, m->under_way.v[0], CURLE_ABORTED_BY_CALLBACK, NULL) == RMG_OK)
			break;
	curl_multi_cleanup(m->multi);
	VEC_DONE(&m->under_way);
	free(m);
}

enum rmg_rc http_many_start(struct http_many *m, struct http *h, const struct http_request *req,
			    struct http_response *resp, struct rmg_err *err)
{
	CURL *c = VEC_PUSH(&m->under_way, h) ? http_inside_begin(h, req, resp) : NULL;

	if (c && curl_multi_add_handle(m->multi, c) == CURLM_OK)
		return RMG_OK;
	if (c)
		(void)take_out(m, h, CURLE_OUT_OF_MEMORY, NULL);
	return err_set(err, RMG_E_NOMEM, "no memory for a request");
}

static struct http *ended(struct http_many *m, enum rmg_rc *rc, struct rmg_err *err)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(m->multi, &left)) != NULL) {
		CURLcode code = msg->data.result;
		char *of = NULL;
		struct http *h;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &of);
		h = (struct http *)(void *)of;
		*rc = take_out(m, h, code, err);
		return h;
	}
	return NULL;
}

static uint64_t got(const struct http_many *m)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < m->under_way.n; i++)
		bytes += http_inside_got(m->under_way.v[i]);
	return bytes;
}

/* What TLS had read of the socket already, curl comes by without a descriptor that is ready: that
 * something came is seen by what the sinks had. */
struct http *http_many_wait(struct http_many *m, unsigned ms, enum rmg_rc *rc, struct rmg_err *err)
{
	int64_t end_ms = clock_tick_ms() + ms, left;
	uint64_t had = got(m);
	struct http *h;
	int running, ready = 0;

	do {
		curl_multi_perform(m->multi, &running);
		h = ended(m, rc, err);
		left = end_ms - clock_tick_ms();
		if (h || ready || got(m) != had || left <= 0)
			break;
		curl_multi_poll(m->multi, NULL, 0, (int)left, &ready);
	} while (true);
	return h;
}

unsigned http_many_status(struct http *h)
{
	long status = 0;

	curl_easy_getinfo(http_inside_curl(h), CURLINFO_RESPONSE_CODE, &status);
	return (unsigned)status;
}
