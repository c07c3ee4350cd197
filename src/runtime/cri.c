/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cri.h"

#include "runtime/ask.h"
#include "runtime/unpack.h"

#define RUNTIME "/runtime.v1.RuntimeService/"
#define IMAGES "/runtime.v1.ImageService/"

struct cri {
	struct asker ask;
	cri_event_fn *fn; /* of the subscription */
	void *user;
};

enum rmg_rc cri_open(const struct grpc_opts *opts, struct cri **out, struct rmg_err *err)
{
	struct cri *c = calloc(1, sizeof *c);
	enum rmg_rc rc;

	if (c == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a connection");
	rc = asker_open(&c->ask, opts, err);
	if (rc != RMG_OK) {
		cri_close(c);
		return rc;
	}
	*out = c;
	return RMG_OK;
}

void cri_close(struct cri *c)
{
	if (c == NULL)
		return;
	asker_done(&c->ask);
	free(c);
}

static enum rmg_rc ask(struct cri *c, const char *method, struct span id, struct rmg_err *err)
{
	asker_say(&c->ask, id, S(""), S(""));
	return asker_ask(&c->ask, method, S(""), err);
}

static struct span answer(const struct cri *c)
{
	return strbuf_span(&c->ask.answer);
}

enum rmg_rc cri_version(struct cri *c, struct arena *a, struct span *out, struct rmg_err *err)
{
	enum rmg_rc rc = ask(c, RUNTIME "Version", S(""), err);

	return rc == RMG_OK ? cri_read_version(answer(c), a, out, err) : rc;
}

enum rmg_rc cri_pods(struct cri *c, struct arena *a, struct cri_pod **out, size_t *n,
		     struct rmg_err *err)
{
	enum rmg_rc rc = ask(c, RUNTIME "ListPodSandbox", S(""), err);

	return rc == RMG_OK ? cri_read_pods(answer(c), a, out, n, err) : rc;
}

enum rmg_rc cri_pod_info(struct cri *c, struct span id, struct arena *a, struct span *json,
			 struct rmg_err *err)
{
	enum rmg_rc rc;

	asker_say(&c->ask, id, S(""), S(""));
	pack_flag(&c->ask.question, 2); /* verbose */
	rc = asker_ask(&c->ask, RUNTIME "PodSandboxStatus", S(""), err);
	return rc == RMG_OK ? cri_read_pod_info(answer(c), a, json, err) : rc;
}

enum rmg_rc cri_containers(struct cri *c, struct arena *a, struct cri_container **out, size_t *n,
			   struct rmg_err *err)
{
	enum rmg_rc rc = ask(c, RUNTIME "ListContainers", S(""), err);

	return rc == RMG_OK ? cri_read_containers(answer(c), a, out, n, err) : rc;
}

enum rmg_rc cri_status(struct cri *c, struct span id, struct arena *a, struct cri_container *out,
		       struct rmg_err *err)
{
	enum rmg_rc rc = ask(c, RUNTIME "ContainerStatus", id, err);

	return rc == RMG_OK ? cri_read_status(answer(c), a, out, err) : rc;
}

enum rmg_rc cri_images(struct cri *c, struct arena *a, struct cri_image **out, size_t *n,
		       struct rmg_err *err)
{
	enum rmg_rc rc = ask(c, IMAGES "ListImages", S(""), err);

	return rc == RMG_OK ? cri_read_images(answer(c), a, out, n, err) : rc;
}

static enum rmg_rc take_event(void *user, struct span message, struct rmg_err *err)
{
	struct cri *c = user;
	struct cri_event e;
	enum rmg_rc rc;

	arena_reset(&c->ask.arena);
	rc = cri_read_event(message, &c->ask.arena, &e, err);
	if (rc != RMG_OK || e.what == CRI_OTHER)
		return rc;
	return c->fn(c->user, &e, err);
}

enum rmg_rc cri_subscribe(struct cri *c, uint32_t stall_s, cri_event_fn *fn, void *user,
			  struct rmg_err *err)
{
	asker_say(&c->ask, S(""), S(""), S(""));
	c->fn = fn;
	c->user = user;
	return asker_begin(&c->ask, RUNTIME "GetContainerEvents", stall_s, take_event, c, err);
}

enum rmg_rc cri_wait(struct cri *c, uint32_t ms, bool *over, struct rmg_err *err)
{
	return grpc_wait(c->ask.grpc, ms, over, err);
}
