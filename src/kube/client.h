/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - one cluster's API: where it is, whom to trust, who we are; and questions to it.
 *
 * Address: "[CLUSTER=]WHERE[#CONTEXT][,URL...]". WHERE is one kubeconfig or several, with ':'
 * between, or "in-cluster[:FOLDER]", which is what a pod is given. Further URLs are other API
 * servers of the same cluster, asked in turn when one does not answer.
 * Tokens in files are read again after KUBE_TOKEN_S, and when they are refused; a plug-in is run
 * again when what it gave ends or is refused. One thread. */
#ifndef KUBE_CLIENT_H
#define KUBE_CLIENT_H

#include "base/strbuf.h"
#include "io/http.h"

enum { KUBE_TOKEN_S = 60, KUBE_SERVERS = 8 };

struct kube_opts {
	const char *address;
	bool (*stop)(void *user);
	void *user;
};

struct kube;
MUST enum rmg_rc kube_open(const struct kube_opts *opts, struct kube **out, struct rmg_err *err);
void kube_close(struct kube *k);

/* As the address says; "" where it does not. */
struct span kube_cluster_of(const char *address);

/* Credentials are made current; *anew: connections that are there are to be made again. */
MUST enum rmg_rc kube_ready(struct kube *k, bool *anew, struct rmg_err *err);

/* A connection for questions of one's own; texts of both live until the next kube_ready(). */
MUST enum rmg_rc kube_http(struct kube *k, uint32_t stall_s, struct http **out,
			   struct rmg_err *err);
const char *const *kube_headers(const struct kube *k);
void kube_url(const struct kube *k, const char *path, struct strbuf *out);

/* What came of it: no answer makes another server be asked, 401 makes credentials be read again. */
void kube_heard(struct kube *k, enum rmg_rc rc, unsigned status);

/* To accept of a list: names, labels and the like alone. */
#define KUBE_META_LIST "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

struct kube_question {
	const char *method, *path;
	const char *type, *accept; /* of the body, and of the answer; NULL: JSON */
	struct span body;
};
struct kube_answer {
	unsigned status;
	unsigned after_s; /* what Retry-After asks for; 0: nothing */
};
/* The answer's body is in out, whatever its status. RMG_OK: there is an answer. */
MUST enum rmg_rc kube_put(struct kube *k, const struct kube_question *q, struct strbuf *out,
			  struct kube_answer *a, struct rmg_err *err);
/* A question whose answer is short; type: of the body. *status is the answer's, out its body
 * whatever that is. RMG_OK: there is an answer. */
MUST enum rmg_rc kube_ask(struct kube *k, const char *method, const char *path, const char *type,
			  struct span body, struct strbuf *out, unsigned *status,
			  struct rmg_err *err);

#endif
