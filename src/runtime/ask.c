/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/ask.h"

#include <stdio.h>

#include "base/limits.h"
#include "runtime/unpack.h"

enum { QUESTION_BYTES = 64 << 10, NAMESPACE_BYTES = 256, TIMEOUT_MS = 60000 };

enum rmg_rc asker_open(struct asker *a, const struct grpc_opts *opts, struct rmg_err *err)
{
	a->question = strbuf_of(QUESTION_BYTES);
	a->answer = strbuf_of(LIMIT_GRPC_BYTES);
	arena_init(&a->arena, 2 * LIMIT_GRPC_BYTES);
	return grpc_new(opts, &a->grpc, err);
}

void asker_done(struct asker *a)
{
	grpc_free(a->grpc);
	strbuf_done(&a->question);
	strbuf_done(&a->answer);
	arena_done(&a->arena);
}

void asker_say(struct asker *a, struct span first, struct span second, struct span third)
{
	strbuf_clear(&a->question);
	pack_text(&a->question, 1, first);
	pack_text(&a->question, 2, second);
	pack_text(&a->question, 3, third);
}

static enum rmg_rc ask(struct asker *a, const char *method, struct span ns, bool stream,
		       grpc_sink_fn *sink, void *user, struct rmg_err *err)
{
	char text[NAMESPACE_BYTES];
	struct grpc_header header = {"containerd-namespace", text};
	struct grpc_call call = {.method = method,
				 .request = strbuf_span(&a->question),
				 .headers = &header,
				 .n_headers = ns.n ? 1 : 0,
				 .stream = stream,
				 .timeout_ms = stream ? 0 : TIMEOUT_MS,
				 .sink = sink,
				 .user = user};

	if (strbuf_rc(&a->question) != RMG_OK || ns.n >= sizeof text)
		return err_set(err, RMG_E_ARG, "too long for a question to a runtime");
	snprintf(text, sizeof text, SPAN_FMT, SPAN_ARG(ns));
	return grpc_do(a->grpc, &call, NULL, err);
}

static enum rmg_rc keep(void *user, struct span message, struct rmg_err *err)
{
	struct asker *a = user;

	strbuf_put(&a->answer, message);
	return strbuf_rc(&a->answer) == RMG_OK
		   ? RMG_OK
		   : err_set(err, strbuf_rc(&a->answer), "no room for an answer");
}

enum rmg_rc asker_ask(struct asker *a, const char *method, struct span ns, struct rmg_err *err)
{
	strbuf_clear(&a->answer);
	return ask(a, method, ns, false, keep, a, err);
}

enum rmg_rc asker_stream(struct asker *a, const char *method, struct span ns, grpc_sink_fn *sink,
			 void *user, struct rmg_err *err)
{
	return ask(a, method, ns, true, sink, user, err);
}

enum rmg_rc asker_begin(struct asker *a, const char *method, uint32_t stall_s, grpc_sink_fn *sink,
			void *user, struct rmg_err *err)
{
	a->call = (struct grpc_call){.method = method,
				     .request = strbuf_span(&a->question),
				     .stream = true,
				     .stall_s = stall_s,
				     .max_bytes = LIMIT_EVENT_BYTES,
				     .sink = sink,
				     .user = user};
	return grpc_begin(a->grpc, &a->call, err);
}
