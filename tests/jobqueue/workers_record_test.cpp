#include "src/jobqueue/workers_record.h"

#include <gtest/gtest.h>

namespace drover::jobqueue {
namespace {

const WorkersRecord busy{.replicas = 3,
                         .ready = 2,
                         .min = 0,
                         .max = 20,
                         .reason = "TargetWait",
                         .message = "900 jobs \"unfinished\"\n",
                         .trouble = {{"WorkerUnreachable", "Refused", "port 8080"}, {"KeyBlocked", "Retrying", "7"}}};

TEST(WorkersRecord, tells_gateways_of_decisions_and_troubles_D3) {
    const ControlMessage record = workers_record("shop.email", busy);
    EXPECT_EQ(record.key, "workers/shop.email");
    const Result<WorkersRecord> read = parse_workers_record(record.value.value());
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, busy);
    EXPECT_EQ(*parse_workers_record(*workers_record("q", {}).value), WorkersRecord());
}

TEST(WorkersRecord, refuses_what_is_no_object_and_passes_over_what_it_does_not_know_D3) {
    for (const char* text : {"", "7", "[]", "{", "\xff"}) EXPECT_FALSE(parse_workers_record(text)) << text;
    const auto read =
        parse_workers_record(R"({"replicas":-3,"ready":"2","max":1e3,"later":[1],"trouble":[7,{"what":4}]})");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->replicas, 0);
    EXPECT_EQ(read->ready, 0);
    EXPECT_EQ(read->trouble.size(), 2u);
}

TEST(WorkersRecord, a_decision_and_a_trouble_are_news_at_once_and_a_sentence_is_none_D3) {
    WorkersRecord other = busy;
    other.message = "901 jobs";
    other.trouble[0].message = "port 8081";
    EXPECT_EQ(news_of(busy, other), WorkersNews::none);
    other.ready = 3;
    EXPECT_EQ(news_of(busy, other), WorkersNews::soon);
    other.replicas = 4;
    EXPECT_EQ(news_of(busy, other), WorkersNews::at_once);
    other = busy;
    other.trouble.pop_back();
    EXPECT_EQ(news_of(busy, other), WorkersNews::at_once);
}

}  // namespace
}  // namespace drover::jobqueue
