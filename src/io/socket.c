/* SPDX-License-Identifier: Apache-2.0 */
#include "io/socket.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool socket_answers(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	bool taken;
	int fd;

	if (n >= sizeof at.sun_path)
		return false;
	memcpy(at.sun_path, path, n);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	taken = connect(fd, (const struct sockaddr *)&at, sizeof at) == 0;
	close(fd);
	return taken;
}
