/* SPDX-License-Identifier: Apache-2.0 */
/* policy_read.h - the YAML of a policy into its struct; policy.h says what it promises. */
#ifndef HUB_POLICY_READ_H
#define HUB_POLICY_READ_H

#include "hub/policy.h"

/* p is zeroed but for its arena, from which all is taken. */
MUST enum rmg_rc policy_read(struct span yaml, struct policy *p, struct rmg_err *err);

#endif
