/* SPDX-License-Identifier: Apache-2.0 */
/* execs N RATE PROGRAM - starts PROGRAM N times, RATE a second, and says in JSON what that took:
 * processor time of itself and of all that it started, and how long each start took until its end
 * was heard of. Built by bench/inside.py, static, for a container that has nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double spent_s(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int one(const char *program)
{
	char *const args[] = {(char *)program, NULL};
	int status = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		execv(program, args);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	int n = argc == 4 ? atoi(argv[1]) : 0;
	double *took = calloc((size_t)n + 1, sizeof *took), began = now_us(), rate;

	if (n < 1 || took == NULL)
		return 2;
	rate = atof(argv[2]);
	for (int i = 0; i < n; i++) {
		double due = began + i * 1e6 / rate, at = now_us();

		if (due > at)
			usleep((useconds_t)(due - at));
		at = now_us();
		if (!one(argv[3]))
			return 1;
		took[i] = now_us() - at;
	}
	began = (now_us() - began) / 1e6;
	qsort(took, (size_t)n, sizeof *took, by_value);
	printf("{\"rate\":%.1f,\"cpu_s\":%.6f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n", n / began,
	       spent_s(RUSAGE_SELF) + spent_s(RUSAGE_CHILDREN), took[n / 2],
	       took[(size_t)n * 99 / 100]);
	return 0;
}
