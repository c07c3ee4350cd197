/* SPDX-License-Identifier: Apache-2.0 */
/* cluster.h - what the clusters that a hub watches are called: as their address says, else as the
 * hub's own place. Which of them is the first: whose admission it answers. */
#ifndef SERVE_CLUSTER_H
#define SERVE_CLUSTER_H

#include "base/span.h"
#include "serve/serve.h"

bool cluster_is(const struct node_watch *w);
/* address NULL: the hub's own place. As long as the options live. */
struct span cluster_name(const struct serve_opts *o, const char *address);
/* Its address; NULL: none is watched. */
const char *cluster_first(const struct serve_opts *o);

#endif
