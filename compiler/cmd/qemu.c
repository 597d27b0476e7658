/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU exits with 0 after a power-off, after a reset (with -no-reboot) and after being told to quit
 * alike, and with 1 both when isa-debug-exit got 0 and when an argument was wrong. Its control
 * protocol tells them apart, so a socket pair is put between the two:
 *
 *	hvcc					QEMU, with -S: the machine waits
 *		<- {"QMP": ...}
 *	{"execute": "qmp_capabilities"} ->
 *	{"execute": "cont"} ->			the machine runs
 *		<- {"event": "SHUTDOWN", "data": {"reason": "guest-shutdown"}}
 *		<- end of file
 */
#include "cmd/qemu.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"

enum { EXEC_FAILED = 127, LONGEST_LINE = 1 << 20 };

struct talk {
	int fd;
	struct buffer input;
	struct qemu_end *end;
};

static _Noreturn void become(struct arena *arena, const struct qemu_command *command, int fd)
{
	size_t count = command->words.count;
	const char **words = arena_array(arena, count + 6, sizeof(*words));

	memcpy(words, command->words.items, count * sizeof(*words));
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* not left behind when hvcc is killed */
	words[count] = "-S";
	words[count + 1] = "-chardev";
	words[count + 2] = arena_printf(arena, "socket,id=hvcc,fd=%d", fd);
	words[count + 3] = "-mon";
	words[count + 4] = "chardev=hvcc,mode=control";
	execvp(words[0], (char *const *)(uintptr_t)words);
	_exit(EXEC_FAILED);
}

/* A failure to write shows as the end of file that follows. */
static void say(const struct talk *talk, const char *command)
{
	char line[64];
	int length = snprintf(line, sizeof(line), "{\"execute\": \"%s\"}\n", command);

	if (send(talk->fd, line, (size_t)length, MSG_NOSIGNAL) < 0)
		return;
}

static void hear(struct talk *talk, const char *line, size_t length)
{
	json_t *message = json_loadb(line, length, 0, NULL);
	const char *event = json_string_value(json_object_get(message, "event"));
	const char *reason = json_string_value(
		json_object_get(json_object_get(message, "data"), "reason"));

	if (json_object_get(message, "QMP")) {
		say(talk, "qmp_capabilities");
		say(talk, "cont");
		talk->end->started = true;
	}
	if (event && reason && !strcmp(event, "SHUTDOWN")) {
		talk->end->powered_off |= !strcmp(reason, "guest-shutdown");
		talk->end->was_reset |= !strcmp(reason, "guest-reset");
	}
	json_decref(message);
}

/* Takes what has come; false at the end of file. */
static bool listen_once(struct talk *talk)
{
	char bytes[4096];
	ssize_t got = recv(talk->fd, bytes, sizeof(bytes), 0);
	uint8_t *newline;

	if (got <= 0)
		return got < 0 && errno == EINTR;
	buffer_bytes(&talk->input, bytes, (size_t)got);
	while ((newline = memchr(talk->input.data, '\n', talk->input.size))) {
		size_t length = (size_t)(newline - talk->input.data) + 1;

		hear(talk, (const char *)talk->input.data, length);
		memmove(talk->input.data, talk->input.data + length, talk->input.size - length);
		talk->input.size -= length;
	}
	return talk->input.size < LONGEST_LINE;
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/* Listens until QEMU closes its end; false when the time is over first. */
static bool listen_to_the_end(struct talk *talk, unsigned int seconds)
{
	long long limit = now_ms() + seconds * 1000ll;

	for (;;) {
		struct pollfd poll_fd = { .fd = talk->fd, .events = POLLIN };
		long long left = limit - now_ms();
		int ready;

		if (seconds && left <= 0)
			return false;
		ready = poll(&poll_fd, 1, seconds ? (int)left : -1);
		if (ready > 0 && !listen_once(talk))
			return true;
		if (ready < 0 && errno != EINTR)
			return true;
	}
}

/* Asked first, so that it can give the terminal back. */
static void stop(pid_t child, struct talk *talk)
{
	enum { GRACE_SECONDS = 5 };

	kill(child, SIGTERM);
	if (!listen_to_the_end(talk, GRACE_SECONDS))
		kill(child, SIGKILL);
}

static void reap(pid_t child, struct qemu_end *end)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return;
	if (WIFSIGNALED(status))
		end->signal = WTERMSIG(status);
	else
		end->status = WEXITSTATUS(status);
	end->missing = !end->started && end->status == EXEC_FAILED;
}

struct qemu_end qemu_run(struct arena *arena, const struct qemu_command *command,
			 unsigned int seconds)
{
	struct qemu_end end = { 0 };
	struct talk talk = { .end = &end };
	int fds[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds)) {
		end.error = errno;
		return end;
	}
	child = fork();
	if (!child) {
		close(fds[0]);
		become(arena, command, fds[1]);
	}
	end.error = child < 0 ? errno : 0;
	close(fds[1]);
	talk.fd = fds[0];
	if (child > 0) {
		end.timed_out = !listen_to_the_end(&talk, seconds);
		if (end.timed_out)
			stop(child, &talk);
		reap(child, &end);
	}
	close(fds[0]);
	buffer_free(&talk.input);
	return end;
}
