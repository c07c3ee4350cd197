/* SPDX-License-Identifier: Apache-2.0 */
/* vex.h - OpenVEX documents (v0.2.0) and exceptions, each made of the other.
 *
 * A statement is taken apart into claims: one vulnerability name, one product, one subcomponent.
 * Of claims about the same the latest by its timestamp counts, a later one in the document where
 * they are equal. not_affected and fixed are exceptions whose owner is the author; affected and
 * under_investigation end them. A product is an image (pkg:oci, pkg:docker, a sha256) or a package
 * (any other purl); what only a CPE names, and subcomponents of a package, cannot be said as an
 * exception without saying more: skipped, and counted.
 *
 * A document with an incomplete statement is not valid (RMG_E_FORMAT), as the specification has it.
 * Bounded by LIMIT_VEX_BYTES and _CLAIMS. Pure but for vex_apply(). */
#ifndef HUB_VEX_H
#define HUB_VEX_H

#include "base/arena.h"
#include "base/strbuf.h"
#include "store/rows.h"

struct vex_claim {
	struct exception_row row; /* spans are the arena's */
	bool excepts;             /* else: it ends an exception */
};

struct vex {
	struct arena arena;
	struct vex_claim *claims;
	size_t n_claims, n_skipped;
	struct span author;
};

MUST enum rmg_rc vex_parse(struct span json, struct vex **out, struct rmg_err *err);
void vex_free(struct vex *v);

/* Puts, replaces and deletes exceptions of its author. In the caller's transaction. *taken: claims
 * that hold now. */
MUST enum rmg_rc vex_apply(const struct vex *v, struct store *st, int64_t now_ms, size_t *taken,
			   struct rmg_err *err);

/* Writes a document, statement by statement. Who takes a risk does not say that there is none: an
 * exception without a status becomes "affected" with what was decided as the action. */
struct vex_writer {
	struct strbuf *out;
	int64_t now_ms;
	size_t n;
};
void vex_begin(struct vex_writer *w, struct strbuf *out, struct span id, struct span author,
	       int64_t now_ms);
/* image: "sha256:...", ref its reference or ""; "" for a statement about packages. An exception
 * that is narrower than any product (a namespace, a workload), or names no advisory or several, is
 * left out: false. */
bool vex_put(struct vex_writer *w, const struct exception_row *row, struct span image,
	     struct span ref);
void vex_end(struct vex_writer *w);

#endif
