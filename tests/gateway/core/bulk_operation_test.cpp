#include "gateway/core/bulk_operation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

const Time noon = *parse_rfc3339("2026-03-01T12:00:00Z");

BulkOperation an_operation(const std::string& id = "op-1") {
    BulkOperation operation{.id = id, .queue = "shop.email", .by = "ann", .started_at = noon, .updated_at = noon};
    operation.order = *parse_bulk_order(
        "shop.email", R"({"action":"retry","filter":{"error":"Http503"},"ratePerSecond":20,"edit":[],"reason":"r"})");
    operation.counts = {.matched = 10, .done = 4, .skipped = 1, .failed = 2};
    operation.trouble = "a letter: too large";
    operation.is_planned = true;
    operation.ends = {{0, 100}, {11, 7}};
    operation.next = {{0, 42}};
    operation.cursor = "abc";
    return operation;
}

void apply(BulkBook& book, const BulkMessage& message) {
    ASSERT_TRUE(
        book.apply(message.key, message.value ? std::optional<std::string_view>(*message.value) : std::nullopt));
}

TEST(BulkOperation, C7_a_record_says_all_that_a_next_runner_needs) {
    const BulkOperation operation = an_operation();
    const BulkMessage message = bulk_message(operation);
    EXPECT_EQ(message.key, "bulk/shop.email/op-1");
    auto read = parse_bulk_record(message.key, *message.value);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_FALSE(read->is_planned);
    EXPECT_EQ(bulk_message(*read).value, message.value);
    const BulkMessage progress = bulk_progress_message(operation);
    EXPECT_EQ(progress.key, "bulk-progress/shop.email/op-1");
    EXPECT_EQ(progress.value->find("Http503"), std::string::npos) << "what was asked for is written once";
    ASSERT_TRUE(parse_bulk_progress(*progress.value, *read));
    EXPECT_EQ(bulk_progress_message(*read).value, progress.value);
    EXPECT_EQ(bulk_json(*read), bulk_json(operation));
    EXPECT_EQ(read->counts, operation.counts);
    EXPECT_EQ(read->ends, operation.ends);
    EXPECT_EQ(read->next, operation.next);
    EXPECT_EQ(read->cursor, "abc");
    EXPECT_TRUE(read->is_planned);
    EXPECT_EQ(read->order.rate, 20);
    EXPECT_EQ(read->order.edit, "[]");
}

TEST(BulkOperation, C7_what_is_no_record_is_told) {
    EXPECT_FALSE(parse_bulk_record("bulk/shop.email", "{}"));
    EXPECT_FALSE(parse_bulk_record("bulk/shop.email/", "{}"));
    EXPECT_FALSE(parse_bulk_record("bulk/shop.email/x", "[]"));
    EXPECT_FALSE(parse_bulk_record("bulk/shop.email/x", R"({"action":"retry"})"));
    EXPECT_FALSE(parse_bulk_record("bulk/shop.email/x", R"({"action":"x","startedAt":"2026-03-01T12:00:00Z"})"));
    BulkOperation operation = an_operation();
    EXPECT_FALSE(parse_bulk_progress("[]", operation));
    EXPECT_FALSE(parse_bulk_progress(R"({"state":"lost"})", operation));
    EXPECT_EQ(operation.counts, an_operation().counts);
}

RC_GTEST_PROP(BulkOperation, C7_any_bytes_are_a_record_or_not, (const std::string& key, const std::string& value)) {
    (void)parse_bulk_record("bulk/" + key, value);
    (void)parse_bulk_run(value);
    BulkOperation operation;
    (void)parse_bulk_progress(value, operation);
}

TEST(BulkBook, C7_knows_what_runs_and_what_somebody_wants_to_end) {
    BulkBook book;
    BulkOperation first = an_operation("op-1"), second = an_operation("op-2");
    second.started_at = noon + 1s;
    apply(book, bulk_message(first));
    apply(book, bulk_message(second));
    apply(book, bulk_abort_message(first, "bob", "enough", noon));
    EXPECT_EQ(book.running().size(), 2U);
    EXPECT_TRUE(book.is_to_abort("shop.email/op-1"));
    EXPECT_FALSE(book.is_to_abort("shop.email/op-2"));
    EXPECT_EQ(book.of_queue("shop.email").front()->id, "op-2");
    EXPECT_TRUE(book.of_queue("shop").empty());
    first.state = BulkState::aborted;
    first.ended_at = noon + 2s;
    apply(book, bulk_progress_message(first));
    apply(book, bulk_tombstone(bulk_abort_prefix, first));
    EXPECT_EQ(book.running().size(), 1U);
    EXPECT_FALSE(book.is_to_abort("shop.email/op-1"));
    ASSERT_FALSE(book.apply("bulk/shop.email/op-2", "nonsense"));
    EXPECT_NE(book.find("shop.email/op-2"), nullptr);
}

TEST(BulkBook, C7_forgets_what_ended_a_week_ago) {
    BulkBook book;
    BulkOperation operation = an_operation();
    apply(book, bulk_message(operation));
    EXPECT_TRUE(book.take_expired(noon + 24h * 365).empty());  // it runs
    operation.state = BulkState::completed;
    operation.ended_at = noon + 1h;
    apply(book, bulk_progress_message(operation));
    EXPECT_TRUE(book.take_expired(noon + bulk_kept).empty());
    EXPECT_THAT(book.take_expired(noon + bulk_kept + 1h), ElementsAre("shop.email/op-1"));
    EXPECT_EQ(book.find("shop.email/op-1"), nullptr);
}

TEST(BulkPace, C7_without_a_rate_nothing_is_held_back) {
    BulkPace pace(std::nullopt, noon);
    EXPECT_EQ(pace.allowed(noon, 500), 500U);
    pace.took(500);
    EXPECT_EQ(pace.allowed(noon, 500), 500U);
    EXPECT_EQ(pace.wait(), Duration{0});
}

// However often somebody asks, in any stretch no more is done than the rate and what a fifth of a second gives.
RC_GTEST_PROP(BulkPace, C7_a_rate_is_kept_however_often_it_is_asked, ()) {
    const double rate = *rc::gen::inRange(1, 1000) / 10.0;
    BulkPace pace(rate, noon);
    const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 3000));
    Time now = noon;
    std::size_t done = 0;
    for (const int millis : steps) {
        now += std::chrono::milliseconds(millis);
        const std::size_t allowed = pace.allowed(now, 1000);
        pace.took(allowed);
        done += allowed;
        const double seconds = std::chrono::duration<double>(now - noon).count();
        RC_ASSERT(static_cast<double>(done) <= 1 + seconds * rate + std::max(1.0, rate * 0.2) + 1e-6);
    }
}

// Whoever waits as long as it says gets on, at the rate.
RC_GTEST_PROP(BulkPace, C7_a_rate_is_reached_by_whoever_waits_as_it_says, ()) {
    const double rate = *rc::gen::inRange(1, 10000) / 10.0;
    BulkPace pace(rate, noon);
    Time now = noon;
    const std::size_t wanted = 50;
    for (std::size_t done = 0; done < wanted;) {
        const std::size_t allowed = pace.allowed(now, wanted - done);
        pace.took(allowed);
        done += allowed;
        if (allowed == 0) {
            RC_ASSERT(pace.wait() > Duration{0});
            now += pace.wait();
        }
    }
    const double seconds = std::chrono::duration<double>(now - noon).count();
    RC_ASSERT(seconds <= static_cast<double>(wanted) / rate * 1.01 + 0.001);
}

}  // namespace
}  // namespace drover::gateway
