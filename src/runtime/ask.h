/* SPDX-License-Identifier: Apache-2.0 */
/* ask.h - for this folder: questions made of texts, and their answers. */
#ifndef RUNTIME_ASK_H
#define RUNTIME_ASK_H

#include "base/arena.h"
#include "base/strbuf.h"
#include "io/grpc.h"

struct asker {
	struct grpc *grpc;
	struct strbuf question, answer;
	struct arena arena;    /* for one message of a stream */
	struct grpc_call call; /* of the subscription */
};

MUST enum rmg_rc asker_open(struct asker *a, const struct grpc_opts *opts, struct rmg_err *err);
void asker_done(struct asker *a);

/* The question that is asked next: texts in fields 1, 2 and 3; those that are empty are left out.
 */
void asker_say(struct asker *a, struct span first, struct span second, struct span third);

/* One answer, kept until the next question; ns: containerd's namespace, "" none. */
MUST enum rmg_rc asker_ask(struct asker *a, const char *method, struct span ns,
			   struct rmg_err *err);

/* Many; each is sink's alone. */
MUST enum rmg_rc asker_stream(struct asker *a, const char *method, struct span ns,
			      grpc_sink_fn *sink, void *user, struct rmg_err *err);
MUST enum rmg_rc asker_begin(struct asker *a, const char *method, uint32_t stall_s,
			     grpc_sink_fn *sink, void *user, struct rmg_err *err);

#endif
