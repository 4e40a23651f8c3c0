#include "src/jobqueue/shared_topics.h"

#include <gtest/gtest.h>

namespace drover::jobqueue {
namespace {

// With fewer copies than have to be in sync, nobody could write there.
TEST(SharedTopics, have_the_copies_that_they_ask_for_D1) {
    for (const int brokers : {0, 1, 2, 3, 5}) {
        for (const SharedTopic& each : shared_topics(brokers)) {
            EXPECT_EQ(each.replication_factor, brokers < 1 ? 1 : brokers < 3 ? brokers : 3) << each.topic;
            EXPECT_EQ(each.config.contains("min.insync.replicas"), each.replication_factor == 3) << each.topic;
        }
    }
}

}  // namespace
}  // namespace drover::jobqueue
