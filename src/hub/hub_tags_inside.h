/* SPDX-License-Identifier: Apache-2.0 */
/* hub_tags_inside.h - what the files about questions to registries share: hub_tags.c (who is given
 * which), hub_tag_plan.c (how urgent each is, and how many a registry is asked), hub_tag_hints.c
 * (what registries say by themselves). All under h->tagging. */
#ifndef HUB_TAGS_INSIDE_H
#define HUB_TAGS_INSIDE_H

#include "hub/hub_inside.h"

struct tag_ask {
	char *ref, *why;
	int64_t asked_ms, told_ms, failed_ms, paid_ms;
	uint64_t failed_by; /* hash of a node */
	bool later;         /* it was to be asked at once, too often */
	bool hinted;        /* to be asked at once, when somebody can: a registry spoke of it */
	uint64_t claimed;   /* hash of the digest that it said, until it is answered; 0 none */
	uint64_t claimed_by;
	unsigned tries;
	/* As the plan has it: */
	uint32_t host;     /* index of hosts */
	uint32_t planned;  /* the look that found it in use last */
	int64_t first_ms;  /* since when it is in use, as far as this hub saw */
	uint32_t uses;     /* then */
	uint8_t tag_state; /* enum tag_state */
	uint8_t severity;  /* of the worst finding in what is used */
};

struct tag_host {
	char *name;
	int64_t paid_ms;          /* by when what was asked is paid off */
	double cut;               /* what is less urgent waits: there is more than may be asked */
	int64_t room;             /* questions until the next look */
	struct hub_registry seen; /* at the last look; name is this one's */
	char said[200];           /* what keeps it from being walked through; "" nothing */
};

struct tag_asks {
	VEC(struct tag_ask) v;
	struct map by_ref;
	VEC(struct tag_host) hosts;
	VEC(uint32_t) due; /* of v, the most urgent first, at the last look */
	struct hub_tag_opts opts;
	uint32_t tidied; /* one more than the look at which what is used no more was forgotten */
	uint32_t look;   /* counts looks at all that is used */
	int64_t next_look_ms;
	bool all;        /* somebody asks for all machines, and for those that sleep */
	size_t too_many; /* references that there was no room for, at the last look */
};

/* One call. */
struct wanting {
	struct hub *h;
	const struct world *w;
	uint64_t node;
	int64_t now_ms;
	bool all, enough;
	unsigned after_ms;
	size_t n;
	hub_tag_wanted_fn *fn;
	void *user;
};

/* hub_tags.c */
struct tag_asks *tag_asks_of(struct hub *h); /* NULL: no memory */
struct tag_ask *tag_ask_find(const struct tag_asks *t, struct span ref);
/* Made where it is new; NULL: no memory. What was given before may have moved. */
struct tag_ask *tag_ask_of(struct hub *h, struct span ref);
bool tag_is_of_registry(const struct wanting *x, struct span ref, const struct event_image *image,
			struct span runtime);
bool tag_ask_is_out(const struct tag_ask *a, const struct wanting *x);
void tag_ask_give(struct wanting *x, struct tag_ask *a, struct span ref,
		  const struct event_image *image, const struct world_tag *tag);

bool tag_is_later(const struct tag_ask *a, int64_t now_ms); /* ... and now it is later */

/* hub_tag_plan.c: looks at all that is used, where that was not done of late. */
void tag_plan(struct wanting *x);
int64_t tag_period_ms(const struct tag_asks *t, enum tag_state s);
/* How urgent it is to ask for one; 0: not yet. */
double tag_urgency(const struct tag_asks *t, const struct tag_ask *a, int64_t checked_ms,
		   int64_t now_ms);
enum tag_hurry { TAG_AT_ONCE, TAG_IN_TURN };
/* Whether its registry may be asked now. */
bool tag_may_ask(const struct tag_asks *t, const struct tag_ask *a, enum tag_hurry hurry,
		 int64_t now_ms);
void tag_pay(struct tag_asks *t, struct tag_ask *a, int64_t now_ms);
uint32_t tag_host_of(struct tag_asks *t,
		     struct span ref); /* index; 0: of those that are too many */
void tag_hosts_free(struct tag_asks *t);

#endif
