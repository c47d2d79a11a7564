/* The least that a server must do: receive a datagram and send it to the others.
 *
 *     udp_loop MEMBERS
 *
 * It prints "ready tcp=- udp=127.0.0.1:PORT". The sources of the first MEMBERS datagrams are the members. Each later
 * datagram goes to all of them except its sender. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 0;
    if (count < 1) {
        fprintf(stderr, "udp_loop: MEMBERS is %s: 1 or more\n", argc > 1 ? argv[1] : "missing");
        return 4;
    }
    struct sockaddr_in *members = calloc(count, sizeof *members);
    int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof own;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (members == NULL || fd < 0 || bind(fd, (struct sockaddr *)&own, length) != 0) {
        perror("udp_loop");
        return 1;
    }
    getsockname(fd, (struct sockaddr *)&own, &length);
    printf("ready tcp=- udp=127.0.0.1:%d\n", ntohs(own.sin_port));
    fflush(stdout);
    for (int known = 0;;) {
        static char buffer[65536];
        struct sockaddr_in from;
        length = sizeof from;
        ssize_t got = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &length);
        if (got < 0)
            continue;
        if (known < count) {
            members[known++] = from;
            continue;
        }
        for (int i = 0; i < count; i++)
            if (members[i].sin_port != from.sin_port || members[i].sin_addr.s_addr != from.sin_addr.s_addr)
                sendto(fd, buffer, got, 0, (struct sockaddr *)&members[i], sizeof members[i]);
    }
}
