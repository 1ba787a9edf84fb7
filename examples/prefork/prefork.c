/* SPDX-License-Identifier: MIT */
/*
 * usage: prefork [WORKERS [CLIENTS [REQUESTS]]]
 *
 * A server whose workers are processes, forked before the first request, as many servers have
 * them. All count in one set of counters; the parent, which serves nobody, prints their sums while
 * the workers go on, and at the end. It is its own test: CLIENTS processes make REQUESTS requests
 * each over a socket of loopback, and the status is 1 if one was not counted.
 *
 * cc prefork.c $(pkg-config --cflags --libs percpu)
 */
#include <netinet/in.h>
#include <percpu/alloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Allocated before the workers are forked: they find the pointer, and the same memory, there. */
struct counters {
    uint64_t requests, bytes, refused;
};
static struct counters PERCPU *counters;

static void fail(const char *what)
{
    perror(what);
    exit(2);
}

/* A request is a byte: 'x' is refused, any other is answered by itself. */
static void serve(int listener)
{
    for (;;) {
        int client = accept(listener, NULL, NULL);
        char request;

        if (client < 0)
            fail("accept");
        while (read(client, &request, 1) == 1) {
            percpu_inc_at(&counters->requests);
            percpu_inc_at(&counters->bytes);
            if (request == 'x') {
                percpu_inc_at(&counters->refused);
                request = '-';
            }
            if (write(client, &request, 1) != 1)
                fail("write");
        }
        close(client);
    }
}

static void ask(const struct sockaddr_in *address, long requests)
{
    int server = socket(AF_INET, SOCK_STREAM, 0);

    if (server < 0 || connect(server, (const struct sockaddr *)address, sizeof(*address)) != 0)
        fail("connect");
    for (long i = 0; i < requests; i++) {
        char request = i % 10 == 0 ? 'x' : 'a';

        if (write(server, &request, 1) != 1 || read(server, &request, 1) != 1)
            fail("request");
    }
}

static void print_sums(const char *when)
{
    printf("%s: %llu requests, %llu bytes, %llu refused\n", when,
           (unsigned long long)percpu_sum_at(&counters->requests),
           (unsigned long long)percpu_sum_at(&counters->bytes),
           (unsigned long long)percpu_sum_at(&counters->refused));
}

int main(int argc, char **argv)
{
    long workers = argc > 1 ? atol(argv[1]) : 4, clients = argc > 2 ? atol(argv[2]) : 8;
    long requests = argc > 3 ? atol(argv[3]) : 1000, failed = 0;
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    pid_t *served_by;
    uint64_t expected;

    if (workers < 1 || clients < 1 || requests < 0) {
        fprintf(stderr, "usage: prefork [WORKERS [CLIENTS [REQUESTS]]]\n");
        return 2;
    }
    counters = (struct counters PERCPU *)percpu_alloc_shared(sizeof(*counters), 64);
    if (!counters) {
        fprintf(stderr, "prefork: there is no memory that processes share\n");
        return 2;
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
        listen(listener, 64) != 0 || getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        fail("socket");

    served_by = calloc((size_t)workers, sizeof(*served_by));
    if (!served_by)
        fail("workers");
    for (long i = 0; i < workers; i++) {
        pid_t pid = fork();

        if (pid < 0)
            fail("fork");
        if (pid == 0)
            serve(listener);
        served_by[i] = pid;
    }
    for (long i = 0; i < clients; i++) {
        pid_t pid = fork();

        if (pid < 0)
            fail("fork");
        if (pid == 0) {
            ask(&address, requests);
            _exit(0);
        }
    }
    print_sums("meanwhile");
    for (long i = 0; i < clients; i++) {
        int status;
        pid_t pid = wait(&status);

        failed += pid < 0 || status != 0;
    }
    for (long i = 0; i < workers; i++)
        kill(served_by[i], SIGTERM);
    free(served_by);
    while (wait(NULL) > 0)
        ;
    print_sums("at the end");
    expected = (uint64_t)clients * (uint64_t)requests;
    return failed != 0 || percpu_sum_at(&counters->requests) != expected ||
           percpu_sum_at(&counters->refused) != (uint64_t)clients * (uint64_t)((requests + 9) / 10);
}
