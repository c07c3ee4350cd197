/* SPDX-License-Identifier: Apache-2.0 */
/* admit.h - may this start here? What the policy's rules say of an image before anything runs it,
 * from memory alone.
 *
 * The rules about findings and about what nobody has read are tried in their order, as for alerts:
 * the first that takes a finding decides, and its "admission" is what becomes of the start: denied,
 * let in with a warning, or let in. Rules for what does not run (dormant: true) are not asked.
 * An image that its cluster says nobody is to run is denied whatever the rules say.
 * Exceptions hold as they do for alerts, those of the namespace and the workload among them. */
#ifndef HUB_ADMIT_H
#define HUB_ADMIT_H

#include "hub/hub.h"

enum { ADMIT_FINDINGS = 6, ADMIT_LINES = ADMIT_FINDINGS + 2, ADMIT_LINE = 240 };

struct admit_ask {
	const struct event *would; /* the use that would begin: place, workload, labels */
	struct span digest;        /* "": what the reference means, as far as anybody told */
	struct span ref;
};

struct admit_answer {
	enum admit admit; /* the strictest of all that was found */
	bool known, read, complete;
	char digest[80]; /* of the image that was judged; "" where none is known */
	char means[80];  /* what the reference meant when it was heard of last; "" nobody told */
	size_t n_denied, n_warned;
	/* What was found, with the way out: what denies first, the worst before the others; then
	 * what would mend more of it at once, where that is known: a base that was pushed anew, a
	 * tag of the same repository that has less. Each ends with NUL; plain text of one line. */
	char lines[ADMIT_LINES][ADMIT_LINE];
	size_t n_lines;
	struct span rule; /* that decided, until the policy is another; "" none did */
};

/* Any thread. RMG_E_STOPPED: memory is not what the store says just now; nothing is known then. */
MUST enum rmg_rc hub_admit(struct hub *h, const struct admit_ask *ask, struct admit_answer *out,
			   struct rmg_err *err);

/* The same of all that a declared workload would run, taken together; of one that nobody declared
 * nothing is known. */
MUST enum rmg_rc hub_admit_workload(struct hub *h, const struct event *would,
				    struct admit_answer *out, struct rmg_err *err);

/* Whether any of these images is another one than what the workload runs (true as well where too
 * much runs to tell); nothing is new to one that nobody knows. */
bool hub_admit_is_another(struct hub *h, const struct event *asked);

/* Whether the rules deny this image wherever it would run: by one that asks for no place, of a
 * finding that no rule before it lets in anywhere, and no exception covers anywhere. Under the
 * hub's read lock. */
bool hub_admit_denies(struct hub *h, const struct world *w, struct advdb *db, uint32_t image);

/* What the rules about somebody who enters a container say of this command. */
enum admit hub_admit_entering(struct hub *h, const struct event *would, struct span command);

#endif
