// A clock that is wrong: preloaded into a program, adds SHIFTED_CLOCK_SECONDS to the time of day. Time that only runs
// (CLOCK_MONOTONIC) is left as it is. What the program waits for until a time of day, the kernel gets in its own time.
#include <dlfcn.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>

namespace {

time_t shift() {
    static const time_t seconds = [] {
        const char* const text = std::getenv("SHIFTED_CLOCK_SECONDS");
        return text == nullptr ? 0 : std::atol(text);
    }();
    return seconds;
}

// A wait's end. The condition knows which clock it goes by, and we do not: no machine runs for thirty years, though.
timespec for_the_kernel(timespec end) {
    constexpr time_t years = 1'000'000'000;
    if (end.tv_sec > years) end.tv_sec -= shift();
    return end;
}

template <class Function>
Function* next(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* end) {
    static auto* const wait = next<decltype(pthread_cond_timedwait)>("pthread_cond_timedwait");
    const timespec true_end = for_the_kernel(*end);
    return wait(condition, mutex, &true_end);
}

int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* end) {
    static auto* const wait = next<decltype(cnd_timedwait)>("cnd_timedwait");
    const timespec true_end = for_the_kernel(*end);
    return wait(condition, mutex, &true_end);
}

int clock_gettime(clockid_t clock, timespec* time) noexcept {
    const auto result = static_cast<int>(syscall(SYS_clock_gettime, clock, time));
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += shift();
    return result;
}

int gettimeofday(timeval* time, void*) noexcept {
    timespec now{};
    const int result = clock_gettime(CLOCK_REALTIME, &now);
    *time = {.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return result;
}

time_t time(time_t* time) noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    if (time != nullptr) *time = now.tv_sec;
    return now.tv_sec;
}
}
