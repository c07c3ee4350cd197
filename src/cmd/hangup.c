/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/hangup.h"

#include <signal.h>
#include <stddef.h>

/* The signal's word, which the handler alone can leave. */
static volatile sig_atomic_t hung_up;

static void hang_up(int signal)
{
	(void)signal;
	hung_up = 1;
}

void hangup_listen(void)
{
	sigaction(SIGHUP, &(struct sigaction){.sa_handler = hang_up, .sa_flags = SA_RESTART}, NULL);
}

bool hangup_asked(void *user)
{
	bool asked = hung_up;

	(void)user;
	hung_up = 0;
	return asked;
}
