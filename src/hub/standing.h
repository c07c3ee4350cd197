/* SPDX-License-Identifier: Apache-2.0 */
/* standing.h - how something that runs images stands: what was found in all of them, and what is
 * alerted of it. For those who tell it elsewhere, of many things and again and again.
 *
 * What an exception covers where the thing runs does not count. An advisory counts once, however
 * many of the images have it. Findings are gone over once for each set of images, and again when
 * they may be others; alerts are asked each time.
 *
 * A look holds the hub's read lock: it is to be short, and many looks may make one round. */
#ifndef HUB_STANDING_H
#define HUB_STANDING_H

#include "hub/hub.h"

/* X(name, "as written"), the worst last */
#define STANDINGS(X)                                                                               \
	X(CLEAN, "clean")                                                                          \
	/* nothing was found, but part of an image could not be read */                            \
	X(INCOMPLETE, "incomplete")                                                                \
	/* nobody has read an image */                                                             \
	X(UNREAD, "unread")                                                                        \
	X(AFFECTED, "affected")                                                                    \
	/* ... and an alert fires for it, by a rule that holds there */                            \
	X(ALERT, "alert")

enum standing_verdict {
#define X(name, text) STANDING_##name,
	STANDINGS(X)
#undef X
};
const char *standing_name(enum standing_verdict v);

struct standing {
	enum standing_verdict verdict;
	bool pending; /* something of it came a moment ago, and may be read in another */
	struct world_counts counts; /* not of what is excepted */
	uint32_t excepted, alerts, images, n_unread, n_incomplete;
	bool denied;            /* of an image: the rules of admission deny it everywhere */
	struct span kind, name; /* of the workload, until the look ends; "" a bare container's */
	uint64_t sum;           /* of all that was found, and of what; the same in every process */
};

struct standings;
/* cluster: the name of the place; borrowed. */
MUST enum rmg_rc standings_new(struct hub *h, struct span cluster, struct standings **out);
void standings_free(struct standings *s);

/* What changes with whatever may make something stand otherwise. */
MUST enum rmg_rc standings_news(struct standings *s, uint64_t *news, struct rmg_err *err);
/* What was worked out for a round is forgotten, where it is old. */
void standings_round(struct standings *s);

/* RMG_E_NOTFOUND: nothing is judged yet. Else it is ended by standings_away(). */
MUST enum rmg_rc standings_look(struct standings *s, struct rmg_err *err);
void standings_away(struct standings *s);

/* Within a look. false: nobody knows of it (yet), or memory ran out. */
MUST bool standing_of_workload(struct standings *s, struct span ns, struct span kind,
			       struct span name, struct standing *out);
/* Of these containers, all of which run: the pod's. */
MUST bool standing_of_containers(struct standings *s, const struct span *ids, size_t n,
				 struct standing *out);
/* Of the image that a digest means, whoever runs it: no alert, and no exception that is for a
 * namespace or a workload. Of several (an index) those count that were read; it is denied where all
 * of these are. */
MUST bool standing_of_image(struct standings *s, struct span digest, struct standing *out);

/* Of what was asked for last in this look: the worst of its findings, max at most, known-exploited
 * ones first; how many were given. Texts live until the look ends. */
struct standing_finding {
	struct span advisory, purl, name, version;
	struct span ref, digest; /* of an image that has it */
	char fixed[48];          /* the version that fixes it; "" none is known */
	enum adv_severity severity;
	bool kev;
};
size_t standing_worst(struct standings *s, struct standing_finding *out, size_t max);

/* ... the alerts that fire for it, the worst first, max at most; how many there are. */
struct standing_alert {
	uint32_t id;
	struct span advisory, rule; /* advisory "": it is not about a finding */
	enum adv_severity severity;
	int64_t opened_ms;
};
size_t standing_alerts(struct standings *s, struct standing_alert *out, size_t max);

#endif
