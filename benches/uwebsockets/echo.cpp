// An echo server on uWebSockets, for the comparison over the loopback: see build. It says which port it listens on.

#include "App.h"
#include <csignal>
#include <cstdio>
#include <sys/prctl.h>

int main() {
    // It ends with who started it.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct Nothing {};
    uWS::App()
        .ws<Nothing>("/echo", {
            .compression = uWS::DISABLED,
            // The defaults are too small for the workloads: 16 KiB, and 64 KiB beyond which messages are dropped.
            .maxPayloadLength = 16 * 1024 * 1024,
            .maxBackpressure = 64 * 1024 * 1024,
            .message = [](auto *socket, std::string_view message, uWS::OpCode kind) { socket->send(message, kind); },
        })
        .listen("127.0.0.1", 0, [](auto *listener) {
            if (!listener) {
                return;
            }
            std::printf("%d\n", us_socket_local_port(0, reinterpret_cast<us_socket_t *>(listener)));
            std::fflush(stdout);
        })
        .run();
    // It only ends if it could not listen.
    return 1;
}
