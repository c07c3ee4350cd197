/* SPDX-License-Identifier: Apache-2.0 */
/* ask.h - the questions: who runs this, what fires, what is known of a workload, what sleeps.
 *
 * Answers are JSON, written in pages: {"items":[...],"next":"CURSOR"|null,"as_of":RFC3339,
 * "database":DIGEST}. A cursor is opaque text that says where to go on; it stays valid while the
 * hub's ids do. Each answer is of one moment: it is written under the read lock, which a page's
 * size bounds. Schemas: docs/API.md. */
#ifndef HUB_ASK_H
#define HUB_ASK_H

#include "base/strbuf.h"
#include "hub/hub.h"

struct ask {               /* empty fields do not filter */
	struct span query; /* who-runs: an advisory's id, purl, name@version, sha256:..., a path, a
			      reference */
	struct span cluster, node, ns, workload, image, advisory, severity, state, rule;
	struct span ref;     /* tags */
	struct span against; /* difference: "" the image's parent */
	struct span cursor;
	uint32_t limit; /* 0: 100; at most 1000 */
	bool running_only, dormant_only, unused_only, vulnerable_only, behind_only;
};

/* Uses that have what the query names; items {image, digest, ref, cluster, node, namespace,
 * workload, container, began, dormant, findings|components|paths}, and "totals" on the first page.
 */
MUST enum rmg_rc ask_who_runs(struct hub *h, const struct ask *q, struct strbuf *out,
			      struct rmg_err *err);
MUST enum rmg_rc ask_images(struct hub *h, const struct ask *q, struct strbuf *out,
			    struct rmg_err *err);
/* Images as they lie on machines, one item each: by image, then machine. */
MUST enum rmg_rc ask_cached(struct hub *h, const struct ask *q, struct strbuf *out,
			    struct rmg_err *err);
MUST enum rmg_rc ask_image(struct hub *h, struct span digest, struct strbuf *out,
			   struct rmg_err *err); /* with components and findings */
/* What the scanners of registries say of an image, held against what we do: each finding with who
 * has it, and why not where it is theirs alone. */
MUST enum rmg_rc ask_others(struct hub *h, const struct ask *q, struct strbuf *out,
			    struct rmg_err *err);
/* What an image has that its parent, or another one, has not. */
MUST enum rmg_rc ask_difference(struct hub *h, const struct ask *q, struct strbuf *out,
				struct rmg_err *err);
MUST enum rmg_rc ask_workloads(struct hub *h, const struct ask *q, struct strbuf *out,
			       struct rmg_err *err);
MUST enum rmg_rc ask_timeline(struct hub *h, const struct ask *q, struct strbuf *out,
			      struct rmg_err *err); /* of one workload: its lineage, oldest first */
MUST enum rmg_rc ask_dormant(struct hub *h, const struct ask *q, struct strbuf *out,
			     struct rmg_err *err);
MUST enum rmg_rc
ask_tags(struct hub *h, const struct ask *q, struct strbuf *out,
	 struct rmg_err *err); /* history of a reference; skew where nodes differ */
MUST enum rmg_rc ask_alerts(struct hub *h, const struct ask *q, struct strbuf *out,
			    struct rmg_err *err);
MUST enum rmg_rc ask_alert(struct hub *h, uint32_t id, struct strbuf *out,
			   struct rmg_err *err); /* with its uses and log */
/* matched / total, and each thing that is not covered with its reason. */
MUST enum rmg_rc ask_coverage(struct hub *h, const struct ask *q, struct strbuf *out,
			      struct rmg_err *err);
MUST enum rmg_rc ask_exceptions(struct hub *h, const struct ask *q, struct strbuf *out,
				struct rmg_err *err);
MUST enum rmg_rc ask_outbox(struct hub *h, const struct ask *q, struct strbuf *out,
			    struct rmg_err *err);
/* {"records":N,"good":bool,"first_bad":SEQ|null,"why","head"}; the query is a head that was told
 * before ("17:0123...ef"), which must still be in the log, or empty. */
MUST enum rmg_rc ask_audit_verify(struct hub *h, const struct ask *q, struct strbuf *out,
				  struct rmg_err *err);
MUST enum rmg_rc ask_audit(struct hub *h, const struct ask *q, struct strbuf *out,
			   struct rmg_err *err);

#endif
