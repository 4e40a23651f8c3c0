// The first process of a pod, and of the node itself: it keeps the namespaces alive and waits for orphans that end.
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  sigset_t awaited;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGCHLD);
  sigaddset(&awaited, SIGINT);
  sigaddset(&awaited, SIGTERM);
  if (sigprocmask(SIG_BLOCK, &awaited, NULL) != 0) return 1;

  int received = SIGCHLD;
  do {
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
  } while (sigwait(&awaited, &received) == 0 && received == SIGCHLD);
  return received == SIGCHLD;
}
