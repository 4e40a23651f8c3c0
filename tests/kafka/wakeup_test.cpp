#include "src/kafka/wakeup.h"

#include <thread>

#include <gtest/gtest.h>
#include <poll.h>

namespace drover::kafka {
namespace {

bool readable(const Wakeup& wakeup, int millis) {
    pollfd entry{wakeup.fd(), POLLIN, 0};
    return ::poll(&entry, 1, millis) == 1;
}

TEST(Wakeup, is_readable_from_notify_until_clear) {
    Wakeup wakeup;
    EXPECT_FALSE(readable(wakeup, 0));
    wakeup.notify();
    wakeup.notify();
    EXPECT_TRUE(readable(wakeup, 0));
    wakeup.clear();
    EXPECT_FALSE(readable(wakeup, 0));
}

TEST(Wakeup, to_clear_one_that_was_not_notified_does_not_block) {
    Wakeup wakeup;
    wakeup.clear();
    EXPECT_FALSE(readable(wakeup, 0));
}

TEST(Wakeup, ends_the_wait_of_another_thread) {
    Wakeup wakeup;
    const std::jthread other([&] { wakeup.notify(); });
    EXPECT_TRUE(readable(wakeup, -1));
}

}  // namespace
}  // namespace drover::kafka
