// SPDX-License-Identifier: MIT
/*
 * loadtest race SECONDS FILE: the image changes while it is being installed.
 *
 * Another thread switches fields of the file to and fro: its counts, offsets and
 * the place of init. Had the loader looked twice, what it checked would not be what
 * it uses. Each result is either good or a refusal in words. The other thread makes
 * no system call at all: nobody in the kernel may wait for it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "loadtest.h"

#define LONGER_S 25

static struct file file;
static volatile int stop;
static volatile unsigned long changes;

/* As long as it takes to copy some of the file. */
static void stay_so(void)
{
	for (volatile int i = 0; i < 300; i++)
		;
}

static void *change(void *arg)
{
	unsigned char *good = malloc(file.size);
	unsigned long seed = 1;

	memcpy(good, file.data, file.size);
	while (!stop) {
		size_t offset = (seed = seed * 6364136223846793005ul + 1442695040888963407ul) >> 33;

		/* Code is left alone: it may be run. */
		offset = offset % (file.size - 512) + 512;
		((volatile unsigned char *)file.data)[offset] ^= 1 << (seed >> 60 & 7);
		stay_so();
		((volatile unsigned char *)file.data)[offset] = good[offset];
		stay_so();
		changes++;
	}
	free(good);
	return NULL;
}

int test_race(int argc, char **argv)
{
	static char log[LOG_SIZE];
	long good = 0, refused = 0, result;
	time_t end;
	pthread_t threads;

	require(argc == 2, "loadtest race SECONDS FILE");
	file = file_read(argv[1]);
	install(file.data, file.size, NULL, BANOS_INSTALL_DRY_RUN, log);
	require(!pthread_create(&threads, NULL, change, NULL), "pthread_create");
	while (!changes)
		;
	/* On a busy host the two may hardly run side by side: then it takes longer. */
	for (end = time(NULL) + atoi(argv[0]);
	     time(NULL) < end || ((!good || !refused) && time(NULL) < end + LONGER_S);) {
		result = install(file.data, file.size, NULL, BANOS_INSTALL_DRY_RUN, log);
		require(!result || (result < 0 && strlen(log) > 20), "%ld: %s", result, log);
		*(result ? &refused : &good) += 1;
	}
	stop = 1;
	pthread_join(threads, NULL);
	printf("%ld good, %ld refused, %lu changes\ndone\n", good, refused, changes);
	return 0;
}
