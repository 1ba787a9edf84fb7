/* SPDX-License-Identifier: MIT */
/*
 * usage: no-rseq [-ERROR[,CALL]] PROGRAM ARGUMENT...
 * The program runs under a filter that answers an error to a system call. Both are numbers; without
 * them they are ENOSYS, and rseq(2).
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    unsigned error = ENOSYS, call = SYS_rseq;
    char *more;

    if (argc > 1 && argv[1][0] == '-') {
        error = (unsigned)strtoul(argv[1] + 1, &more, 10);
        if (*more == ',')
            call = (unsigned)strtoul(more + 1, NULL, 10);
        argc--;
        argv++;
    }
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

    if (argc < 2)
        return 2;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("no-rseq: the filter");
        return 1;
    }
    execv(argv[1], argv + 1);
    perror(argv[1]);
    return 1;
}
